"""Tests of paired results: exact McNemar, sign flips, Holm's correction.

Sources: McNemar 1947 in its exact form; Fisher 1935 (sign flips); Holm 1979.
"""

import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, TypeVar

__all__ = ["holm", "mcnemar_exact", "sign_flip"]

EXACT_UP_TO: Final = 16  # differences that are not 0: 65,536 ways to flip them
ROUNDS: Final = 9_999  # with the one that was seen 10,000: p-values are whole ten-thousandths
SEED: Final = 20_260_102  # any fixed number: the same results give the same p-value for ever
SLACK: Final = 1e-12  # sums of the same numbers in another order
BLOCK: Final = 8  # signs that one random byte decides

Key = TypeVar("Key")


def mcnemar_exact(fixed: int, broken: int) -> float:
    """Return the two-sided p-value of "as many are fixed as are broken".

    It is the exact binomial test: never liberal, for few pairs conservative.
    """
    total = fixed + broken
    if total == 0:
        return 1.0
    tail = ways = 1  # of `total` pairs none is of the rarer kind, then one more at a time
    for count in range(min(fixed, broken)):
        ways = ways * (total - count) // (count + 1)
        tail += ways
    # Exact integers: a float would overflow from 1,024 pairs on.
    return min(1.0, float(Fraction(2 * tail, 2**total)))


def sign_flip(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of "the mean of the differences is 0".

    Under it each difference could as well have the other sign. Up to 16 differences that are not 0
    every combination is counted; of more 9,999 are drawn, and the one that was seen counts too.
    """
    moved = [value for value in differences if value != 0]
    if not moved:
        return 1.0
    seen = abs(math.fsum(moved)) - SLACK * max(1.0, math.fsum(map(abs, moved)))
    if len(moved) <= EXACT_UP_TO:
        sums = _all_sums(moved)
        return sum(abs(value) >= seen for value in sums) / len(sums)
    # The one that was seen counts too, or p could be 0 (Phipson and Smyth 2010).
    return (1 + _count_as_far(moved, seen)) / (1 + ROUNDS)


def _all_sums(values: Sequence[float]) -> list[float]:
    sums = [0.0]
    for value in values:
        added = [total + value for total in sums]
        subtracted = [total - value for total in sums]
        sums = added + subtracted
    return sums


def _count_as_far(values: Sequence[float], seen: float) -> int:
    # One random byte chooses among the 256 sums of eight differences.
    starts = [*range(0, len(values), BLOCK), len(values)]
    tables = [_padded_sums(values[low:high]) for low, high in pairwise(starts)]
    source = random.Random(SEED)  # noqa: S311  # nosec B311 (statistics, not secrets)
    count = 0
    for _ in range(ROUNDS):
        signs = source.randbytes(len(tables))
        total = sum(map(list.__getitem__, tables, signs))
        count += abs(total) >= seen
    return count


def _padded_sums(values: Sequence[float]) -> list[float]:
    sums = _all_sums(values)
    return sums * (2**BLOCK // len(sums))


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return each p-value adjusted for their number (Holm's step-down)."""
    adjusted: dict[Key, float] = {}
    highest = 0.0
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for rank, (key, value) in enumerate(ordered):
        # The smallest counts as often as there are tests, the next one time less, and so on. None
        # becomes smaller than the one before, or the order of the p-values would turn.
        highest = max(highest, min(1.0, value * (len(ordered) - rank)))
        adjusted[key] = highest
    return adjusted
