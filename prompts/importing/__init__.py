"""Files of prompts, read row by row: CSV, JSON, JSON Lines, YAML, XLSX.

A reader yields a `Row` or a `Rejection` for each record and raises `UnreadableError` where the
rest of the file makes no sense. Nothing here knows the database: `prompts.services` writes.

To add a format: one file with a function `read(source, names)`, and a line in `READERS`.
"""

from collections.abc import Callable, Iterator
from typing import Final

from prompts.importing import csv_file, json_file, xlsx_file, yaml_file
from prompts.importing.columns import ColumnNames
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source

__all__ = [
    "FORMATS",
    "READERS",
    "SUFFIXES",
    "ColumnNames",
    "Rejection",
    "Row",
    "Source",
    "UnreadableError",
]

Reader = Callable[[Source, ColumnNames], Iterator[Row | Rejection]]
READERS: Final[dict[str, Reader]] = {
    "csv": csv_file.read,
    "json": json_file.read,
    "jsonl": json_file.read_lines,
    "yaml": yaml_file.read,
    "xlsx": xlsx_file.read,
}
FORMATS: Final = tuple(READERS)
SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".xlsx": "xlsx",
}
