"""One record a prompt, as CSV, JSON, JSON Lines, YAML or XLSX."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, Final

from core.sentences import CodedError
from core.tables import ESCAPED, escape_formula
from core.tables.yaml_text import dump_yaml

__all__ = [
    "COLUMNS",
    "CONTENT_TYPES",
    "WRITERS",
    "Record",
    "TooLongError",
]

Record = Mapping[str, object]
Writer = Callable[[Iterable[Record], BinaryIO], None]

COLUMNS: Final = (
    "name",
    "title",
    "content",
    "description",
    "kind",
    "syntax",
    "variables",
    "config",
    "tags",
    "status",
    "user_id",
    "metadata",
)
CELL_MAX: Final = 32_767  # characters; Excel holds no more
# Characters that XML cannot hold, and what would be read as the escape of one.
UNFIT_FOR_XML: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class TooLongError(CodedError, ValueError):
    """A text does not fit into a cell; `str()` says which and what to do."""


def _as_cells(record: Record) -> list[str]:
    cells = []
    for name in COLUMNS:
        value = record[name]
        if not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False)
        cells.append(value)
    return cells


def write_csv(records: Iterable[Record], stream: BinaryIO) -> None:
    """Write CSV with a header; cells that look like formulae begin with an apostrophe."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    try:
        writer.writerow([*COLUMNS, ESCAPED])
        for record in records:
            cells = [escape_formula(cell) for cell in _as_cells(record)]
            writer.writerow([*cells, "1"])
    finally:
        text.detach()  # else it would close the stream, which is the caller's


def write_json(records: Iterable[Record], stream: BinaryIO) -> None:
    """Write a list of objects, a line each."""
    separator = "[\n"
    for record in records:
        line = json.dumps(dict(record), ensure_ascii=False)
        stream.write(f"{separator}{line}".encode())
        separator = ",\n"
    stream.write(b"[]\n" if separator == "[\n" else b"\n]\n")


def write_json_lines(records: Iterable[Record], stream: BinaryIO) -> None:
    """Write an object a line."""
    for record in records:
        line = json.dumps(dict(record), ensure_ascii=False)
        stream.write(f"{line}\n".encode())


def write_yaml(records: Iterable[Record], stream: BinaryIO) -> None:
    """Write a list of objects."""
    empty = True
    for record in records:
        empty = False
        text = dump_yaml([dict(record)], width=10**9)  # a folded line is hard to compare
        stream.write(text.encode())
    if empty:
        stream.write(b"[]\n")


def write_xlsx(records: Iterable[Record], stream: BinaryIO) -> None:
    """Write a workbook of one sheet; every cell is a text, so that none is a formula.

    Raises:
        TooLongError: a cell has more than 32,767 characters.
    """
    from openpyxl import Workbook  # 10 MB that only this needs

    book = Workbook(write_only=True)
    sheet = book.create_sheet("prompts")
    sheet.append(list(COLUMNS))
    try:
        for record in records:
            cells = [_build_cell(sheet, record, text) for text in _as_cells(record)]
            sheet.append(cells)
    except TooLongError:
        sheet.close()  # else openpyxl's writer complains when it is collected
        raise
    book.save(stream)


def _build_cell(sheet: Any, record: Record, text: str) -> Any:
    escaped = UNFIT_FOR_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    if len(escaped) > CELL_MAX:
        raise TooLongError(
            "export.cell-too-long",
            name=record["name"],
            size=f"{len(escaped):,}",
            limit=f"{CELL_MAX:,}",
        )
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=escaped)
    cell.data_type = "s"  # also where it begins with "="
    cell.quotePrefix = True  # so it stays a text when somebody edits it in Excel
    return cell


WRITERS: Final[Mapping[str, Writer]] = {
    "csv": write_csv,
    "json": write_json,
    "jsonl": write_json_lines,
    "yaml": write_yaml,
    "xlsx": write_xlsx,
}
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "yaml": "application/yaml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
