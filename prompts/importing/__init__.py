"""Files of prompts, record by record: CSV, JSON, JSON Lines, YAML, XLSX.

`read_rows` yields a `Row` or a `Rejection` for each record and raises `UnreadableError` where the
file as a whole makes no sense. `core.tables` reads the file; here is what its columns
mean. Nothing here knows the database: `prompts.services` writes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from core.tables import FORMATS, SUFFIXES, Limits, UnreadableError
from prompts.importing.columns import ColumnNames
from prompts.importing.reading import Source, read_rows
from prompts.importing.rows import Rejection, Row

__all__ = [
    "FORMATS",
    "READERS",
    "SUFFIXES",
    "ColumnNames",
    "Limits",
    "Rejection",
    "Row",
    "Source",
    "UnreadableError",
    "read_rows",
]

Reader = Callable[[Source, ColumnNames], Iterator[Row | Rejection]]
READERS: Final[dict[str, Reader]] = {
    file_format: partial(read_rows, file_format) for file_format in FORMATS
}
