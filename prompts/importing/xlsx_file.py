"""XLSX: the first sheet, whose first row names the columns. Formulae are read as nothing.

A workbook is a ZIP archive of XML: it is refused before it is unpacked where it would be too
large, and defusedxml keeps entities out. Nothing in it is ever run.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from prompts.exporting.flat import unescape_cell
from prompts.importing.columns import ColumnNames, choose_columns
from prompts.importing.records import make_row
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source

__all__ = ["read"]

LARGEST_UNPACKED: Final = 512 * 1024 * 1024  # bytes
NOT_A_WORKBOOK: Final = "it is not an XLSX workbook"


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of the first sheet.

    Raises:
        UnreadableError: it is no workbook, would be too large, or its header lacks a column.
    """
    rows = _rows(source.raw())
    header = [str(cell).strip() if cell is not None else "" for cell in next(rows, ())]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise UnreadableError("the first sheet is empty; its first row must name the columns")
    header = [name or f"column {place}" for place, name in enumerate(header, start=1)]
    if len(set(header)) < len(header):
        raise UnreadableError("the header names a column twice; rename one of them")
    title, content = choose_columns(header, names)
    picked = ColumnNames(title=title, content=content)
    for line, cells in enumerate(rows, start=2):
        values = [_value(cell) for cell in cells[: len(header)]]
        values += [""] * (len(header) - len(values))
        if any(value not in {"", None} for value in values if not isinstance(value, list)):
            yield make_row(line, dict(zip(header, values, strict=True)), picked)


def _rows(raw: bytes) -> Iterator[tuple[Any, ...]]:
    from openpyxl import load_workbook  # noqa: PLC0415 (10 MB that only this needs)

    if _unpacked_bytes(raw) > LARGEST_UNPACKED:
        raise UnreadableError("the workbook is larger than 512 MiB when it is unpacked")
    try:
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
    except Exception as error:  # openpyxl raises whatever its parser does
        raise UnreadableError(NOT_A_WORKBOOK) from error


def _unpacked_bytes(raw: bytes) -> int:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnreadableError(NOT_A_WORKBOOK) from error


def _value(cell: Any) -> Any:
    if cell is None:
        return ""
    return unescape_cell(cell) if isinstance(cell, str) else cell
