"""A column's figures worked out by the database, for more answers than a process should hold.

The same figures as `engine.statistics.summarise`: from 2,000 cases on its intervals are Student's,
which need sums alone. Five queries, whatever the number of answers.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from evaluations.engine.statistics import Interval, smallest_difference, t_of_sums, wilson
from evaluations.models import Evaluation

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


def large_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return a column's figures as the JSON that it keeps."""
    (found,) = _ask(MOMENTS, evaluation)
    errors, unchecked = _ask(UNSCORED, evaluation)[0]
    cases, scored, passed, repeats, *_rest = found
    return {
        "answers": int(scored) + errors + unchecked,
        "cases": cases,
        "passed": int(passed),
        "failed": int(scored) - int(passed),
        "errors": errors,
        "unchecked": unchecked,
        "pass_rate": passed / scored if scored else None,
        "pass_interval": _pass_interval(found),
        "smallest_difference": smallest_difference(cases),
        "repeats": repeats or 0,
        "pass_hat_k": _pass_hat(evaluation, repeats) if (repeats or 0) > 1 else None,
        "score_variance": found[12] if (repeats or 0) > 1 else None,
        "histogram": _histogram(evaluation),
        **_scores(found),
    }


def _ask(sql: str, evaluation: Evaluation) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [evaluation.pk.hex])
        return list(cursor.fetchall())


def _scores(found: Sequence[Any]) -> dict[str, Any]:
    cases, means, squares, weights, weighted, least, most = (
        found[i] for i in (0, 4, 5, 6, 7, 8, 9)
    )
    interval = t_of_sums(cases, means, squares) if least == most else None
    mean = weighted / weights if weights else None
    return {
        "mean_score": None if mean is None else min(1.0, max(0.0, mean)),
        "score_interval": _clipped(interval),
    }


def _pass_interval(found: Sequence[Any]) -> list[float] | None:
    cases, scored, passed, repeats = found[:4]
    if (repeats or 0) <= 1:
        return _clipped(wilson(int(passed), int(scored)))
    return _clipped(t_of_sums(cases, found[10], found[11]))


def _clipped(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [max(0.0, interval.low), min(1.0, interval.high)]


def _pass_hat(evaluation: Evaluation, times: int) -> float | None:
    rows = [row for row in _ask(PASSES, evaluation) if row[0] >= times]
    total = sum(count for _n, _k, count in rows)
    if not total:
        return None
    shares = (math.comb(k, times) / math.comb(n, times) * count for n, k, count in rows)
    return float(math.fsum(shares) / total)


def _histogram(evaluation: Evaluation) -> list[int]:
    counts = dict(_ask(SCORES, evaluation))
    return [counts.get(place, 0) for place in range(BINS)]


def latency_counts(evaluation: Evaluation) -> list[tuple[int, int]]:
    """Return (milliseconds, how many answers took that long) of answers that were asked for."""
    return sorted((row[0], row[1]) for row in _ask(LATENCIES, evaluation))
