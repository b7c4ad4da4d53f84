"""word-count: how many words there are between white space."""

import math
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import SPACE, SPACES
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]


def count_words(text: str) -> int:
    """Return how many words there are."""
    return sum(map(bool, SPACES.split(text.strip(SPACE))))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value or 0)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(found) else found


def _range(assertion: Assertion) -> tuple[float, float]:
    value = assertion.value
    if isinstance(value, dict):
        low, high = _number(value.get("min", 0)), _number(value.get("max", math.inf))
        if low is None or high is None or not {"min", "max"} & value.keys():
            raise ScoringError("scorer.word-count-bounds")
        if low > high:
            raise ScoringError("scorer.word-count-order", low=f"{low:g}", high=f"{high:g}")
        return low, high
    exact = _number(value)
    if exact is None:
        raise ScoringError("scorer.word-count")
    return exact, exact


def _check(assertion: Assertion) -> list[str]:
    try:
        _range(assertion)
    except ScoringError as error:
        return [str(error)]
    return []


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    low, high = _range(assertion)
    count = count_words(answer.text)
    passed = low <= count <= high
    asked = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"{count} words, {asked} were asked for"
    )


SCORERS: Final = (
    Scorer(
        name="word-count",
        title="number of words",
        score=_score,
        check=_check,
        normalisation="words are what stands between white space",
    ),
)
