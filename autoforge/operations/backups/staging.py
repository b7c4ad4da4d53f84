"""Replacing what is in a libSQL database, so that a kill at any moment leaves the old or the new.

The rows go into tables under other names in the same database, which nobody else asks for:
`_restoring_`, eight digits of this restoration, and the name. They are read back and compared. Then
one transaction drops the old tables, gives the new ones their names and creates indexes, views and
triggers: until its COMMIT nothing has happened, afterwards everything has. A restoration that fails
or is interrupted drops what it wrote; what a killed one leaves is dropped by the next.

Foreign keys of the new tables point to the new tables from the start: a live database would else
check them, and refuse to delete a row that only the backup refers to. SQLite renames them along
(https://www.sqlite.org/lang_altertable.html, "foreign key").
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from autoforge.operations.backups.errors import BackupError, SwitchUnknown
from autoforge.operations.backups.hashing import Row, TableDigest
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.reading import (
    LibsqlReader,
    SqliteReader,
    UnreadableText,
    hash_tables,
    measure,
    read_sequences,
)
from autoforge.operations.backups.schema import (
    STAGING,
    Schema,
    Table,
    list_leftovers,
    quote,
    read_schema,
)
from autoforge.operations.backups.snapshots import (
    insert_sql,
    inserted_row,
    row_marks,
)
from django_hrana import driver
from django_hrana.driver.messages import StatementRequest
from django_hrana.driver.values import encode

__all__ = ["Staging", "rename_in_sql"]

COUNT_ON: Final = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"
MAX_PARAMETERS: Final = 32_766
REQUEST_BYTES: Final = 2_000_000  # of values; a page is that large only where its rows are
TOKEN: Final = re.compile(
    r"""(?P<space> \s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<text> '(?:[^']|'')*' )
    | (?P<name> "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\] | \w+ )
    | (?P<sign> . )""",
    re.DOTALL | re.VERBOSE,
)
ID: Final = re.compile(r"[0-9a-f]{8}")


def rename_in_sql(sql: str, names: Mapping[str, str]) -> str:
    """Return the SQL of a table with other names of tables.

    A name of a table stands behind TABLE or REFERENCES, or in front of a point.

    Args:
        sql: CREATE TABLE or CREATE VIRTUAL TABLE.
        names: old name → new name.
    """
    renamed = {old.lower(): new for old, new in names.items()}
    tokens = [(match.lastgroup, match[0]) for match in TOKEN.finditer(sql)]
    parts: list[str] = []
    before = ""
    for index, (kind, text) in enumerate(tokens):
        name = text[1:-1] if text[:1] in '"`[' else text
        new = renamed.get(name.lower()) if kind == "name" else None
        followed_by_point = index + 1 < len(tokens) and tokens[index + 1][1] == "."
        if new is not None and (before in ("table", "references", "exists") or followed_by_point):
            parts.append(quote(new))
        else:
            parts.append(text)
        if kind != "space":
            before = text.lower()
    return "".join(parts)


class Staging:
    """A database on a server, and what is to replace its content."""

    def __init__(
        self, location: Location, database: Path | sqlite3.Connection, identifier: str
    ) -> None:
        """Connect; nothing is sent yet.

        Args:
            location: the database.
            database: a SQLite file with the content that it is to have, or a connection to one.
            identifier: eight hexadecimal digits, other ones for each restoration.
        """
        if not ID.fullmatch(identifier):
            raise ValueError("an identifier has eight hexadecimal digits")
        self.location = location
        self._prefix = f"{STAGING}{identifier}_"
        self._source = SqliteReader(database)
        self._schema = read_schema(self._source.query)
        self._names = {table.name: f"{self._prefix}{table.name}" for table in self._schema.tables}
        self._connection = location.connect()
        # The old tables go in any order, and the new ones come in any order.
        self._connection.foreign_keys = False

    def close(self) -> None:
        """Close both databases."""
        self._source.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query to the server."""
        return self._connection.cursor().execute(sql, parameters).fetchall()

    def is_empty(self) -> bool:
        """Whether nothing is in the database but what restorations have left."""
        return read_schema(self.query).is_empty

    def drop_leftovers(self, *, but_ours: bool = False) -> int:
        """Drop what restorations have left that never ended; return how many tables that were."""
        dropped = 0
        for name in list_leftovers(self.query):
            if not (but_ours and name.startswith(self._prefix)):
                self._connection.cursor().execute(f"DROP TABLE IF EXISTS {quote(name)}")
                dropped += 1
        return dropped

    def discard(self) -> None:
        """Drop what is here under the other names; where that fails, the next restoration does it.

        The connection may be in the middle of an answer: this takes another one.
        """
        with suppress(driver.Error), closing(self.location.connect()) as connection:
            connection.foreign_keys = False

            def query(sql: str, parameters: Sequence[object] = ()) -> list[Row]:
                return connection.cursor().execute(sql, parameters).fetchall()

            for name in list_leftovers(query):
                if name.startswith(self._prefix):
                    connection.cursor().execute(f"DROP TABLE IF EXISTS {quote(name)}")

    def fill(self, *, on_progress: OnProgress = ignore_progress) -> None:
        """Write all rows under the other names; what is there already is not written again."""
        existing = set(list_leftovers(self.query))
        for table in self._schema.tables:
            name = self._names[table.name]
            after: Sequence[object] = ()
            if name in existing:
                after = self._find_last_key(table, name)
            else:
                self._connection.cursor().execute(rename_in_sql(table.sql, self._names))
            self._fill_table(table, name, after, on_progress)

    def _find_last_key(self, table: Table, name: str) -> Sequence[object]:
        columns = [table.key[0]] if table.keeps_rowid else list(map(quote, table.key))
        order = ", ".join(f"{column} DESC" for column in columns)
        rows = self.query(
            f"SELECT {', '.join(columns)} FROM {quote(name)} ORDER BY {order} LIMIT 1"  # noqa: S608 (the database's own names)  # nosec B608
        )
        return rows[0] if rows else ()

    def _fill_table(
        self, table: Table, name: str, after: Sequence[object], on_progress: OnProgress
    ) -> None:
        [(total,)] = self._source.query(f"SELECT count(*) FROM {quote(table.name)}")  # noqa: S608 (the database's own names)  # nosec B608
        done = 0
        if after:
            [(done,)] = self.query(f"SELECT count(*) FROM {quote(name)}")  # noqa: S608 (the database's own names)  # nosec B608
        for page in self._source.pages(table, after=after):
            for rows in _split(table, page):
                marks = ", ".join(map(row_marks, rows))
                values = [value for row in rows for value in row]
                self._connection.cursor().execute(insert_sql(table, name, marks), values)
            done += len(page)
            on_progress(Progress(stage=f"writing {table.name}", done=done, total=total))

    def check(
        self, expected: Mapping[str, TableDigest], *, on_progress: OnProgress = ignore_progress
    ) -> None:
        """Read back what was written, and compare it.

        Raises:
            BackupError: a table is not what it should be.
        """
        for table in self._schema.tables:
            staged = replace(table, name=self._names[table.name])
            actual = self._hash(staged, on_progress)
            if actual != expected[table.name]:
                raise BackupError(
                    f"{self.location}: the table {table.name} was not stored as it was sent "
                    f"({actual.rows:,} rows instead of {expected[table.name].rows:,}); nothing was "
                    "changed, try again."
                )

    def _hash(self, table: Table, on_progress: OnProgress) -> TableDigest:
        alone = Schema(
            tables=(table,),
            empty_tables={},
            indexes={},
            views={},
            triggers={},
            has_sequences=False,
        )
        careful: frozenset[str] = frozenset()
        while True:
            try:
                with LibsqlReader(self.location, careful=careful) as reader:
                    return hash_tables(reader, alone, on_progress=on_progress)[table.name]
            except UnreadableText:
                careful = frozenset({table.name})

    def switch(self, *, into_empty: bool) -> None:
        """Replace the content of the database, in one transaction.

        Args:
            into_empty: refuse where somebody has created a table since.

        Raises:
            BackupError: nothing was changed.
            SwitchUnknown: nobody answered at the last moment, and nobody answers now.
        """
        connection = self._connection
        try:
            with connection.transaction():
                old = read_schema(self.query)
                if into_empty and not old.is_empty:
                    raise BackupError(
                        f"{self.location} is not empty any more; nothing was changed."
                    )
                statements = [StatementRequest(sql) for sql in self._list_statements(old)]
                statements += self._count_on()
                connection.run(statements, is_read=False)
        except driver.OutcomeUnknown as error:
            if not self._has_switched():
                raise BackupError(
                    f"{self.location}: the server did not answer, and has changed nothing; try "
                    "again."
                ) from error
        except driver.TransactionLost as error:
            raise BackupError(
                f"{self.location}: others write, and the server has given them the lock; nothing "
                "was changed. Stop web and workers, and try again."
            ) from error

    def _has_switched(self) -> bool:
        try:
            names = list_leftovers(self.query)
        except driver.Error as error:
            raise SwitchUnknown(
                f"{self.location} did not answer when its content was replaced, and does not "
                "answer now: it has all of the old content or all of the new one. Look which, as "
                "soon as it answers; the command can simply be run again."
            ) from error
        return not any(name.startswith(self._prefix) for name in names)

    def _list_statements(self, old: Schema) -> Iterator[str]:
        for name in old.triggers:
            yield f"DROP TRIGGER {quote(name)}"
        for name in old.views:
            yield f"DROP VIEW {quote(name)}"
        # An index of the index first: it cannot be opened without the other.
        for name in old.empty_tables:
            yield f"DROP TABLE {quote(name)}"
        for table in old.tables:
            yield f"DROP TABLE {quote(table.name)}"
        for name, staged in self._names.items():
            yield f"ALTER TABLE {quote(staged)} RENAME TO {quote(name)}"
        new = self._schema
        for statements in (new.empty_tables, new.indexes, new.views, new.triggers):
            yield from statements.values()

    def _count_on(self) -> list[StatementRequest]:
        """Return the statements that let AUTOINCREMENT go on where it was."""
        if not self._schema.has_sequences:
            return []
        requests = [StatementRequest("DELETE FROM sqlite_sequence")]
        for name, number in read_sequences(self._source, self._schema):
            values: list[Any] = [encode(name), encode(number)]
            requests.append(StatementRequest(COUNT_ON, values))
        return requests


def _split(table: Table, page: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows of a page as they are written: no more at once than a request may hold."""
    rows = [inserted_row(table, row) for row in page]
    at_once = max(1, MAX_PARAMETERS // len(rows[0]))
    part: list[Row] = []
    size = 0
    for row in rows:
        row_bytes = measure([row])
        if part and (len(part) == at_once or size + row_bytes > REQUEST_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += row_bytes
    yield part
