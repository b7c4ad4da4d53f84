"""Reads of evaluations: each is one query, whatever the number of rows."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Avg, Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncDate

from core.errors import NotFoundError
from evaluations.models import Evaluation, TestCase, TestResult, TestSuite

__all__ = [
    "DailyScore",
    "count_evaluations_by_status",
    "count_results",
    "count_suites",
    "daily_counts",
    "daily_scores",
    "find_suite",
    "list_cases",
    "list_suites",
    "recent_evaluations",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyScore:
    """How the evaluations of one day scored."""

    day: date
    """The day, in the current time zone."""
    evaluations: int
    """How many evaluations were made that day."""
    mean_score: float | None
    """Mean of their overall scores, 0 to 1; None if none has one."""


def count_evaluations_by_status() -> dict[str, int]:
    """Return status → number of evaluations, every status included."""
    rows = Evaluation.objects.order_by().values_list("status").annotate(Count("pk"))
    return dict.fromkeys(Evaluation.Status.values, 0) | dict(rows)


def count_results() -> int:
    """Return how many test results there are."""
    return TestResult.objects.count()


def count_suites() -> int:
    """Return how many test suites are in use."""
    return TestSuite.objects.count()


def find_suite(name: str) -> TestSuite:
    """Return the suite of a name.

    Raises:
        NotFoundError: there is none; names what there is.
    """
    found = TestSuite.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(TestSuite.objects.values_list("name", flat=True)[:10]) or "none yet"
        raise NotFoundError("suite.missing", name=name, names=names)
    return found


def list_suites(
    *, search: str = "", name: str = "", deleted: bool = False
) -> "QuerySet[TestSuite, TestSuite]":
    """Return suites with `case_count` and `enabled_count`, in no order.

    Args:
        search: a part of name or description; empty: all.
        name: the whole name; empty: all.
        deleted: those in the trash instead of those in use.
    """
    rows = TestSuite.all_objects.deleted() if deleted else TestSuite.objects.all()
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
    if name:
        rows = rows.filter(name=name)
    # Counted for the rows of a page alone, where a join would count those of all suites first.
    counted = TestCase.objects.order_by().filter(suite=OuterRef("pk")).values("suite")
    every = Subquery(counted.values(number=Count("pk")), output_field=IntegerField())
    enabled = Subquery(
        counted.filter(enabled=True).values(number=Count("pk")), output_field=IntegerField()
    )
    return rows.annotate(case_count=Coalesce(every, 0), enabled_count=Coalesce(enabled, 0))


def list_cases(
    suite_id: UUID, *, search: str = "", enabled: bool | None = None
) -> "QuerySet[TestCase, TestCase]":
    """Return cases of a suite, in no order.

    Args:
        suite_id: the suite.
        search: a part of name or expected answer; empty: all.
        enabled: whether runs ask them; None: all.
    """
    rows = TestCase.objects.filter(suite=suite_id)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(expected__icontains=search))
    if enabled is not None:
        rows = rows.filter(enabled=enabled)
    return rows


def daily_scores(since: datetime) -> list[DailyScore]:
    """Return the days since `since` that have evaluations, the oldest first."""
    days = (
        Evaluation.objects.filter(created_at__gte=since)
        .order_by()
        .values(day=TruncDate("created_at"))
        .annotate(evaluations=Count("pk"), mean_score=Avg("overall_score"))
        .order_by("day")
    )
    return [DailyScore(**day) for day in days]


def daily_counts(since: datetime) -> dict[date, int]:
    """Return day (in the current time zone) → number of evaluations made, since `since`."""
    return {score.day: score.evaluations for score in daily_scores(since)}


def recent_evaluations(limit: int = 10) -> QuerySet[Evaluation]:
    """Return the newest evaluations of prompts that are not deleted, with their prompts."""
    found = Evaluation.objects.filter(prompt__deleted_at__isnull=True)
    return found.select_related("prompt", "version")[:limit]
