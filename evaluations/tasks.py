"""Evaluations in the background: the queue rings the bell, the rows say what there is to do."""

import logging
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django_tasks import task

from core.database.explanation import explain
from core.database.outages import find_outage
from core.errors import InvalidInputError, NotFoundError
from evaluations.models import Run
from evaluations.services.runs import (
    cancel_left_runs,
    execute_run,
    give_to_workers,
    runs_to_resume,
)

__all__ = ["enqueue_run", "resume_runs", "run_evaluation"]

logger = logging.getLogger(__name__)


@task()
def run_evaluation(run_id: str) -> str:
    """Work on a run; return how it ended. One that somebody else is at is left to them."""
    try:
        run = execute_run(run_id, only_open=True)
    except (InvalidInputError, NotFoundError) as error:
        logger.info("A run was left to its worker: %s", error)
        return "left alone"
    except DatabaseError as error:
        cause = explain(error)
        if cause is None:
            raise
        logger.error("Run %s was interrupted and will be resumed: %s", run_id, cause)  # noqa: TRY400 (a sentence, no traceback)
        return "interrupted"
    if run.status == Run.Status.RUNNING and not run.worker:
        # This worker has to end. The next one need not wait until it looks by itself.
        _enqueue(run_id)
        return "given back"
    return str(run.status)


def enqueue_run(run_id: UUID | str) -> bool:
    """Have a run worked on soon; False where the queue is away: then a worker finds it later.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
    """
    give_to_workers(run_id)
    if connection.in_atomic_block:
        # A worker that is quicker than the commit would not find the run.
        transaction.on_commit(lambda: _enqueue(run_id))
        return True
    return _enqueue(run_id)


def _enqueue(run_id: UUID | str) -> bool:
    try:
        run_evaluation.enqueue(str(run_id))
    except Exception as error:  # the queue's own, of whichever kind
        outage = find_outage(error)  # the thread of a process asks the database first
        if outage is not None:
            logger.warning("The run is waiting for a worker: %s", outage.sentence)
            return False
        logger.warning(
            "The queue cannot be reached; the run is waiting for a worker", exc_info=True
        )
        return False
    return True


def resume_runs() -> int:
    """Enqueue runs whose worker died, and those that nobody was told of; return how many."""
    cancel_left_runs()
    run_ids = runs_to_resume()
    for run_id in run_ids:
        _enqueue(run_id)
    return len(run_ids)
