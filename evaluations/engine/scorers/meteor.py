"""meteor (Banerjee and Lavie 2005): matched words, rewarded where they stand together.

Words match exactly or by their stems. Synonyms would take WordNet, 30 MB of English words: they are
not looked up.
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import text_list
from evaluations.engine.scorers.stems import stem
from evaluations.engine.scorers.tokenizing import tokenize
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

ALPHA: Final = 0.9  # weight of recall
BETA: Final = 3.0
GAMMA: Final = 0.5  # the most that broken order costs
ENOUGH: Final = 0.5


def meteor(candidate: Sequence[str], reference: Sequence[str]) -> float:
    """Return METEOR of two lists of words, 0 to 1."""
    pairs = _matches(candidate, reference)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(candidate), len(pairs) / len(reference)
    mean: float = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    broken: float = (_chunks(pairs) / len(pairs)) ** BETA
    return mean * (1 - GAMMA * broken)


def _matches(candidate: Sequence[str], reference: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of places: each word with the first one like it that is still free."""
    mine, its = dict(enumerate(candidate)), dict(enumerate(reference))
    pairs: list[tuple[int, int]] = []
    for same in (str, stem):
        free: dict[str, deque[int]] = {}
        for place, word in its.items():
            free.setdefault(same(word), deque()).append(place)
        for place, word in list(mine.items()):
            places = free.get(same(word))
            if places:
                other = places.popleft()
                pairs.append((place, other))
                del mine[place], its[other]
    return sorted(pairs)


def _chunks(pairs: Sequence[tuple[int, int]]) -> int:
    follows = pairwise(pairs)
    return 1 + sum((after[0] - one[0], after[1] - one[1]) != (1, 1) for one, after in follows)


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    candidate = tokenize(answer.text.lower(), assertion)
    references = [tokenize(text.lower(), assertion) for text in text_list(assertion)]
    best = max(meteor(candidate, words) for words in references)
    limit = ENOUGH if assertion.threshold is None else assertion.threshold
    reason = f"METEOR is {best:.4f}, {limit:g} is enough"
    return AssertionResult(passed=best >= limit, score=best, reason=reason)


SCORERS: Final = (
    Scorer(
        name="meteor",
        title="words of a reference, in their order (METEOR)",
        score=_score,
        normalisation="lower-cased; exact words, then Porter stems; no synonyms",
        direction="higher",
        default_threshold=ENOUGH,
        decides_by_threshold=True,
        graded=True,
    ),
)
