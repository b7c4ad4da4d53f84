"""How the shell shows a result: as a table, line by line, or for programs."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

__all__ = ["MODES", "quote_literal", "show"]

Row = tuple[object, ...]

MAX_WIDTH: Final = 60  # columns of the terminal for one value
MAX_ROWS: Final = 10_000  # of a table; all are held, to know how wide the columns are


def show(mode: str, names: Sequence[str], rows: Iterable[Row], *, headers: bool) -> None:
    """Print a result in one of `MODES`.

    Args:
        mode: its name.
        names: of the columns.
        rows: all of them; only a table holds many at once.
        headers: whether the names come first, where the mode has a place for them.
    """
    MODES[mode](names, iter(rows), headers)


def _show_table(names: Sequence[str], rows: Iterator[Row], headers: bool) -> None:  # noqa: FBT001 (as all modes)
    table = [list(map(_shorten, row)) for row in islice(rows, MAX_ROWS)]
    widths = [max(map(_width, column)) for column in zip(names, *table, strict=True)]
    rules = ["-" * width for width in widths]
    head = [list(names), rules] if headers else []
    for line in (*head, *table):
        print("  ".join(map(_pad, line, widths)).rstrip())
    if next(rows, None) is None:
        print(f"({len(table)} rows)")
    else:
        print(f"({len(table)} rows, only the first {MAX_ROWS} shown)")


def _show_list(names: Sequence[str], rows: Iterator[Row], headers: bool) -> None:  # noqa: FBT001 (as all modes)
    if headers:
        print("|".join(names))
    for row in rows:
        print("|".join(map(_format, row)))


def _show_lines(names: Sequence[str], rows: Iterator[Row], headers: bool) -> None:  # noqa: FBT001 (as all modes)
    width = max(map(_width, names), default=0)
    for number, row in enumerate(rows):
        if number:
            print()
        for name, value in zip(names, row, strict=True):
            print(f"{' ' * (width - _width(name))}{name} = {_format(value)}")


def _show_csv(names: Sequence[str], rows: Iterator[Row], headers: bool) -> None:  # noqa: FBT001 (as all modes)
    if headers:
        print(_write_csv(names))
    for row in rows:
        print(_write_csv("" if value is None else _format(value) for value in row))


def _write_csv(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _show_json(names: Sequence[str], rows: Iterator[Row], headers: bool) -> None:  # noqa: FBT001 (as all modes)
    """One object a line, within one array."""
    before = "["
    for row in rows:
        values = (value.hex() if isinstance(value, bytes) else value for value in row)
        print(
            before + json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False), end=""
        )
        before = ",\n"
    print("]" if before != "[" else "[]")


def _show_quote(names: Sequence[str], rows: Iterator[Row], headers: bool) -> None:  # noqa: FBT001 (as all modes)
    if headers:
        print(",".join(map(quote_literal, names)))
    for row in rows:
        print(",".join(map(quote_literal, row)))


MODES: Final[dict[str, Callable[[Sequence[str], Iterator[Row], bool], None]]] = {
    "table": _show_table,
    "list": _show_list,
    "line": _show_lines,
    "csv": _show_csv,
    "json": _show_json,
    "quote": _show_quote,
}


def quote_literal(value: object) -> str:
    """Return a value as SQL, which reads back as the same value."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return {"inf": "9e999", "-inf": "-9e999"}.get(text, text)
    text = str(value)
    quoted = "'{}'".format(text.replace("'", "''"))
    if "\0" in text:  # which would end the statement
        return f"CAST(x'{text.encode().hex()}' AS TEXT)"
    return quoted


def _format(value: object) -> str:
    if value is None:
        return "NULL"
    return f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)


def _shorten(value: object) -> str:
    text = " ".join(_format(value).split())
    if len(text) > MAX_WIDTH:
        return f"{text[: MAX_WIDTH - 1]}…"
    return text


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal."""
    # Wide and full-width characters take two columns (Unicode Standard Annex 11).
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
