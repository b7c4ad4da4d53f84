"""Results of measures: a figure, held against the assertion's threshold.

A figure that equals the threshold passes, in both directions, as in promptfoo.
"""

from evaluations.engine.types import Assertion, AssertionResult

__all__ = ["at_least", "at_most", "find_threshold"]


def find_threshold(assertion: Assertion, default: float) -> float:
    """Return the assertion's threshold, or that of its type where it sets none."""
    return default if assertion.threshold is None else assertion.threshold


def at_least(
    figure: str, measure: float, threshold: float, *, score: float | None = None
) -> AssertionResult:
    """Return the result of a measure of which more is better.

    Args:
        figure: the measure with its name, as people read it.
        measure: what is compared.
        threshold: the lowest that passes.
        score: from 0 to 1, where it is not the measure itself.
    """
    passed = measure >= threshold
    return AssertionResult(
        passed=passed,
        score=measure if score is None else score,
        reason=f"{figure} {'≥' if passed else '<'} threshold {threshold:g}",
    )


def at_most(
    figure: str, measure: float, threshold: float, *, score: float | None = None
) -> AssertionResult:
    """Return the result of a measure of which less is better.

    Args:
        figure: the measure with its name and unit, as people read it.
        measure: what is compared.
        threshold: the highest that passes.
        score: from 0 to 1; without one it is 1 for what passes, else 0.
    """
    passed = measure <= threshold
    return AssertionResult(
        passed=passed,
        score=float(passed) if score is None else score,
        reason=f"{figure} {'≤' if passed else '>'} threshold {threshold:g}",
    )
