"""levenshtein: the number of edits between answer and value."""

from typing import Final

from rapidfuzz.distance import Levenshtein

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.contract import Context, Scorer
from evaluations.engine.types import Answer, Assertion, Outcome

__all__ = ["SCORERS"]

DEFAULT: Final = 5.0
ASTRAL: Final = 0xFFFF


def _units(text: str) -> str | list[int]:
    # JavaScript counts UTF-16 units: a character beyond the first plane is two.
    if text.isascii() or max(map(ord, text), default=0) <= ASTRAL:
        return text
    return list(memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))


def _score(assertion: Assertion, answer: Answer, _context: Context) -> Outcome:
    if not isinstance(assertion.value, str):
        raise ScoringError("levenshtein needs a text as its value")
    one, other = _units(answer.text), _units(assertion.value)
    if isinstance(one, str) is not isinstance(other, str):
        one, other = (
            list(map(ord, one)) if isinstance(one, str) else one,
            (list(map(ord, other)) if isinstance(other, str) else other),
        )
    distance = Levenshtein.distance(one, other)
    limit = DEFAULT if assertion.threshold is None else assertion.threshold
    passed = distance <= limit
    said = "within" if passed else "above"
    return Outcome(
        passed=passed, score=float(passed), reason=f"{distance} edits, {said} the limit {limit:g}"
    )


SCORERS: Final = (
    Scorer(
        name="levenshtein",
        title="few edits away from the value",
        score=_score,
        normalisation="none; edits of UTF-16 units",
        direction="lower",
        default_threshold=DEFAULT,
    ),
)
