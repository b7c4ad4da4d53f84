"""JSON (a list of objects, or an object that holds it as "prompts") and JSON Lines."""

import json
from collections.abc import Iterator
from typing import Any, Final

from prompts.importing.columns import ColumnNames
from prompts.importing.quoting import quoted
from prompts.importing.records import Record, make_rows
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source
from prompts.importing.values import TOO_DEEP, TOO_LONG_A_NUMBER, Unusable

__all__ = ["LIST", "read", "read_lines"]

SPACE: Final = " \t\r\n"
LIST: Final = "prompts"  # where an object around the list holds it
LONGEST_NUMBER: Final = 4000  # characters; Python refuses to read more than 4300 digits


def _read_integer(digits: str) -> int | Unusable:
    return int(digits) if len(digits) <= LONGEST_NUMBER else Unusable(reason=TOO_LONG_A_NUMBER)


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unusable:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            return Unusable(reason=f"holds the name {quoted(name)} twice in one object")
        found[name] = value
    return found


# NaN and Infinity are read as such: their record is rejected, the others of the file are not.
DECODER: Final = json.JSONDecoder(object_pairs_hook=_build_object, parse_int=_read_integer)


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of a list of objects.

    Raises:
        UnreadableError: it is not JSON, or not a list; with line and column.
    """
    yield from make_rows(_records(_Cursor(source.text())), names)


def read_lines(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of a file with an object a line; empty lines are passed over.

    Raises:
        UnreadableError: there is no object at all.
    """
    yield from make_rows(_line_records(source), names)


def _line_records(source: Source) -> Iterator[Record]:
    empty = True
    for line, text in enumerate(source.lines(), start=1):
        if text.strip(SPACE):
            empty = False
            yield line, _decode_line(text)
    if empty:
        raise UnreadableError("the file is empty; each line must be an object")


def _decode_line(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        return Unusable(reason=f"is not JSON at character {error.pos + 1} ({error.msg})")
    except RecursionError:
        return Unusable(reason=TOO_DEEP)


class _Cursor:
    """A place in a JSON text that moves on.

    Attributes:
        line: the line of the last place that `peek` has found, from 1.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._counted = 0
        self.line = 1

    def peek(self) -> str:
        """Go to the next character that is no white space; return it, "" at the end."""
        while self._place < len(self._text) and self._text[self._place] in SPACE:
            self._place += 1
        self.line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._text[self._place : self._place + 1]

    def take(self, expected: str, sentence: str) -> str:
        """Step over one of the characters of `expected` and return it."""
        found = self.peek()
        if not found or found not in expected:
            raise self.error(sentence)
        self._place += 1
        return found

    def value(self) -> Any:
        """Step over a value and return it."""
        self.peek()
        try:
            found, self._place = DECODER.raw_decode(self._text, self._place)
        except json.JSONDecodeError as error:
            self._place = error.pos
            raise self.error(error.msg) from None
        except RecursionError:
            raise self.error(f"what begins here {TOO_DEEP}") from None
        return found

    def error(self, sentence: str) -> UnreadableError:
        """Return the error that says where this is."""
        line = self._text.count("\n", 0, self._place) + 1
        column = self._place - self._text.rfind("\n", 0, self._place)
        return UnreadableError(f"line {line}, column {column}: {sentence}")


def _records(cursor: _Cursor) -> Iterator[Record]:
    first = cursor.peek()
    if not first:
        raise UnreadableError("the file is empty; it must be a list of objects")
    yield from _members(cursor) if first == "{" else _items(cursor)
    if cursor.peek():
        raise cursor.error("something follows the end of the list")


def _items(cursor: _Cursor) -> Iterator[Record]:
    following = cursor.take("[", "the file must be a list of objects, in square brackets")
    if cursor.peek() == "]":
        following = cursor.take("]", "")
    while following != "]":
        cursor.peek()
        yield cursor.line, cursor.value()
        following = cursor.take(",]", "expected , or ] after an object")


def _members(cursor: _Cursor) -> Iterator[Record]:
    """Yield the records of an object's list "prompts"; what else it holds is passed over."""
    found = False
    following = cursor.take("{", "")
    if cursor.peek() == "}":
        following = cursor.take("}", "")
    while following != "}":
        if cursor.peek() != '"':
            raise cursor.error("expected a name in double quotes")
        name = cursor.value()
        cursor.take(":", "expected : after a name")
        if name == LIST and cursor.peek() == "[":
            found = True
            yield from _items(cursor)
        else:
            cursor.value()
        following = cursor.take(",}", "expected , or } after a value")
    if not found:
        raise UnreadableError(
            f'the file must be a list of objects, or an object with that list as "{LIST}"'
        )
