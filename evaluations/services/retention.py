"""What is old goes for good: whole runs, the answers of runs, what lies in the trash.

What is old enough, and what stays all the same, is found by `evaluations.selectors.expired`. A run
is put into the trash and marked before the first of its rows goes: nobody sees a half run, and what
was interrupted goes on at the next time. Transactions are short: see `delete_in_batches`.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce, Now

from core.services import delete_in_batches
from evaluations.models import Evaluation, Rating, Run, RunCase, TestResult
from evaluations.models.runs import OPEN
from evaluations.selectors.expired import (
    BEING_DELETED,
    list_trashed_columns,
    list_trashed_suites,
    results_of_runs,
)

__all__ = [
    "delete_answers_of_runs",
    "delete_runs_for_good",
    "delete_trashed_columns",
    "delete_trashed_suites",
]

RUNS_AT_A_TIME: Final = 50

Report = Callable[[int], object]


def _keep_silent(_count: int) -> None:
    """Report nothing."""


def delete_runs_for_good(run_ids: Sequence[UUID], *, report: Report = _keep_silent) -> int:
    """Remove runs with their cases, columns, answers and what people said of them.

    One that has been opened again in the meantime stays.

    Args:
        run_ids: the runs, in use or in the trash.
        report: called with how many runs went, some at a time.

    Returns:
        How many runs went.
    """
    count = 0
    for start in range(0, len(run_ids), RUNS_AT_A_TIME):
        chunk = _mark(run_ids[start : start + RUNS_AT_A_TIME])
        delete_in_batches(results_of_runs(chunk), dependents={Rating: "result"})
        delete_in_batches(RunCase.objects.filter(run__in=chunk).order_by())
        deleted = _delete_empty(chunk)
        count += deleted
        report(deleted)
    return count


def _mark(run_ids: Sequence[UUID]) -> list[UUID]:
    """Put runs into the trash from which nobody takes them back; return which."""
    rows = Run.all_objects.filter(pk__in=run_ids)
    in_use = rows.filter(deleted_at__isnull=True, status__in=OPEN)
    rows.exclude(pk__in=in_use.values("pk")).update(
        deleted_at=Coalesce("deleted_at", Now()), message=BEING_DELETED
    )
    marked = rows.filter(deleted_at__isnull=False, message=BEING_DELETED)
    return list(marked.values_list("pk", flat=True))


@transaction.atomic
def _delete_empty(run_ids: Sequence[UUID]) -> int:
    """Remove runs that have neither cases nor answers any more, with their columns."""
    Run.all_objects.filter(baseline__in=run_ids).update(baseline=None)
    delete_in_batches(Evaluation.all_objects.filter(run__in=run_ids).order_by())
    return delete_in_batches(Run.all_objects.filter(pk__in=run_ids).order_by())


def delete_answers_of_runs(
    run_ids: Sequence[UUID], *, today: date, report: Report = _keep_silent
) -> int:
    """Remove the answers of completed runs; the runs with their cases and figures stay.

    Each run says in its message that its answers are gone. What people have judged stays.

    Args:
        run_ids: the runs; those that are not completed are left alone.
        today: the day that the messages name.
        report: called after each batch with how many answers went.

    Returns:
        How many answers went.
    """
    count = 0
    message = f"its answers were deleted on {today.isoformat()}, as they were old enough"
    for start in range(0, len(run_ids), RUNS_AT_A_TIME):
        chunk = run_ids[start : start + RUNS_AT_A_TIME]
        completed = Run.objects.filter(pk__in=chunk, status=Run.Status.COMPLETED)
        completed.update(message=message)  # first: an empty grid is never unexplained
        keys = list(completed.values_list("pk", flat=True))
        rated = Rating.objects.filter(result=OuterRef("pk"))
        rows = results_of_runs(keys).filter(~Exists(rated))
        count += delete_in_batches(rows, report=report)
    return count


def delete_trashed_suites(*, before: datetime) -> int:
    """Remove suites that were put into the trash before then; return how many there were.

    Their runs stay, with the cases as they were. A suite that a release gate asks for stays.
    """
    count = 0
    for key in list(list_trashed_suites(before).values_list("pk", flat=True)):
        _deleted, per_model = list_trashed_suites(before).filter(pk=key).hard_delete()
        count += per_model.get("evaluations.TestSuite", 0)
    return count


def delete_trashed_columns(*, before: datetime) -> int:
    """Remove evaluations that were put into the trash before then; return how many there were."""
    columns: QuerySet[Evaluation] = list_trashed_columns(before).order_by()
    results = TestResult.objects.filter(evaluation__in=columns.values("pk")).order_by()
    delete_in_batches(results, dependents={Rating: "result"})
    return delete_in_batches(columns)
