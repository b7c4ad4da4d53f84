"""sentence-count: how many sentences an answer has."""

import math
import re
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers import Context, Scorer
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SENTENCE_COUNT", "count_sentences"]

# Latin marks end a sentence before white space alone, so that 3.5 is one number; Japanese ones end
# it anywhere. A run of marks is looked at once, from its first: an answer of 100,000 dots, tried
# from each of them, would take minutes.
END: Final = re.compile(r"(?<![.!?])[.!?]++[\"')\]]*+(?=\s|\Z)|[。！？]++")


def count_sentences(text: str) -> int:
    """Return how many sentences a text has; what has no letter and no digit is none."""
    return sum(any(map(str.isalnum, part)) for part in END.split(text))


def _read_range(value: Any) -> tuple[float, float]:
    """Return the least and the greatest number that an assertion allows.

    Raises:
        ScoringError: it is no number, and no object with min or max.
    """
    low, high = value, value
    if isinstance(value, dict) and value.keys() & {"min", "max"}:
        low, high = value.get("min", 0), value.get("max", math.inf)
    for number in (low, high):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ScoringError("sentence-count needs a number, or an object with min or max")
    return low, high


def _check(assertion: Assertion) -> list[str]:
    """Return what is wrong with an assertion, before anything is asked."""
    try:
        _read_range(assertion.value)
    except ScoringError as error:
        return [str(error)]
    return []


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    low, high = _read_range(assertion.value)
    count = count_sentences(answer.text)
    passed = low <= count <= high
    expected = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    reason = f"the answer has {count} sentences; expected {expected}"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


SENTENCE_COUNT: Final = Scorer(
    name="sentence-count",
    title="number of sentences",
    score=_score,
    check=_check,
    normalisation="sentences end at . ! ? before white space, and at 。！？",
)
