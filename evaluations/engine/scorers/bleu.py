"""bleu, gleu and bleu-4: n-grams of the answer that are in a reference.

bleu and gleu are promptfoo's; bleu-4 is that of Papineni et al. 2002 for one sentence, with the
words of any script.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import SPACE, text_list, toward_words
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.scorers.tokenizing import count_grams, overlap, tokenize
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

ORDERS: Final = range(1, 5)
ALMOST_NOTHING: Final = 1e-7  # in place of a precision of 0, whose logarithm there is not
DEFAULT_THRESHOLD: Final = 0.5  # promptfoo's, for both of its measures

Words = Sequence[str]
Measure = Callable[[Assertion, Answer], float]


def bleu(candidate: Words, references: Sequence[Words]) -> float:
    """Return BLEU of one text, 0 to 1; orders that the text is too short for are left out."""
    logs = []
    for size in ORDERS:
        grams = count_grams(candidate, size)
        if grams:
            best = max(overlap(grams, count_grams(words, size)) for words in references)
            precision = best / grams.total() or ALMOST_NOTHING
            logs.append(math.log(precision))
    if not logs:
        return 0.0
    mean = math.exp(math.fsum(logs) / len(logs))  # geometric
    return _brevity_penalty(len(candidate), references) * mean


def _brevity_penalty(length: int, references: Sequence[Words]) -> float:
    # Of two references equally close in length the shorter one counts, as in NLTK's program.
    lengths = [len(words) for words in references]
    closest = min(lengths, key=lambda other: (abs(other - length), other))
    if length > closest:
        return 1.0
    return math.exp(1 - closest / length)


def gleu(candidate: Words, reference: Words) -> float:
    """Return GLEU (Wu et al. 2016), 0 to 1: the lower of precision and recall, n = 1 to 4."""
    if list(candidate) == list(reference):
        return 1.0
    matches = candidate_total = reference_total = 0
    for size in ORDERS:
        candidate_grams = count_grams(candidate, size)
        reference_grams = count_grams(reference, size)
        matches += overlap(candidate_grams, reference_grams)
        candidate_total += candidate_grams.total()
        reference_total += reference_grams.total()
    if not candidate_total or not reference_total:
        return 0.0
    # The smaller of precision and recall.
    return matches / max(candidate_total, reference_total)


def _promptfoo_bleu(assertion: Assertion, answer: Answer) -> float:
    references = [toward_words(text) for text in text_list(assertion)]
    if not answer.text.strip(SPACE):
        return 0.0
    return bleu(toward_words(answer.text), references)


def _words_without_dots(text: str) -> list[str]:
    words = [word.rstrip(".") for word in toward_words(text)]
    return words if any(words) else []


def _promptfoo_gleu(assertion: Assertion, answer: Answer) -> float:
    references = [_words_without_dots(text) for text in text_list(assertion)]
    candidate = _words_without_dots(answer.text)
    if not candidate:
        return 0.0
    return max(gleu(candidate, words) for words in references)


def _paper_bleu(assertion: Assertion, answer: Answer) -> float:
    references = [tokenize(text, assertion) for text in text_list(assertion)]
    candidate = tokenize(answer.text, assertion)
    return bleu(candidate, references) if candidate else 0.0


def _score(
    assertion: Assertion, answer: Answer, _context: Context, *, measure: Measure, name: str
) -> AssertionResult:
    value = min(1.0, measure(assertion, answer))  # the exponential of rounded logarithms
    return at_least(f"{name} {value:.4f}", value, find_threshold(assertion, DEFAULT_THRESHOLD))


SCORERS: Final = (
    Scorer(
        name="bleu",
        title="n-grams of a reference (BLEU)",
        score=partial(_score, measure=_promptfoo_bleu, name="BLEU"),
        normalisation="lower-cased, words between white space; n = 1 to 4; 0 becomes 1e-7",
        direction=Direction.HIGHER,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
    ),
    Scorer(
        name="gleu",
        title="n-grams of a reference (GLEU)",
        score=partial(_score, measure=_promptfoo_gleu, name="GLEU"),
        normalisation="lower-cased, words between white space without dots at their ends",
        direction=Direction.HIGHER,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
    ),
    Scorer(
        name="bleu-4",
        title="n-grams of a reference (BLEU), any script",
        score=partial(_score, measure=_paper_bleu, name="BLEU-4"),
        normalisation="NFC; words between white space, characters of scripts without spaces",
        direction=Direction.HIGHER,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
    ),
)
