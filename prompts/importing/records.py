"""Records without a header: objects whose names may differ from one to the next."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

from prompts.importing.columns import ColumnNames, choose_columns
from prompts.importing.quoting import listed
from prompts.importing.rows import Rejection, Row
from prompts.importing.values import UnfitError, Unusable, kind, plain, storable

__all__ = ["Record", "make_row", "make_rows"]

Record = tuple[int, Any]  # the line where it begins, and what stands there
LOOK_AHEAD: Final = 100  # records


def make_rows(records: Iterable[Record], names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield a row, or why it is none, for each record.

    Raises:
        UnreadableError: none of the first 100 records has a title, or none a content: then it is
            the file that is wrong, and one sentence says more than a rejection for each record.
    """
    records = iter(records)
    first = list(islice(records, LOOK_AHEAD))
    columns = {
        name: None
        for _, value in first
        if isinstance(value, dict)
        for name in value
        if isinstance(name, str)
    }
    if columns:
        choose_columns(columns, names)
    for line, value in chain(first, records):
        yield make_row(line, value, names)


def make_row(line: int, record: object, names: ColumnNames) -> Row | Rejection:
    """Return the row of one record, or why it is none."""
    if isinstance(record, Unusable):
        return Rejection(line=line, column="", reason=record.reason)
    if not isinstance(record, dict):
        reason = f"must be an object with names and values, not {kind(record)}"
        return Rejection(line=line, column="", reason=reason)
    for key in record:
        if not isinstance(key, str):
            reason = f"is a name that is {kind(key)}, not a text; put it in quotes"
            return Rejection(line=line, column=str(key), reason=reason)
    return _split(line, record, names)


def _split(line: int, record: dict[str, Any], names: ColumnNames) -> Row | Rejection:
    title, content = names.pick(record)
    if title is None or content is None:
        column = names.title or "title" if title is None else names.content or "content"
        reason = f"is missing; the record has {listed(record)}"
        return Rejection(line=line, column=column, reason=reason)
    if title == content:
        return Rejection(line=line, column=title, reason="cannot be both title and content")
    for column in (title, content):
        if not isinstance(record[column], str):
            return Rejection(line=line, column=column, reason=_not_a_text(record[column]))
    return _with_metadata(line, record, title, content)


def _with_metadata(line: int, record: dict[str, Any], title: str, content: str) -> Row | Rejection:
    metadata = {}
    for key, value in record.items():
        if key in {title, content}:
            continue
        try:
            metadata[storable(key)] = plain(value)
        except UnfitError as error:
            return Rejection(line=line, column=key, reason=str(error))
    return Row(
        line=line,
        title=record[title],
        content=record[content],
        metadata=metadata,
        title_column=title,
        content_column=content,
    )


def _not_a_text(value: object) -> str:
    if isinstance(value, Unusable):
        return value.reason
    mend = "" if value is None or isinstance(value, list | dict) else "; put it in quotes"
    return f"must be a text, not {kind(value)}{mend}"
