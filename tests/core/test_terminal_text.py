"""Texts on a terminal: nothing drives it, nothing is wider than it, whatever the script."""

import io
import os
import pty

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.terminal_text import (
    cut_text,
    find_width,
    has_colour,
    make_visible,
    measure_text,
    pad_text,
    wrap_text,
)

VISIBLE = {
    "plain": ("an answer", "an answer"),
    "lines": ("one\ntwo\r\nthree\rfour", "one↵ two↵ three↵ four"),
    "tab": ("a\tb", "a b"),
    "clear the screen": ("\x1b[2J", r"\x1b[2J"),
    "title of the window": ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
    "C1": ("\x9b31m", r"\x9b31m"),
    "delete": ("a\x7f", r"a\x7f"),
    "direction": ("\u202eevil\u2066", r"\u202eevil\u2066"),
    "no width": ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
    "tags": ("\U000e0041", r"\U000e0041"),
    "half of a pair": ("\ud83d", r"\ud83d"),
    "Japanese": ("全角　空白「日本」", "全角　空白「日本」"),
    "family": ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
}


@pytest.mark.parametrize(("text", "expected"), VISIBLE.values(), ids=VISIBLE)
def test_what_would_drive_a_terminal_is_shown(text, expected):
    assert make_visible(text) == expected


WRAPPED = {
    "words": ("the answer is here", 10, ["the answer", "is here"]),
    "a long word": ("abcdefghij k", 4, ["abcd", "efgh", "ij k"]),
    "Japanese breaks anywhere": ("日本語のテキスト", 6, ["日本語", "のテキ", "スト"]),
    "no full stop begins a line": ("日本語。次", 6, ["日本", "語。次"]),
    "mixed": ("the answer 日本語", 10, ["the answer", "日本語"]),
    "empty": ("", 10, [""]),
    "blanks at the break are gone": ("ab    cd", 3, ["ab", "cd"]),
}


@pytest.mark.parametrize(("text", "width", "expected"), WRAPPED.values(), ids=WRAPPED)
def test_lines_break_where_a_reader_expects_it(text, width, expected):
    assert wrap_text(text, width) == expected


@given(st.text(), st.integers(2, 60))
def test_no_line_is_wider_than_asked_and_nothing_is_lost(text, width):
    visible = make_visible(text)
    lines = wrap_text(visible, width)
    assert all(cell_len(line) <= width for line in lines)
    kept = "".join(lines).replace(" ", "").replace("\u3000", "")
    assert kept == visible.replace(" ", "").replace("\u3000", "")


@given(st.text(), st.integers(2, 40))
def test_padded_texts_are_as_wide_as_asked(text, width):
    assert measure_text(pad_text(make_visible(text), width)) == width


def test_a_cut_says_that_it_is_one():
    assert cut_text("abcdef", 4) == "abc…"
    assert cut_text("abcd", 4) == "abcd"


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


def test_colours_are_for_terminals_that_want_them(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert has_colour(terminal)
    assert not has_colour(io.StringIO())
    assert not has_colour(None)
    monkeypatch.setenv("NO_COLOR", "")  # no-color.org: only where it is not empty
    assert has_colour(terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colour(terminal)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colour(terminal)


def test_only_a_terminal_has_a_width_of_its_own(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "133")
    assert find_width(terminal) == 133
    assert find_width(io.StringIO()) == 100
    assert find_width(None) == 100
    monkeypatch.setenv("COLUMNS", "10")
    assert find_width(terminal) == 40
