"""Comparisons: the rows of small texts, and what of large ones is shown in little time."""

import random
import time

import pytest

from core import diffing

MOST_SECONDS = 2


def text_of(side):
    return "".join(text for _changed, text in side.pieces)


TABLE = [
    ("a", "a", ["gap"]),
    ("a", "b", ["removed", "added"]),
    ("", "", ["gap"]),
    ("", "a", ["removed", "added"]),
    ("a\nb", "a\nb\nc", ["same", "same", "added"]),
    ("a\nb\nc", "a\nc", ["same", "removed", "same"]),
    ("one two three", "one 2 three", ["changed"]),
    ("x" * 5000, "y" * 5000, ["changed"]),
    (
        "\n".join("abcdefghij"),
        "\n".join("abcdefghiX"),
        ["gap", "same", "same", "same", "removed", "added"],
    ),
]


@pytest.mark.parametrize(("before", "after", "kinds"), TABLE, ids=range(len(TABLE)))
def test_the_rows_of_a_comparison(before, after, kinds):
    assert [row.kind for row in diffing.compare(before, after)] == kinds


def test_everything_of_both_sides_is_there():
    chance = random.Random(3)
    for _round in range(100):
        before, after = (
            "\n".join(
                " ".join(chance.choices(["a", "b", "言葉", "-"], k=chance.randrange(6)))
                for _line in range(chance.randrange(12))
            )
            for _side in range(2)
        )
        rows = diffing.compare(before, after, context=None)
        assert "\n".join(text_of(row.left) for row in rows if row.left) == before
        assert "\n".join(text_of(row.right) for row in rows if row.right) == after


def shuffled(count, seed):
    lines = [f"line {number}" for number in range(count)]
    random.Random(seed).shuffle(lines)
    return "\n".join(lines)


HOSTILE = {
    "one long line": ("x" * 4_000_000, "y" * 4_000_000),
    "one line of signs": ("言葉" * 2000, "葉言" * 2000),
    "many lines of signs": ("\n".join(["言葉" * 1900] * 300), "\n".join(["葉言" * 1900] * 300)),
    "blank lines": ("\n" * 400_000, "a\n" * 200_000),
    "two lines in turn": ("a\nb\n" * 50_000, "b\na\n" * 50_000),
    "random order": (shuffled(40_000, 1), shuffled(40_000, 2)),
    "random order, fewer": (shuffled(10_000, 1), shuffled(10_000, 2)),
    "the same at length": ("word " * 2_000_000, "word " * 2_000_000 + "x"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_large_comparison_takes_little_time(name):
    started = time.process_time()
    rows = diffing.compare(*HOSTILE[name], context=None)
    assert time.process_time() - started < MOST_SECONDS
    assert len(rows) <= diffing.MOST_ROWS + 1


def test_what_is_not_shown_is_told():
    assert diffing.compare("\n" * 600_000, "a")[-1].kind == "cut"
    assert diffing.compare("a\n" * 9_000, "b\n" * 9_000)[-1].kind == "cut"
    assert diffing.compare("a\n" * 900, "b\n" * 900)[-1].kind != "cut"


def test_a_merge_of_large_texts_takes_little_time():
    started = time.process_time()
    base = "a\nb\n" * 3_000
    merged, conflicts = diffing.merge(base, base + "mine", base + "theirs")
    assert conflicts == 1
    assert merged.count("\n") > 6_000
    assert time.process_time() - started < MOST_SECONDS
