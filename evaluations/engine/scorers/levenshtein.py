"""levenshtein: the number of edits between answer and value."""

from typing import Final

from rapidfuzz.distance import Levenshtein

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer, product_cost
from evaluations.engine.scorers.thresholds import at_most, find_threshold
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

DEFAULT_THRESHOLD: Final = 5.0  # edits; promptfoo's
LAST_OF_FIRST_PLANE: Final = 0xFFFF
MOST_PAIRS: Final = 4_000_000_000  # of characters; about 0.2 s

Units = str | list[int]


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    if not isinstance(assertion.value, str):
        raise ScoringError("scorer.levenshtein")
    left, right = _to_units(answer.text), _to_units(assertion.value)
    if not (isinstance(left, str) and isinstance(right, str)):
        # That rapidfuzz takes a character for its number is nowhere promised.
        left, right = _to_numbers(left), _to_numbers(right)
    threshold = find_threshold(assertion, DEFAULT_THRESHOLD)
    distance, counted = _count(left, right, threshold)
    noun = "edit" if counted == "1" else "edits"
    return at_most(f"{counted} {noun}", distance, threshold)


def _to_units(text: str) -> Units:
    # JavaScript counts UTF-16 units: a character beyond the first plane is two of them.
    if text.isascii() or max(map(ord, text), default=0) <= LAST_OF_FIRST_PLANE:
        return text
    return list(memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))


def _to_numbers(units: Units) -> list[int]:
    return [ord(unit) for unit in units] if isinstance(units, str) else units


def _count(left: Units, right: Units, limit: float) -> tuple[int, str]:
    """Return the number of edits, and how it is told.

    All of them are counted where that takes little; of long texts only whether they are within the
    limit, which takes time in proportion to the limit and not to the other text.
    """
    # A limit that the longer text's length reaches rules nothing out: there is no time to be saved.
    can_stop_early = 0 <= limit < max(len(left), len(right))
    if len(left) * len(right) <= MOST_PAIRS or not can_stop_early:
        distance = Levenshtein.distance(left, right)
        return distance, str(distance)
    most = int(limit)
    # Beyond the cutoff rapidfuzz stops and returns the cutoff plus 1.
    distance = Levenshtein.distance(left, right, score_cutoff=most)
    return distance, f"more than {most}" if distance > most else str(distance)


SCORERS: Final = (
    Scorer(
        name="levenshtein",
        title="few edits away from the value",
        score=_score,
        normalisation="none; edits of UTF-16 units",
        direction=Direction.LOWER,
        cost=product_cost,
        default_threshold=DEFAULT_THRESHOLD,
    ),
)
