"""Texts of others on a terminal: how wide they are, where they break, what they cannot do.

An answer of a model may hold anything: a sequence that clears the screen or sets the title of the
window, or letters that turn the direction of the line. `make_visible` shows them as what they are.

Widths are columns of the terminal: a Japanese character takes two, an accent none.
"""

import os
import re
import shutil
from collections.abc import Iterator
from typing import IO, Final

__all__ = [
    "MIN_WIDTH",
    "cut_text",
    "find_width",
    "has_colour",
    "make_visible",
    "measure_text",
    "pad_text",
    "wrap_text",
]

DEFAULT_WIDTH: Final = 100  # of a file, a pipe and a CI log, where nobody says how wide they are
MIN_WIDTH: Final = 40  # below it, words are cut into pieces that nobody can read
LINE_SIGN: Final = "↵"
# What moves the cursor or the direction of writing, and what has no width or no UTF-8. Joiners
# stay: emoji and Indian scripts are made with them.
UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
LINE_BREAKS: Final = re.compile(r"\r\n|\r|\n")
# A word with the blanks after it; a wide character may stand at the end of a line on its own.
PIECES: Final = re.compile(r"[ \u3000]+|[\u2e80-\U0003ffff]|[^ \u3000\u2e80-\U0003ffff]+")
# What Japanese does not begin a line with (JIS X 4051, the part that readers notice).
NOT_FIRST: Final = frozenset("、。，．・：；？！）］｝〕〉》」』】’”ーっゃゅょッャュョ々")


def make_visible(text: str) -> str:
    r"""Return a text on one line that a terminal only shows.

    >>> make_visible("one\ntwo\x1b[2J")
    'one↵ two\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    text = LINE_BREAKS.sub(f"{LINE_SIGN} ", text).replace("\t", " ")
    # ascii() writes \x1b or \u202e, with quotes around it.
    return UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def measure_text(text: str) -> int:
    """Return how many columns a visible text takes."""
    if text.isascii():
        return len(text)  # most of what there is; rich looks at each character
    from rich.cells import cell_len

    return cell_len(text)


def cut_text(text: str, longest: int) -> str:
    """Return a text of at most so many characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= longest else f"{text[: max(0, longest - 1)]}…"


def pad_text(text: str, width: int) -> str:
    """Return a text with blanks after it, `width` columns in all; a wider one is cut.

    >>> pad_text("日本", 6)
    '日本  '
    """
    missing = width - measure_text(text)
    if missing >= 0:
        return text + " " * missing
    from rich.cells import set_cell_size

    return set_cell_size(text, max(0, width - 1)) + "…"


def wrap_text(text: str, width: int) -> list[str]:
    """Return a visible text in lines of at most `width` columns, which are at least two.

    It breaks at blanks, between wide characters, and within a word that is wider than a line.

    >>> wrap_text("the answer 日本語", 10)
    ['the answer', '日本語']
    """
    lines: list[str] = []
    line, used = "", 0
    for piece in _list_pieces(text, width):
        size = measure_text(piece)
        if used + size > width:
            lines.append(line.rstrip(" "))
            line, used = "", 0
        if piece.isspace() and not line and lines:
            continue  # a line does not begin with the blank that it broke at
        line, used = line + piece, used + size
    if line or not lines:
        lines.append(line.rstrip(" "))
    return lines


def _list_pieces(text: str, width: int) -> Iterator[str]:
    """Yield what may stand on different lines; none is wider than a line."""
    pending = ""
    for match in PIECES.finditer(text):
        piece = match[0]
        if piece in NOT_FIRST and measure_text(pending) <= width - 2:
            pending += piece
            continue
        yield from _split_long(pending, width)
        pending = piece
    yield from _split_long(pending, width)


def _split_long(piece: str, width: int) -> Iterator[str]:
    if not piece or measure_text(piece) <= width:
        if piece:
            yield piece
        return
    part, used = "", 0
    for character in piece:
        size = measure_text(character)
        if used + size > width:
            yield part
            part, used = "", 0
        part, used = part + character, used + size
    if part:
        yield part


def find_width(stream: IO[str] | object) -> int:
    """Return how many columns a stream has: the terminal's, else the same for everybody."""
    if not _is_terminal(stream):
        return DEFAULT_WIDTH
    # COLUMNS counts before what the terminal says, as in every program.
    return max(MIN_WIDTH, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)


def has_colour(stream: IO[str] | object) -> bool:
    """Whether colours are wanted: on a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return _is_terminal(stream)


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())
