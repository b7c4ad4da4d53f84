"""The columns that count: of runs that are not deleted, that are done, that gates look at."""

from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from evaluations.models import Evaluation, Run, RunCase, TestCase

__all__ = ["is_whole", "list_completed", "list_gate_columns", "list_kept", "list_of_completed_runs"]


def list_kept() -> QuerySet[Evaluation]:
    """Return the evaluations whose run, if they have one, is not deleted."""
    return Evaluation.objects.filter(Q(run__isnull=True) | Q(run__deleted_at__isnull=True))


def list_completed() -> QuerySet[Evaluation]:
    """Return those of them that are completed."""
    return list_kept().filter(status=Evaluation.Status.COMPLETED)


def list_of_completed_runs() -> QuerySet[Evaluation]:
    """Return the columns by which a version may be released, the newest first.

    What people and programs write themselves releases nothing: nobody saw the answers.
    """
    return list_completed().filter(run__status=Run.Status.COMPLETED).order_by("-created_at")


def list_gate_columns() -> QuerySet[Any]:
    """Return those of them that asked every case that is enabled in their suite, newest first.

    A file's run may bear the suite's name and ask other cases, and a column may ask a part only.
    Each has `cases`: how many cases its run has.
    """
    # SQL has no "for all": no enabled case may exist of which the run has no copy. A suite without
    # cases would pass that, so one copy has to exist. The doubled OuterRef passes the query of the
    # cases and means the column's.
    copies = RunCase.objects.filter(run=OuterRef(OuterRef("run")), case=OuterRef("pk"))
    enabled = TestCase.objects.filter(suite=OuterRef("suite"), enabled=True)
    missing = enabled.filter(~Exists(copies))
    of_suite = RunCase.objects.filter(run=OuterRef("run"), case__suite=OuterRef("suite"))
    cases = RunCase.objects.filter(run=OuterRef("run")).order_by().values("run")
    count = cases.annotate(n=Count("pk")).values("n")
    return (
        list_of_completed_runs()
        .filter(~Exists(missing), Exists(of_suite))
        .annotate(cases=Coalesce(Subquery(count), 0))
    )


def is_whole(column: Any) -> bool:
    """Whether a column of `list_gate_columns`, with its run, has all answers that it was to have.

    Beyond the gate's cases it may have asked a part only of what its run holds.
    """
    repeats = column.run.repeats if column.run is not None else 1
    return bool(column.figures.answers == column.cases * repeats)
