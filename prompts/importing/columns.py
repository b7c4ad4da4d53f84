"""Which column is the title and which the content; all others are metadata."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from prompts.importing.rows import Rejection, Row, UnreadableError

__all__ = ["ColumnNames", "check_header", "find_column", "make_row"]

TITLES: Final = ("title", "name", "act")
CONTENTS: Final = ("content", "prompt", "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnNames:
    """Names that the caller gave; None: recognise them."""

    title: str | None = None
    """The column of the title."""
    content: str | None = None
    """The column of the content."""

    def pick(self, columns: Iterable[str]) -> tuple[str | None, str | None]:
        """Return the columns of title and content, None for one that is not there."""
        present = list(columns)
        return (
            find_column(present, (self.title,) if self.title else TITLES),
            find_column(present, (self.content,) if self.content else CONTENTS),
        )


def find_column(columns: list[str], wanted: Iterable[str]) -> str | None:
    """Return the first of `wanted` that `columns` has, whatever its case and outer spaces."""
    exact = {column: column for column in columns}
    folded = {column.strip().casefold(): column for column in reversed(columns)}
    for name in wanted:
        found = exact.get(name) or folded.get(name.strip().casefold())
        if found is not None:
            return found
    return None


def check_header(columns: list[str], names: ColumnNames) -> tuple[str, str]:
    """Return the columns of title and content of a file with a header.

    Raises:
        UnreadableError: one is missing or both are the same, or a name stands twice.
    """
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise UnreadableError(f"the header names the column '{twice}' twice; rename one of them")
    title, content = names.pick(columns)
    if title is None:
        raise UnreadableError(_missing("title", names.title, TITLES, columns))
    if content is None:
        raise UnreadableError(_missing("content", names.content, CONTENTS, columns))
    if title == content:
        raise UnreadableError(
            f"the column '{title}' cannot be both title and content; name another one with "
            "--title-column or --content-column"
        )
    return title, content


def _missing(role: str, named: str | None, known: tuple[str, ...], columns: list[str]) -> str:
    present = ", ".join(f"'{column}'" for column in columns)
    if named:
        near = difflib.get_close_matches(named, columns, n=1)
        meant = f"; did you mean '{near[0]}'" if near else ""
        return f"there is no column '{named}' for the {role}; the file has {present}{meant}"
    return (
        f"no column is recognised as the {role} ({', '.join(known)}); the file has {present}; "
        f"name one with --{role}-column"
    )


def make_row(line: int, record: Mapping[Any, Any], names: ColumnNames) -> Row | Rejection:
    """Return the row of one record, or why it is none."""
    keys = [key for key in record if isinstance(key, str)]
    if len(keys) < len(record):
        return Rejection(line=line, column="", reason="every name in an object must be a text")
    title, content = names.pick(keys)
    for column, role, known in (
        (title, "title", (names.title,) if names.title else TITLES),
        (content, "content", (names.content,) if names.content else CONTENTS),
    ):
        if column is None:
            return Rejection(line=line, column=role, reason=f"is missing ({', '.join(known)})")
        if not isinstance(record[column], str):
            kind = _kind(record[column])
            return Rejection(line=line, column=column, reason=f"must be a text, not {kind}")
    if title is None or content is None or title == content:
        reason = "title and content are the same column"
        return Rejection(line=line, column=title or "", reason=reason)
    try:
        metadata = {key: plain(record[key]) for key in keys if key not in {title, content}}
    except ValueError as error:
        return Rejection(line=line, column=_first_bad(record, keys), reason=str(error))
    return Row(
        line=line,
        title=record[title],
        content=record[content],
        metadata=metadata,
        title_column=title,
        content_column=content,
    )


def _first_bad(record: Mapping[Any, Any], keys: list[str]) -> str:
    for key in keys:
        try:
            plain(record[key])
        except ValueError:
            return key
    return ""


def plain(value: Any) -> Any:
    """Return `value` as JSON has it; dates and times become ISO 8601 texts.

    Raises:
        ValueError: JSON has no such value.
    """
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("every name in an object must be a text")
        return {_text(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is not a finite number, which JSON cannot hold")
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise ValueError(f"holds {_kind(value)}, which JSON cannot hold")


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a NUL character; remove it")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("holds half of a surrogate pair; it is not a character")
    return value


def _kind(value: object) -> str:
    names = {
        type(None): "empty (null)",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        date: "a date",
        datetime: "a date",
    }
    return names.get(type(value), f"a value of type {type(value).__name__}")
