"""How far a run is: figures for the page that watches it."""

from decimal import Decimal
from typing import Final, Protocol, TypedDict, cast
from uuid import UUID

from django.db.models import Count, Q, Sum

from evaluations.models import ERRORS, UNCHECKED, Run, TestResult

__all__ = ["ColumnProgress", "RunProgress", "build_progress"]


class ColumnProgress(TypedDict):
    """Answers that a column has."""

    done: int
    passed: int
    failed: int
    errors: int
    unchecked: int
    cached: int
    cost: float
    """US dollars, the judge's included."""


class RunProgress(ColumnProgress):
    """The same of all columns, and how long it will take."""

    status: str
    status_text: str
    message: str
    planned: int
    rate: float | None
    """Answers per second that were asked for; None at the beginning."""
    seconds: float
    seconds_left: float | None
    active: bool
    """Whether more is to come."""
    columns: dict[str, ColumnProgress]
    """By their keys."""


class _Counts(Protocol):
    """A row of `build_progress`: annotations may not be called like the table's own columns."""

    evaluation: UUID
    done: int
    passes: int
    failures: int
    wrong: int
    open: int
    known: int
    cost: Decimal | None
    grading: Decimal | None


COUNTS: Final = {
    "done": Count("pk"),
    "passes": Count("pk", filter=Q(passed=True)),
    "failures": Count("pk", filter=Q(passed=False)),
    "wrong": Count("pk", filter=ERRORS),
    "open": Count("pk", filter=UNCHECKED),
    "known": Count("pk", filter=Q(cached=True)),
    "cost": Sum("cost_usd"),
    "grading": Sum("grading_cost_usd"),
}


def build_progress(run: Run) -> RunProgress:
    """Return how far a run is; one query."""
    rows = (
        TestResult.objects.filter(evaluation__run=run, run_case__isnull=False)
        .order_by()
        .values("evaluation")
        .annotate(**COUNTS)
        .values_list("evaluation", *COUNTS, named=True)
    )
    columns = {str(row.evaluation): _count(row) for row in cast("list[_Counts]", rows)}
    done = sum(column["done"] for column in columns.values())
    cached = sum(column["cached"] for column in columns.values())
    seconds = run.seconds_used
    # What is reused takes no time, and says nothing of how long the others will take.
    rate = (done - cached) / seconds if seconds > 0 else None
    return {
        "done": done,
        "passed": sum(column["passed"] for column in columns.values()),
        "failed": sum(column["failed"] for column in columns.values()),
        "errors": sum(column["errors"] for column in columns.values()),
        "unchecked": sum(column["unchecked"] for column in columns.values()),
        "cached": cached,
        "cost": sum(column["cost"] for column in columns.values()),
        "status": run.status,
        "status_text": str(run.get_status_display()),
        "message": run.message,
        "planned": run.planned,
        "rate": rate,
        "seconds": seconds,
        "seconds_left": (run.planned - done) / rate if rate else None,
        "active": run.is_open,
        "columns": columns,
    }


def _count(row: _Counts) -> ColumnProgress:
    return {
        "done": row.done,
        "passed": row.passes,
        "failed": row.failures,
        "errors": row.wrong,
        "unchecked": row.open,
        "cached": row.known,
        "cost": float(row.cost or 0) + float(row.grading or 0),
    }
