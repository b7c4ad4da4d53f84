"""Which column is the title and which the content; all others are metadata."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from prompts.importing.quoting import listed, quoted
from prompts.importing.rows import UnreadableError

__all__ = ["CONTENTS", "TITLES", "ColumnNames", "choose_columns", "find_column"]

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
        """Return the columns of title and content, None for one that is not there.

        A column that is named for one of the two is not recognised as the other.
        """
        present = list(columns)
        title = find_column(present, [self.title]) if self.title is not None else None
        content = find_column(present, [self.content]) if self.content is not None else None
        if self.title is None:
            title = find_column([name for name in present if name != content], TITLES)
        if self.content is None:
            content = find_column([name for name in present if name != title], CONTENTS)
        return title, content


def find_column(columns: list[str], wanted: Iterable[str]) -> str | None:
    """Return the first of `wanted` that `columns` has, whatever its case and outer spaces."""
    folded = {column.strip().casefold(): column for column in reversed(columns)}
    for name in wanted:
        if name in columns:
            return name
        found = folded.get(name.strip().casefold())
        if found is not None:
            return found
    return None


def choose_columns(columns: Collection[str], names: ColumnNames) -> tuple[str, str]:
    """Return the columns of title and content of a file that has `columns`.

    Raises:
        UnreadableError: one is missing, or both are the same.
    """
    title, content = names.pick(columns)
    if title is None:
        raise UnreadableError(_missing("title", names.title, TITLES, columns))
    if content is None:
        raise UnreadableError(_missing("content", names.content, CONTENTS, columns))
    if title == content:
        raise UnreadableError(
            f"the column {quoted(title)} cannot be both title and content; name another one with "
            "--title-column or --content-column"
        )
    return title, content


def _missing(role: str, named: str | None, known: tuple[str, ...], columns: Collection[str]) -> str:
    if named is not None:
        near = difflib.get_close_matches(named, columns, n=1)
        meant = f"; did you mean {quoted(near[0])}" if near else ""
        return (
            f"there is no column {quoted(named)} for the {role}; "
            f"the file has {listed(columns)}{meant}"
        )
    return (
        f"no column is recognised as the {role} ({', '.join(known)}); "
        f"the file has {listed(columns)}; name one with --{role}-column"
    )
