"""How much of a file is read; each limit is one sentence, said before memory or time is gone."""

from dataclasses import dataclass
from typing import Final

__all__ = ["MEBIBYTE", "Limits", "count_lines"]

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The most that a file may hold; the defaults are those of the commands."""

    size_bytes: int = 32 * MEBIBYTE
    """Of the file as it is."""
    unpacked_bytes: int = 64 * MEBIBYTE
    """Of a workbook's parts when they are unpacked."""
    records: int = 100_000
    """Rows below the header, or entries of a list; blank ones do not count."""
    columns: int = 1_000
    """Of a table's header."""
    values: int = 1_000_000
    """Cells of a table, or single values of a JSON or YAML file."""
    cell_characters: int = 5_000_000
    """Of one cell."""


def count_lines(text: str, start: int, end: int) -> int:
    """Return how many lines end between two positions: with CR, LF or both."""
    # By counting, in C: a regular expression over each of a million cells would take seconds.
    both = text.count("\r\n", start, end)
    return text.count("\n", start, end) + text.count("\r", start, end) - both
