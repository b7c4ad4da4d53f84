"""From a file to rows: the columns of its records are told apart, its values checked."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO, Final

from core.language import gettext as _
from core.tables import (
    ESCAPED,
    InvalidValue,
    Limits,
    Record,
    Table,
    UnreadableError,
    open_table,
    read_bytes,
)
from core.tables.quoting import listed
from core.tables.records import find_position
from core.tables.values import UnsupportedValueError, kind, plain, storable
from prompts.importing.columns import ColumnNames, find_fault
from prompts.importing.langfuse import is_langfuse, read_langfuse
from prompts.importing.rows import Rejection, Row

__all__ = ["LISTS", "Source", "read_rows"]

LISTS: Final = ("prompts", "data")  # where an object around the list holds it; Langfuse says data
LOOK_AHEAD: Final = 100  # records


class Source:
    """A binary stream, or bytes, of a file.

    Args:
        stream: what is read, once.
        limits: how much of it.

    Attributes:
        table: what was read, once it was.
    """

    def __init__(self, stream: BinaryIO, limits: Limits | None = None) -> None:
        self._stream = stream
        self._limits = limits or Limits()
        self.table: Table | None = None

    def open_table(self, file_format: str, names: ColumnNames) -> Table:
        """Return the table of the file.

        Raises:
            UnreadableError: it cannot be read.
        """
        raw = read_bytes(self._stream, self._limits)
        self.table = open_table(
            raw, file_format, limits=self._limits, known=names.known, lists=LISTS
        )
        return self.table


def read_rows(file_format: str, source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield a row, or why it is none, for each record of a file.

    Several versions of one prompt come one after the other, the oldest first.

    Raises:
        UnreadableError: the file cannot be read, or none of its records has a title and a content.
    """
    table = source.open_table(file_format, names)
    _check_columns(table, names)
    rows = [_RowMaker(table, names).make(record) for record in table]
    yield from _in_order(rows)


def _check_columns(table: Table, names: ColumnNames) -> None:
    """Refuse a file of which no record has a title, or none a content.

    One sentence about the file then says more than one for each record.
    """
    columns = table.columns
    if columns is None:  # of JSON and YAML, where each record has names of its own
        names_of_records: dict[str, None] = {}
        for record in islice(table, LOOK_AHEAD):
            if isinstance(record.value, dict):
                names_of_records.update(dict.fromkeys(record.value))
        columns = tuple(names_of_records)
        if not columns:
            return
    fault = find_fault(columns, names)
    if fault is None:
        return
    if table.columns is None:
        raise UnreadableError(fault)
    position = find_position(table.header_line, table.unit)
    raise UnreadableError("import.header", place=position, what=fault)


def _in_order(rows: Iterable[Row | Rejection]) -> Iterator[Row | Rejection]:
    """Yield rows so that versions of one prompt follow their numbers, wherever they stand."""
    rows = list(rows)
    versions: dict[str, list[Row]] = {}
    for row in rows:
        if isinstance(row, Row) and row.version is not None:
            versions.setdefault(row.title, []).append(row)
    for row in rows:
        if isinstance(row, Rejection) or row.version is None:
            yield row
        elif row.title in versions:
            yield from sorted(versions.pop(row.title), key=lambda row: row.version or 0)


class _RowMaker:
    """Makes rows of the records of one table."""

    def __init__(self, table: Table, names: ColumnNames) -> None:
        self._table = table
        self._names = names

    def make(self, record: Record) -> Row | Rejection:
        """Return the row of a record, or why it is none."""
        value = record.value
        if isinstance(value, InvalidValue):
            return self._reject(record, "", str(value.reason))
        if not isinstance(value, dict):
            reason = _("must be an object with names and values, not %(kind)s")
            return self._reject(record, "", reason % {"kind": kind(value)})
        if record.missing:
            cells = len(value)
            reason = _("has fewer cells (%(cells)d) than the header (%(columns)d)")
            columns = cells + len(record.missing)
            return self._reject(record, "", reason % {"cells": cells, "columns": columns})
        version = None
        if is_langfuse(value):
            try:
                version = value.get("version")
                if isinstance(version, bool) or not isinstance(version, int):
                    version = None
                value = read_langfuse(value)
            except UnsupportedValueError as error:
                return self._reject(record, "prompt", str(error))
        return self._split(record, value, version)

    def _reject(self, record: Record, column: str, reason: str) -> Rejection:
        number = record.number if self._table.numbered else 0
        return Rejection(
            line=record.line, column=column, reason=reason, record=number, unit=self._table.unit
        )

    def _split(self, record: Record, value: dict[str, Any], version: int | None) -> Row | Rejection:
        title, content = self._names.pick(value)
        if title is None or content is None:
            names = self._names
            role, named = ("title", names.title) if title is None else ("content", names.content)
            column = named or role
            reason = _("is missing; the record has %(columns)s") % {"columns": listed(value)}
            return self._reject(record, column, reason)
        if title == content:
            return self._reject(record, title, _("cannot be both title and content"))
        value = _as_chat(value, content)
        for column in (title, content):
            if not isinstance(value[column], str):
                return self._reject(record, column, _not_a_text(value[column]))
        metadata: dict[str, Any] = {}
        for key, cell in value.items():
            if key in (title, content) or (key == ESCAPED and self._table.escaped):
                continue
            try:
                metadata[storable(key)] = plain(cell)
            except UnsupportedValueError as error:
                return self._reject(record, key, str(error))
        return Row(
            line=record.line,
            title=value[title],
            content=value[content],
            metadata=metadata,
            title_column=title,
            content_column=content,
            record=record.number if self._table.numbered else 0,
            unit=self._table.unit,
            version=version,
        )


def _as_chat(record: dict[str, object], content: str) -> dict[str, Any]:
    """Return a record whose content, if it is a list, is the messages of a chat."""
    messages = record[content]
    if not isinstance(messages, list) or record.get("kind", "chat") != "chat":
        return record
    chat: str | InvalidValue
    try:
        chat = json.dumps(plain(messages), ensure_ascii=False, indent=2)
    except UnsupportedValueError as error:
        chat = InvalidValue(reason=error.sentence)
    return {**record, content: chat, "kind": "chat"}


def _not_a_text(value: object) -> str:
    if isinstance(value, InvalidValue):
        return str(value.reason)
    sentence = _("must be a string, not %(kind)s") % {"kind": kind(value)}
    if value is None or isinstance(value, list | dict):
        return sentence
    return _("%(what)s; put it in quotes") % {"what": sentence}
