"""What changed between two texts: line by line, and word by word within a line.

The longest common subsequence decides (64 pairs a step, by rapidfuzz). What would take long all the
same is limited: what is beyond a limit is not shown, and a row of its own says so.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Final

from rapidfuzz.distance import LCSseq

__all__ = ["Row", "Side", "compare", "merge"]

# A word, a run of spaces, a sign, or one character of a script that is written without spaces.
WORD: Final = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]|[^\W぀-ヿ㐀-䶿一-鿿豈-﫿]+|\s+|[^\w\s]")
LONGEST: Final = 500_000  # characters of a text that are compared
LONGEST_LINE: Final = 4000  # characters that are compared word by word
MOST_ROWS: Final = 5000
PAIRS_OF_LINES: Final = 200_000_000  # that are compared; a byte of memory for eight of them
PAIRS_OF_WORDS: Final = 50_000_000  # the same, for all lines of a comparison together
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
    """One line of a comparison; a gap and a cut have neither side."""

    kind: str
    """"same", "changed", "removed", "added", "gap", or "cut" where the rest is not shown."""
    left: Side | None = None
    right: Side | None = None


def compare(before: str, after: str, *, context: int | None = CONTEXT) -> list[Row]:
    """Return the rows of a comparison; the last one is a cut where not everything is shown.

    Args:
        before: the older text.
        after: the newer text.
        context: how many unchanged lines to keep around changes; None: all.
    """
    left, right = _lines(before[:LONGEST]), _lines(after[:LONGEST])
    rows = list(islice(_rows(left, right, context), MOST_ROWS + 1))
    if max(len(before), len(after)) <= LONGEST and len(rows) <= MOST_ROWS:
        return rows
    return [*rows[:MOST_ROWS], Row(kind="cut")]


def _lines(text: str) -> list[str]:
    return text.replace("\r", "␍").split("\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """Parts of both sides that stand beside each other."""

    same: bool
    left: range
    right: range


def _blocks(left: Sequence[str], right: Sequence[str]) -> Iterator[_Block]:
    """Yield the parts of two lists in turn, those that are the same and those that are not."""
    done_left = done_right = 0
    for step in LCSseq.opcodes(left, right):
        if step.tag != "equal":
            continue
        if done_left < step.src_start or done_right < step.dest_start:
            yield _Block(
                same=False,
                left=range(done_left, step.src_start),
                right=range(done_right, step.dest_start),
            )
        done_left = step.src_end
        done_right = step.dest_end
        yield _Block(
            same=True,
            left=range(step.src_start, done_left),
            right=range(step.dest_start, done_right),
        )
    if done_left < len(left) or done_right < len(right):
        yield _Block(
            same=False, left=range(done_left, len(left)), right=range(done_right, len(right))
        )


def _blocks_of_lines(left: list[str], right: list[str]) -> list[_Block]:
    before = _count_equal(left, right)
    # Without the lines before: of "a" and "a a" the one line must not count at both ends.
    after = _count_equal(left[before:][::-1], right[before:][::-1])
    end_left, end_right = len(left) - after, len(right) - after
    if (end_left - before) * (end_right - before) <= PAIRS_OF_LINES:
        return list(_blocks(left, right))
    # Too much to compare: what stands between the equal ends counts as changed as a whole.
    blocks = (
        _Block(same=True, left=range(before), right=range(before)),
        _Block(same=False, left=range(before, end_left), right=range(before, end_right)),
        _Block(same=True, left=range(end_left, len(left)), right=range(end_right, len(right))),
    )
    return [block for block in blocks if block.left or block.right]


def _count_equal(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many lines are equal from the beginning on."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _rows(left: list[str], right: list[str], context: int | None) -> Iterator[Row]:
    words = _Words()
    blocks = _blocks_of_lines(left, right)
    for number, block in enumerate(blocks):
        if not block.same:
            for a, b in zip_longest(block.left, block.right):
                yield from _changed(left, right, a, b, words)
            continue
        is_last = number == len(blocks) - 1
        for offset in _select_lines(block, context, first=number == 0, last=is_last):
            if offset is None:
                yield Row(kind="gap")
            else:
                yield _unchanged(left, block, offset)


def _select_lines(
    block: _Block, context: int | None, *, first: bool, last: bool
) -> Iterator[int | None]:
    """Yield which lines of an unchanged part are shown; None for those between."""
    count = len(block.left)
    # Nothing changed before the first part or behind the last one: there they are no context.
    head = 0 if first else context
    tail = 0 if last else context
    if context is None or head is None or tail is None or head + tail >= count:
        yield from range(count)
        return
    yield from range(head)
    yield None
    yield from range(count - tail, count)


def _unchanged(left: list[str], block: _Block, offset: int) -> Row:
    a, b = block.left[offset], block.right[offset]
    pieces = ((False, left[a]),)
    return Row(
        kind="same",
        left=Side(number=a + 1, pieces=pieces),
        right=Side(number=b + 1, pieces=pieces),
    )


def _changed(
    left: list[str], right: list[str], a: int | None, b: int | None, words: "_Words"
) -> Iterator[Row]:
    if a is not None and b is not None:
        before, after, likeness = words.compare(left[a], right[b])
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


class _Words:
    """Compares lines word by word, as long as the comparison may take it."""

    def __init__(self) -> None:
        self._pairs_left = PAIRS_OF_WORDS

    def compare(
        self, before: str, after: str
    ) -> tuple[tuple[Piece, ...], tuple[Piece, ...], float]:
        """Return both lines in pieces, and how much they are alike from 0 to 1."""
        whole = ((True, before),), ((True, after),), 1.0
        if max(len(before), len(after)) > LONGEST_LINE or self._pairs_left < 0:
            return whole
        left, right = WORD.findall(before), WORD.findall(after)
        self._pairs_left -= len(left) * len(right)
        if self._pairs_left < 0:
            return whole
        before_pieces: list[Piece] = []
        after_pieces: list[Piece] = []
        common = 0
        for block in _blocks(left, right):
            if block.same:
                common += len(block.left)
            before_text = "".join(left[block.left.start : block.left.stop])
            if before_text:
                before_pieces.append((not block.same, before_text))
            after_text = "".join(right[block.right.start : block.right.stop])
            if after_text:
                after_pieces.append((not block.same, after_text))
        # Dice's coefficient: the words that both have, of all words of both.
        total = len(left) + len(right)
        likeness = 2 * common / total if total else 1.0
        return tuple(before_pieces), tuple(after_pieces), likeness


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
    end = (len(old), len(left), len(right))
    for line, in_left, in_right in [*_anchors(old, left, right), end]:
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
    numbers: dict[int, int] = {}
    for block in _blocks_of_lines(old, new):
        if block.same:
            numbers |= zip(block.left, block.right, strict=True)
    return numbers
