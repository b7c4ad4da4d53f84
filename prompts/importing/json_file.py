"""JSON (a list of objects) and JSON Lines (an object a line)."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from prompts.importing.columns import ColumnNames, make_row
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source

__all__ = ["read", "read_lines"]

SPACE = " \t\r\n"


class NotAllowedError(ValueError):
    """JSON that Python reads and we do not."""


def _refuse_constant(name: str) -> NoReturn:
    raise NotAllowedError(f"{name} is not JSON")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add() is the else
        raise NotAllowedError(f"the name '{name}' stands twice in one object")
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant, strict=True
)


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of a list of objects.

    Raises:
        UnreadableError: it is not JSON, or not a list; with line and column.
    """
    text = source.text()
    place = _skip(text, 0)
    if place == len(text):
        raise UnreadableError("the file is empty")
    if text[place] != "[":
        raise UnreadableError(
            f"{_where(text, place)}: the file must be a list of objects, in square brackets"
        )
    place = _skip(text, place + 1)
    line, counted = 1, 0
    while text[place : place + 1] != "]":
        line += text.count("\n", counted, place)
        counted = place
        value, place = _decode(text, place)
        yield _row(line, value, names)
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            raise UnreadableError(f"{_where(text, place)}: expected , or ] after an object")
    end = _skip(text, place + 1)
    if end != len(text):
        raise UnreadableError(f"{_where(text, end)}: something follows the end of the list")


def read_lines(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of a file with an object a line; empty lines are passed over."""
    empty = True
    for line, text in enumerate(source.lines(), start=1):
        if not text.strip():
            continue
        empty = False
        try:
            value = DECODER.decode(text)
        except json.JSONDecodeError as error:
            reason = f"is not JSON at character {error.colno} ({error.msg})"
            yield Rejection(line=line, column="", reason=reason)
        except (NotAllowedError, RecursionError) as error:
            yield Rejection(line=line, column="", reason=str(error))
        else:
            yield _row(line, value, names)
    if empty:
        raise UnreadableError("the file is empty")


def _row(line: int, value: object, names: ColumnNames) -> Row | Rejection:
    if not isinstance(value, dict):
        return Rejection(line=line, column="", reason="must be an object, in curly brackets")
    return make_row(line, value, names)


def _decode(text: str, place: int) -> tuple[Any, int]:
    try:
        return DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"{_where(text, error.pos)}: {error.msg}") from None
    except (NotAllowedError, RecursionError) as error:
        raise UnreadableError(f"{_where(text, place)}: {error}") from None


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in SPACE:
        place += 1
    return place


def _where(text: str, place: int) -> str:
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    return f"line {line}, column {column}"
