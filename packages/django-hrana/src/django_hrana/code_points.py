"""Sets of characters as Python's `re` understands them: categories, case, complements.

A set is a sorted tuple of ranges of code points, both ends included, that do not touch.
"""

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Final

import _sre  # type: ignore[import-not-found]  # isort: skip  # the table behind re.IGNORECASE
from re import _casefix  # type: ignore[attr-defined]  # as above
from re import _constants as sre  # type: ignore[attr-defined]  # re has no public parser

__all__ = ["ALL", "Ranges", "category", "complement", "ignoring_case", "union"]

Range = tuple[int, int]
Ranges = tuple[Range, ...]

ALL: Final[Ranges] = ((0, sys.maxunicode),)
ASCII_END: Final = 127


def union(*sets: Iterable[Range]) -> Ranges:
    """Return what is in any of the sets."""
    merged: list[Range] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Return what is not in the set."""
    gaps, start = [], 0
    for low, high in ranges:
        if low > start:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= sys.maxunicode:
        gaps.append((start, sys.maxunicode))
    return tuple(gaps)


@lru_cache(maxsize=16)
def category(code: int, *, is_ascii: bool) -> Ranges:
    r"""Return the characters of \d, \s, \w, or of their opposites.

    Args:
        code: the parser's constant.
        is_ascii: the flag re.ASCII holds.
    """
    if code in OPPOSITES:
        return complement(category(OPPOSITES[code], is_ascii=is_ascii))
    return _matching(TESTS[code], ASCII_END if is_ascii else sys.maxunicode)


OPPOSITES: Final = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
}
TESTS: Final[dict[int, Callable[[str], bool]]] = {
    sre.CATEGORY_DIGIT: str.isdecimal,
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
}


def _matching(test: Callable[[str], bool], end: int) -> Ranges:
    found: list[Range] = []
    for code in range(end + 1):
        if test(chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1] = (found[-1][0], code)
            else:
                found.append((code, code))
    return tuple(found)


@lru_cache(maxsize=64)
def ignoring_case(ranges: Ranges, *, is_ascii: bool) -> Ranges:
    """Return every character whose lower case equals that of a character in the set."""
    lower = _lower_cases(is_ascii)
    folded = {folding for code, folding in lower.items() if _holds(ranges, code)}
    kept = _without(ranges, lower)
    whole = union(kept, ((code, code) for code in folded))
    if not is_ascii:
        equal = [
            (other, other)
            for code, others in _casefix._EXTRA_CASES.items()  # noqa: SLF001 (there is no other way to it)
            if _holds(whole, code)
            for other in others
        ]
        whole = union(whole, equal)
    more = [(code, code) for code, folding in lower.items() if _holds(whole, folding)]
    return union(_without(whole, lower), more)


def _without(ranges: Ranges, codes: Iterable[int]) -> Ranges:
    """Return the set without some characters."""
    gone = union((code, code) for code in codes)
    return complement(union(complement(ranges), gone))


def _holds(ranges: Ranges, code: int) -> bool:
    # \w alone has over seven hundred ranges, and is asked for every letter that has a case.
    following = bisect_right(ranges, code, key=itemgetter(0))
    return following > 0 and code <= ranges[following - 1][1]


@lru_cache(maxsize=2)
def _lower_cases(is_ascii: bool) -> dict[int, int]:  # noqa: FBT001 (cached by position)
    """Return each character that has another lower case, with it."""
    to_lower = _sre.ascii_tolower if is_ascii else _sre.unicode_tolower
    end = ASCII_END if is_ascii else sys.maxunicode
    return {code: to_lower(code) for code in range(end + 1) if to_lower(code) != code}
