"""Sets of characters as Python's `re` understands them: categories, case, complements.

A set is a sorted tuple of ranges of code points, both ends included, that do not touch.
"""

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import chain
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
EXTRA_CASES: Final[Mapping[int, tuple[int, ...]]] = vars(_casefix)["_EXTRA_CASES"]
"""Lower case → others that `re.IGNORECASE` takes for the same; Python shows them nowhere else."""


def union(*sets: Iterable[Range]) -> Ranges:
    """Return what is in any of the sets."""
    merged: list[Range] = []
    for low, high in sorted(chain.from_iterable(sets)):
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
    end = ASCII_END if is_ascii else sys.maxunicode
    return _matching(TESTS[code], end)


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
    ranges: list[Range] = []
    for code in range(end + 1):
        if not test(chr(code)):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return tuple(ranges)


@lru_cache(maxsize=64)
def ignoring_case(ranges: Ranges, *, is_ascii: bool) -> Ranges:
    """Return every character whose lower case equals that of a character in the set."""
    lower = _lower_cases(is_ascii=is_ascii)
    # As `re` does it: the pattern's characters become their lower cases, and so does the text's.
    folded = {folding for code, folding in lower.items() if _holds(ranges, code)}
    whole = union(_without(ranges, lower), _as_ranges(folded))
    if not is_ascii:
        # A few lower cases are equal besides, such as the Greek final sigma and the other one.
        for code, others in EXTRA_CASES.items():
            if _holds(whole, code):
                whole = union(whole, _as_ranges(others))
    matching = [code for code, folding in lower.items() if _holds(whole, folding)]
    return union(_without(whole, lower), _as_ranges(matching))


def _as_ranges(codes: Iterable[int]) -> list[Range]:
    return [(code, code) for code in codes]


def _without(ranges: Ranges, codes: Iterable[int]) -> Ranges:
    """Return the set without some characters."""
    return complement(union(complement(ranges), _as_ranges(codes)))


def _holds(ranges: Ranges, code: int) -> bool:
    # \w alone has over seven hundred ranges, and is asked for every letter that has a case.
    following = bisect_right(ranges, code, key=itemgetter(0))
    return following > 0 and code <= ranges[following - 1][1]


@lru_cache(maxsize=2)
def _lower_cases(*, is_ascii: bool) -> dict[int, int]:
    """Return each character that has another lower case, with it."""
    to_lower = _sre.ascii_tolower if is_ascii else _sre.unicode_tolower
    end = ASCII_END if is_ascii else sys.maxunicode
    lower_cases = {}
    for code in range(end + 1):
        lower = to_lower(code)
        if lower != code:
            lower_cases[code] = lower
    return lower_cases
