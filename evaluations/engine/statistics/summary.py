"""How good one run is."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from evaluations.engine.statistics.intervals import Interval, bootstrap_mean, percentile, wilson
from evaluations.engine.statistics.power import smallest_difference

__all__ = [
    "Observation",
    "Summary",
    "histogram",
    "pass_hat",
    "quantile",
    "quantile_from_counts",
    "summarise",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One answer to one case."""

    case: str
    """What the case is known by in every run: the same words for the same case."""
    passed: bool | None
    """None for an error, and where nothing checked the answer."""
    score: float | None
    """0 to 1; None as above."""
    weight: float = 1.0
    """The case's weight."""
    name: str = ""
    """What people call the case."""
    checked: bool = True
    """False where nothing decides over the answer: it is no error, and it has not passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One run in figures; errors and unchecked answers count in none but their own."""

    answers: int
    """Observations, errors and unchecked answers included."""
    passed: int
    """Answers that passed."""
    failed: int
    """Answers that failed."""
    errors: int
    """Answers that never came or could not be scored."""
    unchecked: int
    """Answers that nothing checked."""
    cases: int
    """Different cases with at least one scored answer."""
    pass_rate: float | None
    """Passed among the scored, 0 to 1; None where nothing was scored."""
    pass_interval: Interval | None
    """Wilson's; over cases where each was asked once."""
    mean_score: float | None
    """Mean of the cases' mean scores by their weights."""
    score_interval: Interval | None
    """Bootstrap over cases."""
    repeats: int
    """How often the most asked case was scored."""
    pass_hat_k: float | None
    """How probably all `repeats` answers to a case pass; None without repeats."""
    score_variance: float | None
    """Mean variance of the scores of one case; None without repeats."""
    smallest_difference: float | None
    """What a comparison on these cases finds four times out of five."""


def summarise(observations: Iterable[Observation]) -> Summary:
    """Return the figures of one run."""
    rows = list(observations)
    scored = [row for row in rows if row.passed is not None and row.score is not None]
    unchecked = sum(not row.checked for row in rows)
    passed = sum(row.passed is True for row in scored)
    cases = _group_by_case(scored)
    repeats = max(map(len, cases), default=0)
    return Summary(
        answers=len(rows),
        passed=passed,
        failed=len(scored) - passed,
        errors=len(rows) - len(scored) - unchecked,
        unchecked=unchecked,
        cases=len(cases),
        pass_rate=passed / len(scored) if scored else None,
        pass_interval=_pass_interval(cases, repeats),
        mean_score=_weighted_mean_score(cases),
        score_interval=_score_interval(cases),
        repeats=repeats,
        pass_hat_k=pass_hat(cases, repeats) if repeats > 1 else None,
        score_variance=_mean_variance(cases) if repeats > 1 else None,
        smallest_difference=smallest_difference(len(cases)),
    )


def _group_by_case(rows: Iterable[Observation]) -> list[list[Observation]]:
    groups: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        groups[row.case].append(row)
    return list(groups.values())


def _count_passed(case: Sequence[Observation]) -> int:
    return sum(row.passed is True for row in case)


def _mean_score(case: Sequence[Observation]) -> float:
    return math.fsum(row.score or 0.0 for row in case) / len(case)


def _pass_interval(cases: Sequence[Sequence[Observation]], repeats: int) -> Interval | None:
    if repeats <= 1:
        return wilson(sum(map(_count_passed, cases)), len(cases))
    # Repeats of one case are no independent trials: the cases are what was sampled.
    rates = [_count_passed(case) / len(case) for case in cases]
    return _clip(bootstrap_mean(rates))


def _score_interval(cases: Sequence[Sequence[Observation]]) -> Interval | None:
    weights = {case[0].weight for case in cases}
    if len(weights) > 1:
        return None  # the bootstrap here is that of a mean without weights
    return _clip(bootstrap_mean([_mean_score(case) for case in cases]))


def _clip(interval: Interval | None) -> Interval | None:
    """Return an interval within 0 and 1: Student's may go beyond."""
    if interval is None:
        return None
    return replace(interval, low=max(0.0, interval.low), high=min(1.0, interval.high))


def _weighted_mean_score(cases: Sequence[Sequence[Observation]]) -> float | None:
    total = math.fsum(case[0].weight for case in cases)
    if not total:
        return None
    mean = math.fsum(_mean_score(case) * case[0].weight for case in cases) / total
    return min(1.0, max(0.0, mean))  # rounding may leave a mean of ones a little above 1


def pass_hat(cases: Iterable[Sequence[Observation]], times: int) -> float | None:
    """Return how probably `times` answers to one case all pass, 0 to 1.

    It is the unbiased estimate of Yao et al. 2024 (tau-bench): of all ways to draw `times` of a
    case's answers, the share in which each passed. Cases with fewer answers do not count.

    Returns:
        None where no case has as many answers.
    """
    often_enough = [case for case in cases if len(case) >= times]
    rates = [
        math.comb(_count_passed(case), times) / math.comb(len(case), times) for case in often_enough
    ]
    return math.fsum(rates) / len(rates) if rates else None


def _mean_variance(cases: Iterable[Sequence[Observation]]) -> float | None:
    variances = []
    for case in cases:
        if len(case) > 1:
            mean = _mean_score(case)
            squares = math.fsum(((row.score or 0.0) - mean) ** 2 for row in case)
            # n - 1 (Bessel): the repeats are a sample of all answers that the model might give.
            variances.append(squares / (len(case) - 1))
    return math.fsum(variances) / len(variances) if variances else None


def quantile(values: Iterable[float], fraction: float) -> float | None:
    """Return a quantile, None of nothing."""
    ordered = sorted(values)
    return percentile(ordered, fraction) if ordered else None


def quantile_from_counts(counts: Sequence[tuple[int, int]], fraction: float) -> float | None:
    """Return a quantile of values given as (value, how often), in order; None of nothing.

    It is the same as `quantile` of the values written out: between neighbours by a straight line.
    """
    total = sum(count for _value, count in counts)
    if not total:
        return None
    position = fraction * (total - 1)
    index = math.floor(position)
    below = _find_value(counts, index)
    above = _find_value(counts, min(index + 1, total - 1))
    return below + (above - below) * (position - index)


def _find_value(counts: Sequence[tuple[int, int]], index: int) -> float:
    """Return the value at an index, counted from 0, of the values written out."""
    for value, count in counts:
        if index < count:
            return value
        index -= count
    raise IndexError(index)


def histogram(scores: Iterable[float], bins: int = 10) -> list[int]:
    """Return how many scores (0 to 1) fall into each of `bins` equal parts; 1 is in the last."""
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, int(score * bins))] += 1
    return counts
