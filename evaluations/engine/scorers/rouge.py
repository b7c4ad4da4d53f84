"""rouge-n, and rouge-1, rouge-2, rouge-l of Lin 2004: what a reference says and the answer too.

rouge-n is promptfoo's: lower-cased words as the Penn Treebank divides them, n = 1. The others take
the words of any script and are F-measures as well (beta = 1).
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from rapidfuzz.distance import LCSseq

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer, product_cost
from evaluations.engine.scorers.javascript import SPACES, text_list
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.scorers.tokenizing import count_grams, overlap, tokenize
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS", "f_measure", "treebank_words"]

DEFAULT_THRESHOLD: Final = 0.75  # promptfoo's
CONTRACTED: Final = (
    r"(can)(not)|(d)('ye)|(gim)(me)|(gon)(na)|(got)(ta)|(lem)(me)|(more)('n)|('t)(is)|('t)(was)"
    r"|(wan)(na)"
)
STEPS: Final = (  # Penn Treebank (MacIntyre 1995)
    (re.compile(r'^"'), "`` "),
    (re.compile(r'([ (\[{<])"'), r"\1 `` "),
    (re.compile(r"\.\.\."), " ... "),
    (re.compile(r"[;@#$%&?!]"), r" \g<0> "),
    (re.compile(r"([,:])([^\d])"), r" \1 \2"),
    (re.compile(r"([,:])$"), r" \1 "),
    (re.compile(r"([^.])(\.)([\]\)}>\"']*)\s*$"), r"\1 \2\3 "),
    (re.compile(r"[\]\[(){}<>]"), r" \g<0> "),
    (re.compile(r"--"), " -- "),
    (re.compile(r"$"), " "),
    (re.compile(r"^"), " "),
    (re.compile(r'"'), " '' "),
    (re.compile(r"([^'])' "), r"\1 ' "),
    (re.compile(r"'([smd]) ", re.IGNORECASE), r" '\1 "),
    (re.compile(r"('ll|'re|'ve|n't) ", re.IGNORECASE), r" \1 "),
)
TOGETHER: Final = re.compile(rf"\b(?:{CONTRACTED})\b", re.IGNORECASE)

Words = Sequence[str]
Measure = Callable[[Words, Words], float]


def treebank_words(text: str) -> list[str]:
    """Return the words of a text as the Penn Treebank divides them."""
    text = SPACES.sub(" ", text).strip()
    for pattern, replacement in STEPS:
        text = pattern.sub(replacement, text)
    return TOGETHER.sub(_split_contraction, text).split()


def _split_contraction(match: re.Match[str]) -> str:
    return " ".join(part for part in match.groups() if part)


def f_measure(common: float, candidate_total: int, reference_total: int) -> float:
    """Return the harmonic mean of precision and recall, 0 where nothing is in common."""
    if not common:
        return 0.0
    # 2PR / (P + R), without dividing twice
    return 2 * common / (candidate_total + reference_total)


def _grams(candidate: Words, reference: Words, *, size: int) -> float:
    candidate_grams = count_grams(candidate, size)
    reference_grams = count_grams(reference, size)
    common = overlap(candidate_grams, reference_grams)
    return f_measure(common, candidate_grams.total(), reference_grams.total())


def _longest(candidate: Words, reference: Words) -> float:
    common = LCSseq.similarity(candidate, reference)
    return f_measure(common, len(candidate), len(reference))


def _promptfoo(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    if not isinstance(assertion.value, str):
        raise ScoringError("scorer.rouge")
    candidate = treebank_words(answer.text.lower())
    reference = treebank_words(assertion.value.lower())
    return _result(assertion, _grams(candidate, reference, size=1))


def _best(
    assertion: Assertion, answer: Answer, _context: Context, *, measure: Measure
) -> AssertionResult:
    candidate = tokenize(answer.text.lower(), assertion)
    references = [tokenize(text.lower(), assertion) for text in text_list(assertion)]
    best = max(measure(candidate, words) for words in references)
    return _result(assertion, best)


def _result(assertion: Assertion, score: float) -> AssertionResult:
    name = assertion.type.upper()  # as the paper writes it: ROUGE-L
    return at_least(f"{name} {score:.4f}", score, find_threshold(assertion, DEFAULT_THRESHOLD))


OF_THE_PAPER: Final[tuple[tuple[str, Measure, str], ...]] = (
    ("rouge-1", partial(_grams, size=1), "words of a reference (ROUGE-1)"),
    ("rouge-2", partial(_grams, size=2), "pairs of words of a reference (ROUGE-2)"),
    ("rouge-l", _longest, "longest common words of a reference (ROUGE-L)"),
)
SCORERS: Final = (
    Scorer(
        name="rouge-n",
        title="words of the reference (ROUGE-1)",
        score=_promptfoo,
        normalisation="lower-cased, Penn Treebank words, F-measure of clipped counts",
        direction=Direction.HIGHER,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
    ),
    *(
        Scorer(
            name=name,
            title=title,
            score=partial(_best, measure=measure),
            normalisation="lower-cased NFC; words between white space, characters without spaces",
            direction=Direction.HIGHER,
            default_threshold=DEFAULT_THRESHOLD,
            decides_by_threshold=True,
            graded=True,
            cost=product_cost,
        )
        for name, measure, title in OF_THE_PAPER
    ),
)
