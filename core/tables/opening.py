"""From a file to its table: which format it is, its bytes within the limit, and its reader."""

from collections.abc import Collection
from pathlib import PurePath
from typing import BinaryIO, Final

from core.tables.delimited import read_delimited
from core.tables.encodings import decode
from core.tables.json_text import read_json, read_json_lines
from core.tables.limits import MEBIBYTE, Limits
from core.tables.records import Table
from core.tables.sentences import UnreadableError, gettext_noop
from core.tables.workbook import read_workbook
from core.tables.yaml_text import read_yaml

__all__ = ["FORMATS", "SUFFIXES", "format_of", "open_table", "read_bytes"]

FORMATS: Final = ("csv", "json", "jsonl", "yaml", "xlsx")
SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
# How files begin that are often given a wrong ending, and what they are.
OTHER_KINDS: Final = {
    b"PK\x03\x04": gettext_noop(
        "it is no text but a workbook or another archive; name it .xlsx if it is one"
    ),
    b"\xd0\xcf\x11\xe0": gettext_noop(
        "it is an old or an encrypted workbook (.xls); save it as XLSX without a password, or as "
        "CSV"
    ),
    b"%PDF": gettext_noop("it is a PDF, not a table; save the table as CSV or XLSX"),
}
TOO_LARGE: Final = gettext_noop("the file is larger than %(limit)d MiB; split it")
UNREADABLE: Final = "%(reason)s"  # the system's own words


def format_of(name: str) -> str | None:
    """Return the format that a file's name ends in, None for an unknown one."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def read_bytes(stream: BinaryIO, limits: Limits) -> bytes:
    """Return everything that a stream holds.

    Raises:
        UnreadableError: the system cannot read it, or it is larger than the limit.
    """
    try:
        raw = stream.read(limits.size_bytes + 1)
    except OSError as error:
        raise UnreadableError(UNREADABLE, reason=error.strerror or str(error)) from error
    if len(raw) > limits.size_bytes:
        raise UnreadableError(TOO_LARGE, limit=limits.size_bytes // MEBIBYTE)
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
    most = limits or Limits()
    if file_format == "xlsx":
        return read_workbook(raw, most, sheet)
    for beginning, sentence in OTHER_KINDS.items():
        if raw.startswith(beginning):
            raise UnreadableError(sentence)
    text, notes = decode(raw)
    if file_format == "csv":
        return read_delimited(text, most, known, notes)
    if file_format == "yaml":
        return read_yaml(text, most, lists, notes)
    if file_format == "jsonl":
        return read_json_lines(text, most, notes)
    return read_json(text, most, lists, notes)
