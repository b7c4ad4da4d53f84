"""Figures of runs from their stored results, and comparisons of two."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, TypedDict, cast

from django.db.models import Count, Q, Sum, TextField
from django.db.models.functions import Cast
from msgspec.structs import replace

from evaluations.engine import statistics
from evaluations.engine.statistics import (
    Comparison,
    Observation,
    compare,
    histogram,
    quantile_from_counts,
    summarise,
)
from evaluations.models import UNCHECKED, Evaluation, TestResult
from evaluations.named_scores import add_scores, derive_metrics
from evaluations.selectors.sql_summaries import large_figures, latency_counts
from evaluations.stored import Interval, NamedScore, RunSettings, Summary, read_components

__all__ = ["compare_columns", "observations", "small_figures", "summarise_evaluation"]

CHUNK: Final = 5000
LARGE: Final = 5000  # answers: from here on the database works the figures out
METRIC: Final = '"metric"'  # stands in no text that is written as JSON: a quote in it is escaped
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


def summarise_evaluation(evaluation: Evaluation) -> Summary:
    """Return a column's figures as it keeps them; many answers are never held at once."""
    spending = _sum_spending(evaluation)
    figures = large_figures if spending["stored"] > LARGE else small_figures
    latencies = latency_counts(evaluation)
    cost, grading_cost = spending["cost"], spending["grading"]
    summary = figures(evaluation)
    named = _sum_named_scores(evaluation)
    run = evaluation.run
    metrics = RunSettings.read(run.settings).derived if run is not None else ()
    return replace(
        summary,
        named_scores=named,
        derived_metrics=derive_metrics(metrics, named, summary.answers or 0),
        cost_usd=None if cost is None else float(cost),
        grading_cost_usd=None if grading_cost is None else float(grading_cost),
        input_tokens=spending["input"],
        output_tokens=spending["output"],
        cached=spending["cached"],
        latency_ms_median=quantile_from_counts(latencies, 0.5),
        latency_ms_95=quantile_from_counts(latencies, 0.95),
        latency_ms_box=_box(latencies),
    )


def _sum_named_scores(evaluation: Evaluation) -> dict[str, NamedScore]:
    """Return what a column's assertions say by metric; answers without any are not read."""
    rows = (
        TestResult.objects.filter(evaluation=evaluation, run_case__isnull=False)
        .annotate(components_text=Cast("components", TextField()))
        .filter(components_text__contains=METRIC)
        .order_by("run_case__position", "repeat")
        .values_list("components_text", flat=True)
    )
    return add_scores(map(read_components, rows.iterator(chunk_size=CHUNK)))


class _Spending(TypedDict):
    """What all answers of a column took together."""

    stored: int
    cost: Decimal | None
    grading: Decimal | None
    input: int | None
    output: int | None
    cached: int


def _sum_spending(evaluation: Evaluation) -> _Spending:
    rows = TestResult.objects.filter(evaluation=evaluation)  # also what is kept aside: it was paid
    sums = rows.aggregate(
        stored=Count("pk"),
        cost=Sum("cost_usd"),
        grading=Sum("grading_cost_usd"),
        input=Sum("input_tokens"),
        output=Sum("output_tokens"),
        cached=Count("pk", filter=Q(cached=True)),
    )
    return cast("_Spending", sums)


def _box(latencies: Sequence[tuple[int, int]]) -> list[float] | None:
    quantiles = [quantile_from_counts(latencies, fraction) for fraction in BOX]
    return [value for value in quantiles if value is not None] or None


def small_figures(evaluation: Evaluation) -> Summary:
    """Return the figures from all answers in memory, with bootstrap intervals."""
    rows = list(observations(evaluation))
    figures = summarise(rows)
    return Summary(
        answers=figures.answers,
        cases=figures.cases,
        passed=figures.passed,
        failed=figures.failed,
        errors=figures.errors,
        unchecked=figures.unchecked,
        pass_rate=figures.pass_rate,
        pass_interval=_bounds(figures.pass_interval),
        mean_score=figures.mean_score,
        score_interval=_bounds(figures.score_interval),
        repeats=figures.repeats,
        pass_hat_k=figures.pass_hat_k,
        score_variance=figures.score_variance,
        smallest_difference=figures.smallest_difference,
        histogram=histogram(row.score for row in rows if row.score is not None),
    )


def _bounds(interval: statistics.Interval | None) -> Interval | None:
    return None if interval is None else (interval.low, interval.high)


def compare_columns(old: Evaluation, new: Evaluation) -> Comparison:
    """Return what changed from one column to another, case by case."""
    return compare(observations(old), observations(new))
