"""How good one run is."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    by_case: dict[str, list[Observation]] = defaultdict(list)
    for row in scored:
        by_case[row.case].append(row)
    passed = sum(row.passed is True for row in scored)
    repeats = max(map(len, by_case.values()), default=0)
    means = [_mean_score(group) for group in by_case.values()]
    weights = [group[0].weight for group in by_case.values()]
    return Summary(
        answers=len(rows),
        passed=passed,
        failed=len(scored) - passed,
        errors=len(rows) - len(scored) - unchecked,
        unchecked=unchecked,
        cases=len(by_case),
        pass_rate=passed / len(scored) if scored else None,
        pass_interval=_pass_interval(by_case, passed, len(scored), repeats),
        mean_score=_weighted(means, weights),
        score_interval=_clipped(bootstrap_mean(means)) if len(set(weights)) < 2 else None,
        repeats=repeats,
        pass_hat_k=pass_hat(by_case.values(), repeats) if repeats > 1 else None,
        score_variance=_variance(by_case.values()) if repeats > 1 else None,
        smallest_difference=smallest_difference(len(by_case)),
    )


def _pass_interval(
    by_case: dict[str, list[Observation]], passed: int, scored: int, repeats: int
) -> Interval | None:
    if repeats <= 1:
        return wilson(passed, scored)
    # Repeats of one case are no independent trials: the cases are what was sampled.
    rates = [sum(row.passed is True for row in group) / len(group) for group in by_case.values()]
    return _clipped(bootstrap_mean(rates))


def _clipped(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    return Interval(
        low=max(0.0, interval.low),
        high=min(1.0, interval.high),
        method=interval.method,
        confidence=interval.confidence,
    )


def _mean_score(group: Sequence[Observation]) -> float:
    return math.fsum(row.score or 0.0 for row in group) / len(group)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float | None:
    total = math.fsum(weights)
    if not total:
        return None
    mean = math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    return min(1.0, max(0.0, mean))


def pass_hat(groups: Iterable[Sequence[Observation]], times: int) -> float | None:
    """Return how probably `times` answers to one case all pass (unbiased, Yao et al. 2024)."""
    rates = [
        math.comb(sum(row.passed is True for row in group), times) / math.comb(len(group), times)
        for group in groups
        if len(group) >= times
    ]
    return math.fsum(rates) / len(rates) if rates else None


def _variance(groups: Iterable[Sequence[Observation]]) -> float | None:
    found = []
    for group in groups:
        if len(group) > 1:
            mean = _mean_score(group)
            squares = math.fsum(((row.score or 0.0) - mean) ** 2 for row in group)
            found.append(squares / (len(group) - 1))
    return math.fsum(found) / len(found) if found else None


def quantile(values: Iterable[float], fraction: float) -> float | None:
    """Return a quantile, None of nothing."""
    ordered = sorted(values)
    return percentile(ordered, fraction) if ordered else None


def quantile_from_counts(counts: Sequence[tuple[int, int]], fraction: float) -> float | None:
    """Return a quantile of values given as (value, how often), in order; None of nothing."""
    total = sum(count for _value, count in counts)
    if not total:
        return None
    place = fraction * (total - 1)
    below = _at(counts, math.floor(place))
    above = _at(counts, min(math.floor(place) + 1, total - 1))
    return below + (above - below) * (place - math.floor(place))


def _at(counts: Sequence[tuple[int, int]], place: int) -> float:
    for value, count in counts:
        place -= count
        if place < 0:
            return value
    raise IndexError(place)


def histogram(scores: Iterable[float], bins: int = 10) -> list[int]:
    """Return how many scores (0 to 1) fall into each of `bins` equal parts; 1 is in the last."""
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, int(score * bins))] += 1
    return counts
