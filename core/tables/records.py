"""What the reader hands out: a table, its records, and what stands where a value cannot be used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.sentences import Sentence

__all__ = ["InvalidValue", "Record", "Table", "find_position"]

PLACES: Final = {
    "line": "place.line",
    "row": "place.row",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidValue:
    """Stands where a file has a value that its format or ours does not allow."""

    reason: Sentence
    """Why not, to follow the name of a column or a place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One row of a table below its header, or one entry of a list."""

    number: int
    """Which record of the file it is, from 1."""
    line: int
    """The line, or the row of a sheet, where it begins, from 1."""
    value: Any
    """Column → cell; of JSON and YAML whatever stands there; or an InvalidValue."""
    missing: tuple[str, ...] = ()
    """The columns that a row is too short for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A file that was read whole: its header if it has one, and its records in their order."""

    records: Sequence[Record]
    """Blank rows are not among them; they keep the others' lines."""
    columns: tuple[str, ...] | None = None
    """The names in the header; None for lists of objects, which have no header."""
    header_line: int = 1
    """Where the header stands, from 1."""
    escaped: bool = False
    """Whether it is one of ours, whose cells were escaped; its last column is then ESCAPED."""
    unit: str = "line"
    """What a place counts: "line", or "row" of a sheet."""
    numbered: bool = False
    """Whether several records may share a line, so that a place needs their number too."""
    notes: tuple[Sentence, ...] = ()
    """What was read in a way that its writer should know of, such as an encoding."""

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


def find_position(line: int, unit: str) -> Sentence:
    """Return “line 3”, or “row 3” of a sheet."""
    return Sentence(PLACES[unit], number=line)
