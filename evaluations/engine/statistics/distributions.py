"""Quantiles of the normal and of Student's t distribution."""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

__all__ = ["normal_cdf", "normal_quantile", "t_cdf", "t_quantile"]

NORMAL: Final = NormalDist()
TINY: Final = 1e-300  # in place of 0, by which nothing can be divided (Lentz's method)
STEPS: Final = 300  # it ends after a few dozen; more only where it does not converge
PRECISION: Final = 1e-12


def normal_cdf(value: float) -> float:
    """Return P(Z ≤ value) of the standard normal distribution."""
    return NORMAL.cdf(value)


def normal_quantile(probability: float) -> float:
    """Return the value that a standard normal variable is below with `probability`."""
    return NORMAL.inv_cdf(probability)


def t_cdf(value: float, degrees: float) -> float:
    """Return P(T ≤ value) of Student's t with that many degrees of freedom, above 0."""
    tail = 0.5 * _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + value * value))
    return 1 - tail if value > 0 else tail


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: float) -> float:
    """Return the value that t is below with `probability`, by bisection to 1e-12."""
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while t_cdf(high, degrees) < probability:
        low, high = high, high * 2
    while high - low > PRECISION * max(1.0, high):
        middle = (low + high) / 2
        if t_cdf(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function (DLMF 8.17.22, Lentz's method)."""
    if x in (0, 1):
        return float(x)
    # Beyond this the fraction converges slowly; I(x; a, b) = 1 − I(1 − x; b, a) (DLMF 8.17.4).
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logs + a * math.log(x) + b * math.log1p(-x)) / a
    return front / _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, STEPS):
        d = 1 + _coefficient(a, b, x, step) * d
        c = 1 + _coefficient(a, b, x, step) / c
        d = 1 / (d or TINY)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _coefficient(a: float, b: float, x: float, step: int) -> float:
    half = step // 2
    if step % 2 == 0:
        return half * (b - half) * x / ((a + step - 1) * (a + step))
    return -(a + half) * (a + b + half) * x / ((a + step - 1) * (a + step))
