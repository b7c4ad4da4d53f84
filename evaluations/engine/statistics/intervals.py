"""Confidence intervals.

Sources: Wilson 1927; Newcombe 1998 (method 10, paired differences); Efron 1979 (bootstrap), widened
by Hesterberg 2015 for small samples.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from evaluations.engine.statistics.distributions import normal_cdf, normal_quantile, t_quantile

__all__ = [
    "CONFIDENCE",
    "Interval",
    "bootstrap_mean",
    "newcombe_paired",
    "t_mean",
    "t_of_sums",
    "wilson",
]

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 4_000  # an end then varies by about 1 % of the interval's width
MOST_DRAWS: Final = 2_000_000  # values drawn in all, about 0.4 s
SEED: Final = 20_260_101  # any fixed number: the same results give the same interval for ever

Draw = Callable[[Sequence[float]], Sequence[float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    method: str
    """"wilson", "newcombe", "bootstrap" or "t"."""
    confidence: float = CONFIDENCE
    """Between 0 and 1."""

    def holds(self, value: float) -> bool:
        """Whether `value` lies within."""
        return self.low <= value <= self.high


def wilson(passed: int, total: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Return Wilson's score interval of a rate from 0 to 1; None for no observation."""
    if total == 0:
        return None
    z = normal_quantile((1 + confidence) / 2)
    rate = passed / total
    middle = rate + z * z / (2 * total)
    spread = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low, high = (middle - spread) / scale, (middle + spread) / scale
    # At the ends rounding would leave 1e-17 instead of what the formula gives.
    return Interval(
        low=0.0 if passed == 0 else low,
        high=1.0 if passed == total else high,
        method="wilson",
        confidence=confidence,
    )


def newcombe_paired(
    both: int, fixed: int, broken: int, neither: int, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return the interval of the difference of two paired rates, new minus old.

    Args:
        both: pairs that pass in both runs.
        fixed: pairs that pass in the new run alone.
        broken: pairs that pass in the old run alone.
        neither: pairs that pass in none.
        confidence: between 0 and 1.
    """
    total = both + fixed + broken + neither
    new, old = wilson(both + fixed, total, confidence), wilson(both + broken, total, confidence)
    if new is None or old is None:
        return None
    new_rate, old_rate = (both + fixed) / total, (both + broken) / total
    phi = _correlation(both, fixed, broken, neither)
    below = _combine(new_rate - new.low, old.high - old_rate, phi)
    above = _combine(new.high - new_rate, old_rate - old.low, phi)
    difference = (fixed - broken) / total
    return Interval(
        low=max(-1.0, difference - below),
        high=min(1.0, difference + above),
        method="newcombe",
        confidence=confidence,
    )


def _combine(below: float, above: float, phi: float) -> float:
    """Return the distance of both sides together, as they correlate (Newcombe's formula)."""
    squared = below * below - 2 * phi * below * above + above * above
    return math.sqrt(max(0.0, squared))  # rounding may leave −1e-18


def _correlation(both: int, fixed: int, broken: int, neither: int) -> float:
    product = (both + fixed) * (broken + neither) * (both + broken) * (fixed + neither)
    if product == 0:
        return 0.0  # as Newcombe sets it where a margin is empty
    numerator = float(both * neither - fixed * broken)
    if numerator > 0:  # Newcombe's correction for continuity
        numerator = max(0.0, numerator - (both + fixed + broken + neither) / 2)
    return numerator / math.sqrt(product)


def t_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return Student's interval of a mean; None for fewer than two values."""
    count = len(values)
    if count < 2:
        return None
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)  # Bessel
    spread = t_quantile((1 + confidence) / 2, count - 1) * math.sqrt(variance / count)
    return Interval(low=mean - spread, high=mean + spread, method="t", confidence=confidence)


def t_of_sums(
    count: int, total: float, squares: float, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return Student's interval of a mean from sums; None for fewer than two values.

    Args:
        count: how many values.
        total: their sum.
        squares: the sum of their squares.
        confidence: between 0 and 1.
    """
    if count < 2:
        return None
    mean = total / count
    # The difference of two large sums may be a little below 0 where all values are the same.
    variance = max(0.0, squares - count * mean * mean) / (count - 1)
    spread = t_quantile((1 + confidence) / 2, count - 1) * math.sqrt(variance / count)
    return Interval(low=mean - spread, high=mean + spread, method="t", confidence=confidence)


def bootstrap_mean(
    values: Sequence[float], confidence: float = CONFIDENCE, draw: Draw | None = None
) -> Interval | None:
    """Return the bootstrap interval of a mean; None for fewer than two values.

    Percentiles are widened to what Student's t asks for, since plain ones are too narrow for few
    values. From 1,000 values on, and where all are the same, it is Student's interval itself: no
    different, and at once.

    Args:
        values: one for each case.
        confidence: between 0 and 1.
        draw: returns a resample of the values; seeded draws if not given.
    """
    count = len(values)
    if count < 2:
        return None
    if count >= MOST_DRAWS / RESAMPLES * 2 or min(values) == max(values):
        return t_mean(values, confidence)
    if draw is None:
        draw = _seeded_draw(count)
    rounds = min(RESAMPLES, MOST_DRAWS // count)
    means = sorted(math.fsum(draw(values)) / count for _ in range(rounds))
    alpha = widened_alpha(count, confidence)
    return Interval(
        low=percentile(means, alpha),
        high=percentile(means, 1 - alpha),
        method="bootstrap",
        confidence=confidence,
    )


def widened_alpha(count: int, confidence: float) -> float:
    """Return the tail to cut off on each side (Hesterberg 2015, section 5.3)."""
    student = t_quantile((1 + confidence) / 2, count - 1)
    return normal_cdf(-math.sqrt(count / (count - 1)) * student)


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Return a quantile of ordered values, between neighbours by a straight line."""
    # Hyndman and Fan 1996, type 7: what NumPy and R do unless they are told otherwise.
    position = fraction * (len(ordered) - 1)
    index = math.floor(position)
    below = ordered[index]
    above = ordered[min(index + 1, len(ordered) - 1)]
    return below + (above - below) * (position - index)


def _seeded_draw(count: int) -> Draw:
    source = random.Random(SEED)  # noqa: S311  # nosec B311 (statistics, not secrets)

    def draw(values: Sequence[float]) -> Sequence[float]:
        return source.choices(values, k=count)

    return draw
