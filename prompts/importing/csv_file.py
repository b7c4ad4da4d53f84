"""CSV: separated by comma, semicolon or tab, with a header; RFC 4180 quotes."""

import csv
import itertools
from collections.abc import Iterator

from prompts.importing.columns import ColumnNames, check_header, make_row
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source

__all__ = ["read"]

DELIMITERS = (",", ";", "\t")
LONGEST_CELL = 64 * 1024 * 1024  # characters


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of the file.

    Raises:
        UnreadableError: there is no header, it lacks a column, or quotes do not match.
    """
    lines = source.lines()
    blank_lines = 0
    first = ""
    for first in lines:
        if first.strip():
            break
        blank_lines += 1
    if not first.strip():
        raise UnreadableError("the file is empty")
    csv.field_size_limit(LONGEST_CELL)
    delimiter = _find_delimiter(first, names)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter, strict=True)
    records = _number(reader, blank_lines)
    _, header = next(records)
    header = [name.strip() for name in header]
    title, content = check_header(header, names)
    picked = ColumnNames(title=title, content=content)
    for line, cells in records:
        if len(cells) == len(header):
            yield make_row(line, dict(zip(header, cells, strict=True)), picked)
        elif cells:
            reason = f"has {len(cells)} cells, the header has {len(header)}"
            yield Rejection(line=line, column="", reason=reason)


def _find_delimiter(header: str, names: ColumnNames) -> str:
    """Return the delimiter that makes most of the header: our columns, else most columns."""

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            columns = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            return 0, 0
        picked = names.pick(column.strip() for column in columns)
        return sum(column is not None for column in picked), len(columns)

    return max(DELIMITERS, key=worth)


def _number(records: Iterator[list[str]], before: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line of the file where it begins."""
    reader = records
    while True:
        line = before + reader.line_num + 1  # type: ignore[attr-defined]  # a csv.reader has it
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableError(
                f"the record that begins on line {line} cannot be read ({error}); check its quotes"
            ) from None
