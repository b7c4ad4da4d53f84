"""levenshtein: the number of edits between answer and value."""

from typing import Final

from rapidfuzz.distance import Levenshtein

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer, product_cost
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

DEFAULT: Final = 5.0
ASTRAL: Final = 0xFFFF
MOST_PAIRS: Final = 4_000_000_000  # of characters; about 0.2 s

Units = str | list[int]


def _units(text: str) -> str | list[int]:
    # JavaScript counts UTF-16 units: a character beyond the first plane is two.
    if text.isascii() or max(map(ord, text), default=0) <= ASTRAL:
        return text
    return list(memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    if not isinstance(assertion.value, str):
        raise ScoringError("scorer.levenshtein")
    one, other = _units(answer.text), _units(assertion.value)
    if isinstance(one, str) is not isinstance(other, str):
        one, other = (
            list(map(ord, one)) if isinstance(one, str) else one,
            (list(map(ord, other)) if isinstance(other, str) else other),
        )
    limit = DEFAULT if assertion.threshold is None else assertion.threshold
    distance, counted = _count(one, other, limit)
    passed = distance <= limit
    said = "within" if passed else "above"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"{counted} edits, {said} the limit {limit:g}"
    )


def _count(one: Units, other: Units, limit: float) -> tuple[int, str]:
    """Return the number of edits, and how it is told.

    All of them are counted where that takes little; of long texts only whether they are within the
    limit, which takes time in proportion to the limit and not to the other text.
    """
    if len(one) * len(other) <= MOST_PAIRS or not 0 <= limit < max(len(one), len(other)):
        distance = Levenshtein.distance(one, other)
        return distance, str(distance)
    most = int(limit)
    distance = Levenshtein.distance(one, other, score_cutoff=most)
    return distance, f"more than {most}" if distance > most else str(distance)


SCORERS: Final = (
    Scorer(
        name="levenshtein",
        title="few edits away from the value",
        score=_score,
        normalisation="none; edits of UTF-16 units",
        direction="lower",
        cost=product_cost,
        default_threshold=DEFAULT,
    ),
)
