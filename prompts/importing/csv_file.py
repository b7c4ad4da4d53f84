"""CSV: separated by comma, semicolon or tab, with a header; RFC 4180 quotes."""

import csv
from collections.abc import Iterator
from typing import Final

from prompts.exporting.flat import ESCAPED, unescape_formula
from prompts.importing.columns import ColumnNames, choose_columns
from prompts.importing.quoting import quoted
from prompts.importing.records import make_row
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source

__all__ = ["read"]

DELIMITERS: Final = (",", ";", "\t")
LONGEST_CELL: Final = 64 * 1024 * 1024  # characters


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of the file.

    Raises:
        UnreadableError: there is no header, it lacks a column, or quotes do not match.
    """
    lines = _Lines(source)
    records = _number(lines, _find_delimiter(lines.first, names))
    _, cells = next(records)
    header = _check_header(cells)
    is_ours = header[-1] == ESCAPED
    title, content = choose_columns(header, names)
    picked = ColumnNames(title=title, content=content)
    for line, cells in records:
        if len(cells) == len(header):
            record = dict(zip(header, cells, strict=True))
            if is_ours:
                del record[ESCAPED]
                record = {name: unescape_formula(cell) for name, cell in record.items()}
            yield make_row(line, record, picked)
        elif len(cells) > 1 or any(cell.strip() for cell in cells):
            count = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
            reason = f"has {count}, the header has {len(header)}"
            yield Rejection(line=line, column="", reason=reason)


class _Lines:
    """The lines from the header on.

    Attributes:
        first: the header's line.
        last: the line handed out last.
        before: how many blank lines come before the header.
        ended: whether there are no more.
    """

    def __init__(self, source: Source) -> None:
        self._lines = source.lines()
        self.before = 0
        self.ended = False
        self.first = self.last = next(self._lines, "")
        while self.first and not self.first.strip():
            self.before += 1
            self.first = self.last = next(self._lines, "")
        if not self.first:
            raise UnreadableError("the file is empty; its first line must name the columns")

    def __iter__(self) -> Iterator[str]:
        yield self.first
        for line in self._lines:
            self.last = line
            yield line
        self.ended = True


def _find_delimiter(header: str, names: ColumnNames) -> str:
    """Return the delimiter that makes most of the header: our columns, else most columns."""

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            columns = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            return 0, 0
        picked = names.pick(column.strip() for column in columns)
        return sum(column is not None for column in picked), len(columns)

    csv.field_size_limit(LONGEST_CELL)
    return max(DELIMITERS, key=worth)


def _number(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line of the file where it begins."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.before + reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = _explain(lines, lines.before + reader.line_num, error)
            raise UnreadableError(f"the record that begins on line {line} {why}") from None


def _explain(lines: _Lines, line: int, error: csv.Error) -> str:
    if lines.ended:
        return "opens a quote that is never closed"
    if "\r" in lines.last.rstrip("\r\n"):
        return (
            "holds a carriage return outside quotes; end lines with LF or CRLF, "
            "and put a cell that holds one in quotes"
        )
    return (
        f"breaks CSV's rules on line {line} ({error}); "
        "a quote inside a quoted cell is written twice"
    )


def _check_header(cells: list[str]) -> list[str]:
    """Return the names of the columns; one without a name is called by its place."""
    header = [name.strip() or f"column {place}" for place, name in enumerate(cells, start=1)]
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise UnreadableError(
                f"the header names the column {quoted(name)} twice; rename one of them"
            )
        seen.add(name)
    return header
