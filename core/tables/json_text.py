"""JSON (a list of objects, an object that holds one, or a single object) and JSON Lines."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from core.sentences import Sentence
from core.tables.limits import Limits, count_lines
from core.tables.quoting import UnreadableError, quoted
from core.tables.records import InvalidValue, Record, Table
from core.tables.values import describe_depth

__all__ = ["read_json", "read_json_lines"]

SPACE: Final = " \t\r\n"
NOT_SPACE: Final = re.compile(r"[^ \t\r\n]")
LINE_END: Final = re.compile(r"\r\n|\n|\r")
LONGEST_NUMBER: Final = 4000  # characters; Python refuses to read more than 4300 digits

PlacedValue = tuple[int, object]
"""The line where a record begins, and its value."""


def _read_integer(digits: str) -> int | InvalidValue:
    if len(digits) > LONGEST_NUMBER:
        return InvalidValue(reason=Sentence("value.long-number"))
    return int(digits)


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object] | InvalidValue:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return InvalidValue(reason=Sentence("json.key-twice", name=quoted(name)))
        seen.add(name)
    return members


# NaN and Infinity are read as such: their record is refused, the others of the file are not.
DECODER: Final = json.JSONDecoder(object_pairs_hook=_build_object, parse_int=_read_integer)


def read_json(
    text: str, limits: Limits, lists: Collection[str] = (), notes: tuple[Sentence, ...] = ()
) -> Table:
    """Return the records of a list, of an object's list called one of `lists`, or one object.

    Raises:
        UnreadableError: it is not JSON, holds no list, or a limit is reached.
    """
    _refuse_many_values(text, limits)
    records = _collect(_records(_Cursor(text), lists), limits)
    return Table(records=records, numbered=True, notes=notes)


def read_json_lines(text: str, limits: Limits, notes: tuple[Sentence, ...] = ()) -> Table:
    """Return the records of a text with an object a line; empty lines are passed over.

    Raises:
        UnreadableError: there is no object at all, or a limit is reached.
    """
    if text[:1] == "[" or text.lstrip(SPACE)[:1] == "[":
        return read_json(text, limits, (), notes)  # a list, under the wrong name
    _refuse_many_values(text, limits)
    records = _collect(_lines(text), limits)
    if not records:
        raise UnreadableError("json.no-lines")
    return Table(records=records, notes=notes)


def _refuse_many_values(text: str, limits: Limits) -> None:
    # Each bracket and comma can be a value: a file of three bytes a value would fill the memory.
    values = text.count("[") + text.count("{") + text.count(",")
    if values > limits.values:  # those in texts among them
        raise UnreadableError("file.too-many-values", limit=f"{limits.values:,}")


def _collect(values: Iterator[PlacedValue], limits: Limits) -> list[Record]:
    records: list[Record] = []
    for line, value in values:
        if len(records) == limits.records:
            raise UnreadableError("file.too-many-records", limit=f"{limits.records:,}")
        records.append(Record(number=len(records) + 1, line=line, value=value))
    return records


def _lines(text: str) -> Iterator[PlacedValue]:
    start, line = 0, 1
    while begins := NOT_SPACE.search(text, start):
        line += count_lines(text, start, begins.start())
        end = LINE_END.search(text, begins.start())
        stop = end.start() if end else len(text)
        yield line, _decode_line(text[begins.start() : stop])
        start = stop


def _decode_line(text: str) -> object:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        reason = Sentence("json.line", position=error.pos + 1, reason=error.msg)
        return InvalidValue(reason=reason)
    except RecursionError:
        return InvalidValue(reason=describe_depth("value.depth"))


class _Cursor:
    """A position in a JSON text that moves on.

    Attributes:
        line: the line of the last position that `peek` has come to, from 1.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._counted = 0
        self.line = 1

    def peek(self) -> str:
        """Go to the next character that is no white space; return it, "" at the end."""
        match = NOT_SPACE.search(self._text, self._position)
        self._position = match.start() if match else len(self._text)
        self.line += count_lines(self._text, self._counted, self._position)
        self._counted = self._position
        return self._text[self._position : self._position + 1]

    def take(self, expected: str, sentence: str) -> str:
        """Step over one of the characters of `expected` and return it."""
        character = self.peek()
        if not character or character not in expected:
            raise self.error(Sentence(sentence))
        self._position += 1
        return character

    def value(self) -> Any:
        """Step over a value and return it."""
        self.peek()
        try:
            value, self._position = DECODER.raw_decode(self._text, self._position)
        except json.JSONDecodeError as error:
            self._position = error.pos
            raise self.error(Sentence("json.syntax", reason=error.msg)) from None
        except RecursionError:
            raise self.error(Sentence("json.depth", why=describe_depth("value.depth"))) from None
        return value

    def error(self, what: Sentence) -> UnreadableError:
        """Return the error that says where this is."""
        line = count_lines(self._text, 0, self._position) + 1
        column = self._position - self._text.rfind("\n", 0, self._position)
        return UnreadableError("file.at", line=line, column=column, what=what)


def _records(cursor: _Cursor, lists: Collection[str]) -> Iterator[PlacedValue]:
    first = cursor.peek()
    if not first:
        raise UnreadableError("json.empty-file")
    if first != "{":
        yield from _items(cursor)
    while cursor.peek() == "{":  # one object, or several one after the other
        yield from _object(cursor, lists)
    if cursor.peek():
        raise cursor.error(Sentence("json.trailing"))


def _items(cursor: _Cursor) -> Iterator[PlacedValue]:
    following = cursor.take("[", "json.list")
    if cursor.peek() == "]":
        following = cursor.take("]", "json.after-object")
    while following != "]":
        cursor.peek()
        yield cursor.line, cursor.value()
        following = cursor.take(",]", "json.after-object")


def _object(cursor: _Cursor, lists: Collection[str]) -> Iterator[PlacedValue]:
    """Yield the records of an object's list; an object without such a list is a record itself."""
    line = cursor.line
    pairs: list[tuple[str, object]] = []
    has_list = False
    following = cursor.take("{", "json.key")
    if cursor.peek() == "}":
        following = cursor.take("}", "json.after-value")
    while following != "}":
        if cursor.peek() != '"':
            raise cursor.error(Sentence("json.key"))
        name = cursor.value()
        cursor.take(":", "json.colon")
        if name in lists and cursor.peek() == "[":
            has_list = True
            yield from _items(cursor)
        else:
            pairs.append((name, cursor.value()))
        following = cursor.take(",}", "json.after-value")
    if not has_list:
        yield line, _build_object(pairs)
