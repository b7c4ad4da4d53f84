"""Figures of runs from their stored results, and comparisons of two."""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Count, Q, Sum

from evaluations.engine.statistics import (
    Comparison,
    Interval,
    Observation,
    Summary,
    compare,
    histogram,
    quantile_from_counts,
    summarise,
)
from evaluations.models import UNCHECKED, Evaluation, TestResult
from evaluations.selectors.sql_summaries import large_figures, latency_counts

__all__ = ["compare_columns", "observations", "small_figures", "summarise_evaluation"]

CHUNK: Final = 5000
LARGE: Final = 5000  # answers: from here on the database works the figures out
BOX: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def observations(evaluation: Evaluation) -> Iterator[Observation]:
    """Yield what became of each case, in one query."""
    rows = (
        TestResult.objects.filter(evaluation=evaluation, run_case__isnull=False)
        .order_by("run_case__position", "repeat")
        .annotate(unchecked=UNCHECKED)
        .values_list(
            "run_case__key", "passed", "score", "run_case__weight", "run_case__name", "unchecked"
        )
    )
    for key, passed, score, weight, name, unchecked in rows.iterator(chunk_size=CHUNK):
        yield Observation(
            case=key, passed=passed, score=score, weight=weight, name=name, checked=not unchecked
        )


def summarise_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """Return a column's figures as the JSON that it keeps; many answers are never held at once."""
    spending = _spending(evaluation)
    large = spending.pop("stored") > LARGE
    return (large_figures if large else small_figures)(evaluation) | spending


def small_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures from all answers in memory, with bootstrap intervals."""
    rows = list(observations(evaluation))
    scores = histogram(row.score for row in rows if row.score is not None)
    return _figures(summarise(rows)) | {"histogram": scores}


def _figures(summary: Summary) -> dict[str, Any]:
    return {
        "answers": summary.answers,
        "cases": summary.cases,
        "passed": summary.passed,
        "failed": summary.failed,
        "errors": summary.errors,
        "unchecked": summary.unchecked,
        "pass_rate": summary.pass_rate,
        "pass_interval": _interval(summary.pass_interval),
        "mean_score": summary.mean_score,
        "score_interval": _interval(summary.score_interval),
        "repeats": summary.repeats,
        "pass_hat_k": summary.pass_hat_k,
        "score_variance": summary.score_variance,
        "smallest_difference": summary.smallest_difference,
    }


def _interval(found: Interval | None) -> list[float] | None:
    return None if found is None else [found.low, found.high]


def _spending(evaluation: Evaluation) -> dict[str, Any]:
    rows = TestResult.objects.filter(evaluation=evaluation)  # also what is kept aside: it was paid
    sums = rows.aggregate(
        stored=Count("pk"),
        cost=Sum("cost_usd"),
        grading=Sum("grading_cost_usd"),
        input=Sum("input_tokens"),
        output=Sum("output_tokens"),
        cached=Count("pk", filter=Q(cached=True)),
    )
    latencies = latency_counts(evaluation)
    return {
        "stored": sums["stored"],
        "cost_usd": None if sums["cost"] is None else float(sums["cost"]),
        "grading_cost_usd": None if sums["grading"] is None else float(sums["grading"]),
        "input_tokens": sums["input"],
        "output_tokens": sums["output"],
        "cached": sums["cached"],
        "latency_ms_median": quantile_from_counts(latencies, 0.5),
        "latency_ms_95": quantile_from_counts(latencies, 0.95),
        "latency_ms_box": [quantile_from_counts(latencies, part) for part in BOX]
        if latencies
        else None,
    }


def compare_columns(old: Evaluation, new: Evaluation) -> Comparison:
    """Return what changed from one column to another, case by case."""
    return compare(observations(old), observations(new))
