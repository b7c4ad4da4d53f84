"""Words and their n-grams, also of languages that write without spaces."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.types import Assertion

__all__ = ["WORDS", "count_grams", "overlap", "split_words", "tokenize"]

WORDS: Final = ("auto", "space", "character")
# Scripts whose words have no spaces between them: each character is a word of its own.
UNSPACED: Final = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005\u3007\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # Han
)
PIECES: Final = re.compile(f"[{UNSPACED}]|[^\\s{UNSPACED}]+")
NOT_SPACE: Final = re.compile(r"\S")

Grams = Counter[tuple[str, ...]]


def tokenize(text: str, assertion: Assertion) -> list[str]:
    """Return the words as the assertion's config `words` says (auto if it says nothing).

    Raises:
        ScoringError: it says something else than auto, space or character.
    """
    how = assertion.config.get("words", "auto")
    if how not in WORDS:
        raise ScoringError("scorer.words", known=", ".join(WORDS), how=how)
    return split_words(text, how)


def split_words(text: str, how: str = "auto") -> list[str]:
    """Return the words of a text, in NFC."""
    text = unicodedata.normalize("NFC", text)
    if how == "space":
        return text.split()
    if how == "character":
        return NOT_SPACE.findall(text)
    return PIECES.findall(text)


def count_grams(words: Sequence[str], size: int) -> Grams:
    """Return how often each run of `size` words occurs."""
    starts = range(len(words) - size + 1)
    return Counter(tuple(words[start : start + size]) for start in starts)


def overlap(left: Grams, right: Grams) -> int:
    """Return how many n-grams both have, each as often as both have it."""
    return (left & right).total()
