"""Rows of cells, of CSV and sheets alike: which one is the header, what the others hold."""

from collections import Counter
from collections.abc import Iterable, Sequence

from core.sentences import Sentence
from core.tables.formulas import ESCAPED, unescape_formula
from core.tables.limits import Limits
from core.tables.quoting import UnreadableError, quoted
from core.tables.records import InvalidValue, Record, Table, find_position

__all__ = ["Cell", "Row", "build_table", "is_blank"]

Cell = str | InvalidValue
Row = tuple[int, list[Cell]]
"""The line where it begins, and its cells; blank rows are not among them."""


def is_blank(cells: Iterable[Cell]) -> bool:
    """Whether a row says nothing."""
    return all(isinstance(cell, str) and not cell.strip() for cell in cells)


def build_table(
    rows: Iterable[Row], limits: Limits, *, unit: str, notes: tuple[Sentence, ...] = ()
) -> Table:
    """Return the table of rows whose first one is the header.

    Raises:
        UnreadableError: there is no header, it names a column twice, or a limit is reached.
    """
    iterator = iter(rows)
    header_line, header = next(iterator, (0, []))
    if not header:
        raise UnreadableError("header.empty-file")
    columns, escaped = _name_columns(header, header_line, unit)
    records: list[Record] = []
    cells_left = limits.values
    for line, cells in iterator:
        # Counted while reading: a file that is too large must not fill the memory first.
        if len(records) == limits.records:
            raise UnreadableError("header.too-many-rows", limit=f"{limits.records:,}")
        cells_left -= len(cells)
        if cells_left < 0:
            raise UnreadableError("header.too-many-cells", limit=f"{limits.values:,}")
        if unit == "row":  # a sheet has no end of a row: what is not there is empty
            cells.extend([""] * (len(columns) - len(cells)))
        records.append(_build_record(len(records) + 1, line, cells, columns, escaped=escaped))
    return Table(
        records=records,
        columns=columns,
        header_line=header_line,
        escaped=escaped,
        unit=unit,
        notes=notes,
    )


def _name_columns(cells: Sequence[Cell], line: int, unit: str) -> tuple[tuple[str, ...], bool]:
    """Return the columns' names, and whether the table is one of ours.

    Columns without a name at the end are none; others are called by their position.
    """
    names: list[str] = []
    position = find_position(line, unit)
    for cell in cells:
        if isinstance(cell, InvalidValue):
            raise UnreadableError("header.column-name", place=position, reason=cell.reason)
        names.append(cell)
    while names and not names[-1].strip():
        names.pop()
    escaped = names[-1].strip() == ESCAPED
    columns: list[str] = []
    for number, name in enumerate(names, start=1):
        if not escaped:
            columns.append(name.strip() or f"column {number}")
        elif number < len(names):
            columns.append(unescape_formula(name))  # ours keep the blanks in a name
        else:
            columns.append(ESCAPED)
    name, count = Counter(columns).most_common(1)[0]
    if count > 1:
        raise UnreadableError("header.column-twice", place=position, column=quoted(name))
    return tuple(columns), escaped


def _build_record(
    number: int, line: int, cells: list[Cell], columns: tuple[str, ...], *, escaped: bool
) -> Record:
    # Spreadsheets write blank cells behind the last column; anything else would be lost unseen.
    if len(cells) > len(columns) and not is_blank(cells[len(columns) :]):
        while is_blank(cells[-1:]):
            cells.pop()
        reason = Sentence("header.row-too-long", cells=len(cells), columns=len(columns))
        return Record(number=number, line=line, value=InvalidValue(reason=reason))
    if escaped:
        for index, cell in enumerate(cells):
            if isinstance(cell, str):
                cells[index] = unescape_formula(cell)
    value = dict(zip(columns, cells, strict=False))
    return Record(number=number, line=line, value=value, missing=columns[len(cells) :])
