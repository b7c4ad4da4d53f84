"""word-count: how many words there are between white space."""

import math
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import SPACE, SPACES
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]


def count_words(text: str) -> int:
    """Return how many words there are."""
    return sum(1 for word in SPACES.split(text.strip(SPACE)) if word)


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value or 0)  # an empty text is 0, as Number("") is in JavaScript
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _range(assertion: Assertion) -> tuple[float, float]:
    value = assertion.value
    if isinstance(value, dict):
        low, high = _read_number(value.get("min", 0)), _read_number(value.get("max", math.inf))
        if low is None or high is None or not {"min", "max"} & value.keys():
            raise ScoringError("scorer.word-count-bounds")
        if low > high:
            raise ScoringError("scorer.word-count-order", low=f"{low:g}", high=f"{high:g}")
        return low, high
    exact = _read_number(value)
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
    noun = "word" if count == 1 else "words"
    return AssertionResult(
        passed=passed,
        score=float(passed),
        reason=f"the answer has {count} {noun}; expected {_describe_range(low, high)}",
    )


def _describe_range(low: float, high: float) -> str:
    if low == high:
        return f"{low:g}"
    if high == math.inf:
        return f"at least {low:g}"
    return f"{low:g} to {high:g}"


SCORERS: Final = (
    Scorer(
        name="word-count",
        title="number of words",
        score=_score,
        check=_check,
        normalisation="words are what stands between white space",
    ),
)
