"""A column's figures worked out by the database, for more answers than a process should hold.

The same figures as `engine.statistics.summarise`: from 2,000 cases on its intervals are Student's,
which need sums alone. Five queries, whatever the number of answers.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from django.db import connection

from evaluations.engine import statistics
from evaluations.engine.statistics import smallest_difference, t_of_sums, wilson
from evaluations.models import Evaluation
from evaluations.stored import Interval, Summary

__all__ = ["BINS", "large_figures", "latency_counts"]

BINS: Final = 10
SCORED: Final = """
    FROM test_results r JOIN evaluation_run_cases c ON c.id = r.run_case_id
    WHERE r.evaluation_id = %s AND r.passed IS NOT NULL AND r.score IS NOT NULL
"""
BY_CASE: Final = f"""
    SELECT COUNT(*) AS n, SUM(r.passed) AS k, AVG(r.score) AS m, SUM(r.score * r.score) AS q,
        MIN(c.weight) AS w {SCORED} GROUP BY c.key
"""
MOMENTS: Final = f"""
    SELECT COUNT(*), TOTAL(n), TOTAL(k), MAX(n), TOTAL(m), TOTAL(m * m), TOTAL(w), TOTAL(w * m),
        MIN(w), MAX(w), TOTAL(1.0 * k / n), TOTAL((1.0 * k / n) * (1.0 * k / n)),
        AVG(CASE WHEN n > 1 THEN MAX(0, q - n * m * m) / (n - 1) END)
    FROM ({BY_CASE})
"""  # noqa: S608  # nosec B608 (as above)
PASSES: Final = f"SELECT n, k, COUNT(*) FROM ({BY_CASE}) GROUP BY n, k"  # noqa: S608  # nosec B608 (as above)
SCORES: Final = f"""
    SELECT MIN({BINS - 1}, CAST(r.score * {BINS} AS INTEGER)) AS bin, COUNT(*) {SCORED} GROUP BY bin
"""
# Without a verdict: an error, or, where there is none, an answer that nothing checked.
UNSCORED: Final = """
    SELECT COALESCE(SUM(error <> ''), 0), COALESCE(SUM(error = ''), 0) FROM test_results
    WHERE evaluation_id = %s AND run_case_id IS NOT NULL AND (passed IS NULL OR score IS NULL)
"""
LATENCIES: Final = """
    SELECT latency_ms, COUNT(*) FROM test_results
    WHERE evaluation_id = %s AND NOT cached AND latency_ms IS NOT NULL GROUP BY latency_ms
"""


class _Moments(NamedTuple):
    """The row of MOMENTS: sums over the cases that were scored."""

    cases: int
    scored: float
    """Answers; TOTAL is a float."""
    passed: float
    repeats: int | None
    """Of the most asked case; None without cases, as are the weights."""
    scores: float
    """Sum of the cases' mean scores."""
    squared_scores: float
    weights: float
    weighted_scores: float
    least_weight: float | None
    greatest_weight: float | None
    rates: float
    """Sum of the cases' pass rates."""
    squared_rates: float
    variance: float | None
    """Mean variance of the scores of one case."""


class _Unscored(NamedTuple):
    """The row of UNSCORED."""

    errors: int
    unchecked: int


class _Passes(NamedTuple):
    """A row of PASSES: so many cases were asked `answers` times and passed `passed` times."""

    answers: int
    passed: int
    cases: int


class _Bin(NamedTuple):
    """A row of SCORES."""

    position: int
    answers: int


class _Latency(NamedTuple):
    """A row of LATENCIES."""

    milliseconds: int
    answers: int


RowT = TypeVar("RowT", bound=tuple[object, ...])


def large_figures(evaluation: Evaluation) -> Summary:
    """Return a column's figures as it keeps them, without what they cost."""
    (sums,) = _ask(MOMENTS, _Moments, evaluation)
    (unscored,) = _ask(UNSCORED, _Unscored, evaluation)
    scored, passed, repeats = int(sums.scored), int(sums.passed), sums.repeats or 0
    mean = sums.weighted_scores / sums.weights if sums.weights else None
    return Summary(
        answers=scored + unscored.errors + unscored.unchecked,
        cases=sums.cases,
        passed=passed,
        failed=scored - passed,
        errors=unscored.errors,
        unchecked=unscored.unchecked,
        pass_rate=passed / scored if scored else None,
        pass_interval=_pass_interval(sums),
        mean_score=None if mean is None else min(1.0, max(0.0, mean)),
        score_interval=_score_interval(sums),
        repeats=repeats,
        pass_hat_k=_pass_hat(evaluation, repeats) if repeats > 1 else None,
        score_variance=sums.variance if repeats > 1 else None,
        smallest_difference=smallest_difference(sums.cases),
        histogram=_histogram(evaluation),
    )


def _ask(sql: str, row: Callable[..., RowT], evaluation: Evaluation) -> list[RowT]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [evaluation.pk.hex])
        return [row(*values) for values in cursor.fetchall()]


def _score_interval(sums: _Moments) -> Interval | None:
    if sums.least_weight != sums.greatest_weight:
        return None
    return _clipped(t_of_sums(sums.cases, sums.scores, sums.squared_scores))


def _pass_interval(sums: _Moments) -> Interval | None:
    if (sums.repeats or 0) <= 1:
        return _clipped(wilson(int(sums.passed), int(sums.scored)))
    return _clipped(t_of_sums(sums.cases, sums.rates, sums.squared_rates))


def _clipped(interval: statistics.Interval | None) -> Interval | None:
    return None if interval is None else (max(0.0, interval.low), min(1.0, interval.high))


def _pass_hat(evaluation: Evaluation, times: int) -> float | None:
    rows = [row for row in _ask(PASSES, _Passes, evaluation) if row.answers >= times]
    total = sum(row.cases for row in rows)
    if not total:
        return None
    shares = (
        math.comb(row.passed, times) / math.comb(row.answers, times) * row.cases for row in rows
    )
    return math.fsum(shares) / total


def _histogram(evaluation: Evaluation) -> list[int]:
    counts = {row.position: row.answers for row in _ask(SCORES, _Bin, evaluation)}
    return [counts.get(position, 0) for position in range(BINS)]


def latency_counts(evaluation: Evaluation) -> list[tuple[int, int]]:
    """Return (milliseconds, how many answers took that long) of answers that were asked for."""
    rows = _ask(LATENCIES, _Latency, evaluation)
    return sorted((row.milliseconds, row.answers) for row in rows)
