"""Who tells the numbers of `definitions`: the observers that the other rooms let us register.

`install` is called by whoever serves: the middleware of the site, and a worker of the queue. A
command that serves nobody counts nothing, since nobody could ask it.
"""

import logging
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.db.backends.signals import connection_created
from django_tasks import TaskResultStatus

from autoforge.cache_counts import Outcome, set_listener
from autoforge.metrics import definitions
from autoforge.metrics.database_use import count_statements
from autoforge.metrics.definitions import Names
from core.events.services.deliveries import attempt_recorded
from evaluations.observing import ObservedCall, ObservedRun, register_observer

__all__ = ["CallCounter", "ErrorCounter", "count_tasks", "install"]

# Models of a gateway are named by its callers: anybody with a key could make up thousands.
MOST_MODELS: Final = 100
MOST_ERRORS: Final = 100

models = Names(MOST_MODELS)
errors = Names(MOST_ERRORS)


@lru_cache(maxsize=1)
def install() -> None:
    """Count from now on what happens in this process; to call it again does nothing."""
    connection_created.connect(count_statements, dispatch_uid="autoforge.metrics")
    for connection in connections.all(initialized_only=True):
        count_statements(connection)
    set_listener(_count_cache)
    register_observer(CallCounter())
    attempt_recorded.connect(_count_delivery, dispatch_uid="autoforge.metrics")
    logging.getLogger().addHandler(ErrorCounter())


def _count_cache(outcome: Outcome, count: int) -> None:
    definitions.CACHE_OPERATIONS.labels(outcome).inc(count)


def _count_delivery(*, outcome: str, **_signal: object) -> None:
    definitions.WEBHOOK_DELIVERIES.labels(outcome).inc()


class CallCounter:
    """Counts calls of models, their tokens and their cost."""

    def call_finished(self, call: ObservedCall) -> None:
        """Count a call."""
        provider, model = models.limit(call.provider, call.model)
        outcome = "error" if call.answer is None else "answered"
        definitions.MODEL_CALLS.labels(provider, model, outcome).inc()
        seconds = max(0.0, call.answered_at - call.asked_at)
        definitions.MODEL_CALL_SECONDS.labels(provider, model).observe(seconds)
        if call.answer is not None:
            tokens = definitions.MODEL_TOKENS
            tokens.labels(provider, model, "input").inc(call.answer.input_tokens or 0)
            tokens.labels(provider, model, "output").inc(call.answer.output_tokens or 0)
        if call.cost_usd is not None:
            definitions.MODEL_COST.labels(provider, model).inc(float(call.cost_usd))
        if call.place is not None:
            definitions.GRADING_CALLS.inc(call.place.grading_calls)
            definitions.GRADING_COST.inc(float(call.place.grading_cost_usd or 0))

    def run_finished(self, run: ObservedRun) -> None:
        """Count nothing: how many runs there are is read from the database."""


class ErrorCounter(logging.Handler):
    """Counts what the log is told as an error, once each, however often the line is held back."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        if record.name.startswith("django.request"):
            return  # the line of the same request tells it again
        error = record.exc_info[1] if record.exc_info else None
        if error is None and getattr(record, "is_request_line", False):
            return  # an answer of 5xx that somebody chose: it is counted as a request
        kind = record.name if error is None else type(error).__name__
        definitions.ERRORS.labels(*errors.limit(kind)).inc()


def count_tasks(queue: Any) -> None:
    """Count the tasks that a worker of this queue ends.

    Args:
        queue: huey's.
    """
    from django_tasks.signals import task_finished
    from huey.signals import SIGNAL_COMPLETE, SIGNAL_ERROR, SIGNAL_INTERRUPTED

    # What was enqueued is told by django-tasks, which runs all of it inside of one task of huey's
    # and keeps their errors to itself; what a worker does by the clock is told by huey.
    task_finished.connect(_count_enqueued, dispatch_uid="autoforge.metrics")
    queue.signal(SIGNAL_COMPLETE, SIGNAL_ERROR, SIGNAL_INTERRUPTED)(_count_periodic)


def _count_enqueued(*, task_result: Any, **_signal: object) -> None:
    outcome = "complete" if task_result.status == TaskResultStatus.SUCCESSFUL else "error"
    definitions.TASKS.labels(task_result.task.module_path, outcome).inc()


def _count_periodic(signal: str, task: Any, *_error: object) -> None:
    if task.name in settings.PERIODIC_TASKS:
        definitions.TASKS.labels(task.name, signal).inc()
