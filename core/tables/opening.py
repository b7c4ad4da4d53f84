"""From a file to its table: which format it is, its bytes within the limit, and its reader."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Final

from core.sentences import Sentence
from core.tables.delimited import read_delimited
from core.tables.encodings import decode
from core.tables.json_text import read_json, read_json_lines
from core.tables.limits import MEBIBYTE, Limits
from core.tables.quoting import UnreadableError
from core.tables.records import Table
from core.tables.workbook import read_workbook
from core.tables.yaml_text import read_yaml

__all__ = [
    "FORMATS",
    "READERS",
    "SUFFIXES",
    "TableFormat",
    "detect_format",
    "open_table",
    "read_bytes",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """What a reader may ask for."""

    raw: bytes
    """The file."""
    text: str
    """The same decoded; empty for a format that is no text."""
    notes: tuple[Sentence, ...]
    """What was remarkable about its encoding."""
    limits: Limits
    known: Collection[str]
    lists: Collection[str]
    sheet: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TableFormat:
    """One format of tables."""

    suffixes: tuple[str, ...]
    """How names of its files end, in small letters."""
    read: Callable[[_Source], Table]
    """Returns the table."""
    is_text: bool = True
    """Whether the file is decoded first."""


READERS: Final[Mapping[str, TableFormat]] = {
    "csv": TableFormat(
        suffixes=(".csv", ".tsv", ".tab"),
        read=lambda file: read_delimited(file.text, file.limits, file.known, file.notes),
    ),
    "json": TableFormat(
        suffixes=(".json",),
        read=lambda file: read_json(file.text, file.limits, file.lists, file.notes),
    ),
    "jsonl": TableFormat(
        suffixes=(".jsonl", ".ndjson"),
        read=lambda file: read_json_lines(file.text, file.limits, file.notes),
    ),
    "yaml": TableFormat(
        suffixes=(".yaml", ".yml"),
        read=lambda file: read_yaml(file.text, file.limits, file.lists, file.notes),
    ),
    "xlsx": TableFormat(
        suffixes=(".xlsx", ".xlsm"),
        read=lambda file: read_workbook(file.raw, file.limits, file.sheet),
        is_text=False,
    ),
}
"""One more format is one more module with a reader, and its entry here."""
FORMATS: Final = tuple(READERS)
SUFFIXES: Final[dict[str, str]] = {}
for _name, _format in READERS.items():
    SUFFIXES.update(dict.fromkeys(_format.suffixes, _name))
# How files begin that are often given a wrong ending, and what they are.
OTHER_KINDS: Final = {
    b"PK\x03\x04": "file.is-archive",
    b"\xd0\xcf\x11\xe0": "file.is-old-workbook",
    b"%PDF": "file.is-pdf",
}


def detect_format(name: str) -> str | None:
    """Return the format that a file's name ends in, None for an unknown one."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def read_bytes(stream: BinaryIO, limits: Limits) -> bytes:
    """Return everything that a stream holds.

    Raises:
        UnreadableError: the system cannot read it, or it is larger than the limit.
    """
    try:
        # One byte more tells a file that is too large without reading all of it.
        raw = stream.read(limits.size_bytes + 1)
    except OSError as error:
        raise UnreadableError(Sentence.verbatim(error.strerror or str(error))) from error
    if len(raw) > limits.size_bytes:
        raise UnreadableError("file.over-limit", limit=limits.size_bytes // MEBIBYTE)
    return raw


def open_table(
    raw: bytes,
    file_format: str,
    *,
    limits: Limits | None = None,
    known: Collection[str] = (),
    lists: Collection[str] = (),
    sheet: str = "",
) -> Table:
    """Return the table that a file holds.

    Args:
        raw: the file.
        file_format: one of FORMATS; "csv" is for every delimiter.
        limits: how much is read.
        known: names of columns, in lower case, that tell a delimiter of CSV.
        lists: under which names an object of JSON or YAML may hold the list of records.
        sheet: the name or the number of a workbook's sheet; else the first one.

    Raises:
        UnreadableError: one sentence with the place.
    """
    table_format = READERS[file_format]
    text = ""
    notes: tuple[Sentence, ...] = ()
    if table_format.is_text:
        for beginning, sentence in OTHER_KINDS.items():
            if raw.startswith(beginning):
                raise UnreadableError(sentence)
        text, notes = decode(raw)
    source = _Source(
        raw=raw,
        text=text,
        notes=notes,
        limits=limits or Limits(),
        known=known,
        lists=lists,
        sheet=sheet,
    )
    return table_format.read(source)
