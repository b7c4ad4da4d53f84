"""Texts as a search compares them: full-width as half-width, a letter and its mark as one.

These are the foldings of NFKC (Unicode Standard Annex 15) for the blocks that people type without
meaning anything by it. They are a list, so that the triggers that keep a search's index can apply
just the same in SQL.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["COMMON", "FOLDS", "fold", "make_pattern"]

VOICED: Final = "\u3099\uff9e"  # the mark of ガ: combining, half-width
SEMI_VOICED: Final = "\u309a\uff9f"  # the mark of パ
WIDTHS: Final = (*range(0xFF01, 0xFFA0), *range(0xFFE0, 0xFFE7), 0x3000, 0x00A0)
RARE: Final = (
    *range(0x2160, 0x2180),  # Roman numerals
    *range(0x2460, 0x2500),  # numbers and letters in circles and brackets
    *range(0x3200, 0x3400),  # ㈱, ㎡, ㍻
    *range(0xFB00, 0xFB07),  # ligatures
)


def _marked() -> Iterator[tuple[str, str]]:
    """Yield kana with a mark of its own beside it, and the kana that it is."""
    halves = {unicodedata.normalize("NFKC", chr(n)): chr(n) for n in range(0xFF66, 0xFF9E)}
    for base in map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))):
        for marks in (VOICED, SEMI_VOICED):
            whole = unicodedata.normalize("NFKC", base + marks[0])
            if len(whole) != 1:
                continue
            for mark in marks:
                yield base + mark, whole
            if base in halves:  # letters of half width have marks of either width, too
                for mark in marks:
                    yield halves[base] + mark, whole


def _singles(numbers: Iterable[int]) -> Iterator[tuple[str, str]]:
    for letter in map(chr, numbers):
        folded = unicodedata.normalize("NFKC", letter)
        if folded != letter:
            yield letter, folded


_COMMON: Final = (*_marked(), *_singles(WIDTHS))
COMMON: Final = len(_COMMON)
"""How many of the folds are of letters that many texts have."""
FOLDS: Final = (*_COMMON, *_singles(RARE))
"""What is replaced by what, in this order."""
_FOLDED: Final = re.compile("|".join(re.escape(source) for source, _target in FOLDS))
_TARGETS: Final = dict(FOLDS)


def fold(text: str) -> str:
    """Return `text` as a search compares it; upper and lower case are left to the search."""
    # One pass gives what one replacement after the other does: no target is a source, and the
    # longer sources stand first.
    return _FOLDED.sub(lambda match: _TARGETS[match[0]], text)


_SOURCES: Final[dict[str, list[str]]] = {}
for _source, _target in FOLDS:
    if len(_target) == 1:
        _SOURCES.setdefault(_target, [_target]).append(_source)


def make_pattern(word: str) -> str:
    """Return a regular expression that finds a folded word in a text that is not folded."""
    parts = []
    for letter in word:
        spellings = _SOURCES.get(letter, [letter])
        longest_first = sorted(spellings, key=len, reverse=True)  # `re` takes the first that fits
        alternatives = "|".join(map(re.escape, longest_first))
        parts.append(f"(?:{alternatives})")
    return "".join(parts)
