"""What a suite of a given size can show (Connor 1987, paired rates)."""

import math
from typing import Final

from evaluations.engine.statistics.distributions import normal_quantile

__all__ = ["ASSUMED_DISCORDANCE", "FEWEST_FLIPS", "POWER", "cases_needed", "smallest_difference"]

ALPHA: Final = 0.05
POWER: Final = 0.8
ASSUMED_DISCORDANCE: Final = 0.2  # share of cases that change between two versions
FEWEST_FLIPS: Final = 6  # the exact test says nothing on fewer: 2 · 0.5⁶ = 0.031


def smallest_difference(
    cases: int, discordance: float = ASSUMED_DISCORDANCE, power: float = POWER
) -> float | None:
    """Return the smallest difference of pass rates that is found with `power`, 0 to 1.

    Args:
        cases: how many pairs there are.
        discordance: the share of cases whose result differs between the runs.
        power: how often a difference of that size is to be found.

    Returns:
        None where no difference can be found with so few cases.
    """
    if cases < FEWEST_FLIPS:
        return None
    # Bisection, as the formula gives cases for a difference and cannot be turned around; 60 halves
    # of 1 are less than what a float tells apart.
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if cases_needed(middle, discordance, power) > cases:
            low = middle
        else:
            high = middle
    # The formula is an approximation for large numbers; of few pairs the exact test asks for more.
    return max(high, FEWEST_FLIPS / cases)


def cases_needed(
    difference: float, discordance: float = ASSUMED_DISCORDANCE, power: float = POWER
) -> float:
    """Return how many pairs it takes to find `difference` (above 0) with `power`."""
    if difference <= 0:
        return math.inf
    # The share that differs is never smaller than the difference itself.
    share = max(discordance, difference)
    z_alpha, z_power = normal_quantile(1 - ALPHA / 2), normal_quantile(power)
    spread = z_alpha * math.sqrt(share) + z_power * math.sqrt(max(0.0, share - difference**2))
    return (spread / difference) ** 2
