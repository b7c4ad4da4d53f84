"""Progress of a run on a terminal: answers, rate, cost, errors; elsewhere nothing."""

from decimal import Decimal
from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper
from django.db.models import Count, Q

from core.management.progress_bar import ProgressBar
from evaluations.engine.protocol import TaskResult
from evaluations.models import Run, TestResult
from evaluations.services.runs import spent_on

__all__ = ["Progress"]


class Progress:
    """A bar while the run goes on.

    Args:
        run: what runs.
        stream: where the bar is; it is drawn on a terminal only.
    """

    def __init__(self, run: Run, stream: OutputWrapper) -> None:
        self._run = run
        self._bar = ProgressBar(stream, counts=True)
        self._done = 0
        self._errors = 0
        self._cost = Decimal(0)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        if self._bar.is_shown:
            # A run that is resumed begins with what it has.
            rows = TestResult.objects.filter(evaluation__run=self._run, run_case__isnull=False)
            stored = rows.aggregate(done=Count("pk"), errors=Count("pk", filter=~Q(error="")))
            self._done, self._errors = stored["done"], stored["errors"]
            self._cost = spent_on(self._run).cost_usd
            self._show()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def step(self, finished: TaskResult) -> None:
        """Count one answer."""
        self._done += 1
        self._errors += bool(finished.error)
        answer = finished.answer
        if answer is not None and not answer.cached:  # a stored answer was paid for before
            self._cost += answer.cost_usd or 0
        self._cost += finished.grading_cost_usd or 0
        self._show()

    def _show(self) -> None:
        text = f"${self._cost:.4f}, {self._errors} errors"
        self._bar.update(text, self._done, self._run.planned)
