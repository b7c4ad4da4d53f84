"""Reads of evaluations: each is one query, whatever the number of rows."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Avg, Count, QuerySet
from django.db.models.functions import TruncDate

from core.errors import NotFoundError
from evaluations.models import Evaluation, TestResult, TestSuite

__all__ = [
    "DailyScore",
    "count_evaluations_by_status",
    "count_results",
    "count_suites",
    "daily_counts",
    "daily_scores",
    "find_suite",
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
