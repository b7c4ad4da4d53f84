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
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.scorers.tokenizing import tokenize
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

ALPHA: Final = 0.9  # weight of recall
BETA: Final = 3.0
GAMMA: Final = 0.5  # the most that broken order costs
DEFAULT_THRESHOLD: Final = 0.5  # promptfoo's


def meteor(candidate: Sequence[str], reference: Sequence[str]) -> float:
    """Return METEOR of two lists of words, 0 to 1."""
    pairs = _align(candidate, reference)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(candidate), len(pairs) / len(reference)
    mean: float = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    fragmentation: float = (_count_chunks(pairs) / len(pairs)) ** BETA
    return mean * (1 - GAMMA * fragmentation)


def _align(candidate: Sequence[str], reference: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of positions: each word with the first one like it that is still free.

    The paper asks for the alignment with the fewest crossings; taking the first is NLTK's.
    """
    unmatched = dict(enumerate(candidate))
    free = dict(enumerate(reference))
    pairs: list[tuple[int, int]] = []
    for normalise in (str, stem):
        positions: dict[str, deque[int]] = {}
        for position, word in free.items():
            positions.setdefault(normalise(word), deque()).append(position)
        for position, word in list(unmatched.items()):
            alike = positions.get(normalise(word))
            if alike:
                partner = alike.popleft()
                pairs.append((position, partner))
                del unmatched[position], free[partner]
    return sorted(pairs)


def _count_chunks(pairs: Sequence[tuple[int, int]]) -> int:
    """Return how many runs of words stand together in both texts."""
    chunks = 1
    for (position, partner), following in pairwise(pairs):
        if following != (position + 1, partner + 1):
            chunks += 1
    return chunks


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    candidate = tokenize(answer.text.lower(), assertion)
    references = [tokenize(text.lower(), assertion) for text in text_list(assertion)]
    best = max(meteor(candidate, words) for words in references)
    return at_least(f"METEOR {best:.4f}", best, find_threshold(assertion, DEFAULT_THRESHOLD))


SCORERS: Final = (
    Scorer(
        name="meteor",
        title="words of a reference, in their order (METEOR)",
        score=_score,
        normalisation="lower-cased; exact words, then Porter stems; no synonyms",
        direction=Direction.HIGHER,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
    ),
)
