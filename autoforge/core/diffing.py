"""What changed between two texts: line by line, and word by word within a line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

__all__ = ["Row", "Side", "compare", "merge"]

# A word, a run of spaces, a sign, or one character of a script that is written without spaces.
WORD: Final = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]|[^\W぀-ヿ㐀-䶿一-鿿豈-﫿]+|\s+|[^\w\s]")
LONGEST_LINE: Final = 4000  # characters that are compared word by word
UNLIKE: Final = 0.25  # lines less alike than this are shown as one gone and one new
CONTEXT: Final = 3  # unchanged lines around a change

Piece = tuple[bool, str]
"""Whether it changed, and the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One text's part of a row."""

    number: int
    """Of the line, from 1."""
    pieces: tuple[Piece, ...]
    """The line, in changed and unchanged pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a comparison; a gap has neither side."""

    kind: str
    """"same", "changed", "removed", "added" or "gap"."""
    left: Side | None = None
    right: Side | None = None


def compare(before: str, after: str, *, context: int | None = CONTEXT) -> list[Row]:
    """Return the rows of a comparison.

    Args:
        before: the older text.
        after: the newer text.
        context: how many unchanged lines to keep around changes; None: all.
    """
    rows = list(_rows(_lines(before), _lines(after)))
    return rows if context is None else list(_with_gaps(rows, context))


def _lines(text: str) -> list[str]:
    return text.replace("\r", "␍").split("\n")


def _rows(left: list[str], right: list[str]) -> Iterator[Row]:
    matcher = SequenceMatcher(None, left, right, autojunk=len(left) + len(right) > LONGEST_LINE)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            for offset in range(i_end - i):
                pieces = ((False, left[i + offset]),)
                yield Row(
                    kind="same",
                    left=Side(number=i + offset + 1, pieces=pieces),
                    right=Side(number=j + offset + 1, pieces=pieces),
                )
        else:
            pairs = zip_longest(range(i, i_end), range(j, j_end))
            for a, b in pairs:
                yield from _changed(left, right, a, b)


def _changed(left: list[str], right: list[str], a: int | None, b: int | None) -> Iterator[Row]:
    if a is not None and b is not None:
        before, after, likeness = _words(left[a], right[b])
        if likeness >= UNLIKE:
            yield Row(
                kind="changed",
                left=Side(number=a + 1, pieces=before),
                right=Side(number=b + 1, pieces=after),
            )
            return
    if a is not None:
        yield Row(kind="removed", left=Side(number=a + 1, pieces=((True, left[a]),)))
    if b is not None:
        yield Row(kind="added", right=Side(number=b + 1, pieces=((True, right[b]),)))


def _words(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...], float]:
    """Return both lines in pieces, and how much they are alike from 0 to 1."""
    if max(len(before), len(after)) > LONGEST_LINE:
        return ((True, before),), ((True, after),), 1.0
    left, right = WORD.findall(before), WORD.findall(after)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        for side, text in zip(
            pieces, ("".join(left[i:i_end]), "".join(right[j:j_end])), strict=True
        ):
            if text:
                side.append((tag != "equal", text))
    return tuple(pieces[0]), tuple(pieces[1]), matcher.ratio()


def _with_gaps(rows: list[Row], context: int) -> Iterator[Row]:
    changed = [number for number, row in enumerate(rows) if row.kind != "same"]
    kept = {near for number in changed for near in range(number - context, number + context + 1)}
    for number, row in enumerate(rows):
        if number in kept:
            yield row
        elif number - 1 in kept or number == 0:
            yield Row(kind="gap")


def merge(base: str, mine: str, theirs: str) -> tuple[str, int]:
    """Return both changes of a text together, and how many places both changed differently.

    Such a place holds both, between the marks that people know from version control.

    Args:
        base: what both began with.
        mine: one changed text.
        theirs: the other.
    """
    old, left, right = base.split("\n"), mine.split("\n"), theirs.split("\n")
    lines: list[str] = []
    conflicts = 0
    start = start_left = start_right = 0
    for line, in_left, in_right in [*_anchors(old, left, right), (len(old), len(left), len(right))]:
        was, ours, others = old[start:line], left[start_left:in_left], right[start_right:in_right]
        if others in (ours, was):
            lines += ours
        elif ours == was:
            lines += others
        else:
            conflicts += 1
            lines += ["<<<<<<<", *ours, "=======", *others, ">>>>>>>"]
        lines += old[line : line + 1]
        start, start_left, start_right = line + 1, in_left + 1, in_right + 1
    return "\n".join(lines), conflicts


def _anchors(old: list[str], left: list[str], right: list[str]) -> Iterator[tuple[int, int, int]]:
    """Yield the lines that stand in all three: their numbers in each."""
    in_left, in_right = _same_lines(old, left), _same_lines(old, right)
    for number in range(len(old)):
        if number in in_left and number in in_right:
            yield number, in_left[number], in_right[number]


def _same_lines(old: list[str], new: list[str]) -> dict[int, int]:
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > LONGEST_LINE)
    return {
        a + offset: b + offset
        for a, b, size in matcher.get_matching_blocks()
        for offset in range(size)
    }
