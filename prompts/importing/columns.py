"""Which column is the title and which the content; all others are metadata."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from core.sentences import Sentence
from core.tables.quoting import listed, quoted

__all__ = ["CONTENTS", "TITLES", "ColumnNames", "find_column", "find_fault"]

TITLES: Final = ("title", "name", "act")
CONTENTS: Final = ("content", "prompt", "text")
ROLES: Final = {"title": "role.title", "content": "role.content"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnNames:
    """Names that the caller gave; None: recognise them."""

    title: str | None = None
    """The column of the title."""
    content: str | None = None
    """The column of the content."""

    @property
    def known(self) -> frozenset[str]:
        """The names of columns that tell the right delimiter of a table, in lower case."""
        titles = TITLES if self.title is None else (self.title,)
        contents = CONTENTS if self.content is None else (self.content,)
        names = [name.strip().casefold() for name in (*titles, *contents)]
        return frozenset(names)

    def pick(self, columns: Iterable[str]) -> tuple[str | None, str | None]:
        """Return the columns of title and content, None for one that is not there.

        A column that is named for one of the two is not recognised as the other.
        """
        columns = list(columns)
        title = content = None
        # The named ones first, so that the other is not recognised in their columns.
        if self.title is not None:
            title = find_column(columns, [self.title])
        if self.content is not None:
            content = find_column(columns, [self.content])
        if self.title is None:
            others = [name for name in columns if name != content]
            title = find_column(others, TITLES)
        if self.content is None:
            others = [name for name in columns if name != title]
            content = find_column(others, CONTENTS)
        return title, content


def find_column(columns: list[str], names: Iterable[str]) -> str | None:
    """Return the first of `names` that `columns` has, whatever its case and outer spaces."""
    # Backwards, so that of two columns that differ in case alone the first one counts.
    folded = {column.strip().casefold(): column for column in reversed(columns)}
    for name in names:
        if name in columns:
            return name
        column = folded.get(name.strip().casefold())
        if column is not None:
            return column
    return None


def find_fault(columns: Collection[str], names: ColumnNames) -> Sentence | None:
    """Return what is wrong with the columns of a file as a whole; None: title and content are."""
    title, content = names.pick(columns)
    if title is None:
        return _missing("title", names.title, TITLES, columns)
    if content is None:
        return _missing("content", names.content, CONTENTS, columns)
    if title == content:
        return Sentence("columns.both", name=quoted(title))
    return None


def _missing(
    role: str, named: str | None, known: tuple[str, ...], columns: Collection[str]
) -> Sentence:
    common = {"role": Sentence(ROLES[role]), "columns": listed(columns)}
    if named is None:
        return Sentence("columns.not-recognised", known=", ".join(known), option=role, **common)
    near = difflib.get_close_matches(named, columns, n=1)
    if near:
        return Sentence("columns.missing-near", name=quoted(named), near=quoted(near[0]), **common)
    return Sentence("columns.missing", name=quoted(named), **common)
