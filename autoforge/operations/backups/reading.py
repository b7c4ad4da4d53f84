"""Rows of a database in pages, always of one moment, whoever writes meanwhile.

SQLite: a read transaction on a file. libSQL: one transaction that only reads, which the server
keeps as long as something is asked for every ten seconds; others write meanwhile, and the server's
log grows until it ends. A page holds about a megabyte, so that memory stays flat whatever the size.

Values come exactly as they are stored. Two kinds do not pass through the server as they are:
infinity loses its sign in JSON, and text that is not UTF-8 makes the server end the transaction.
Tables with such values are read carefully: each value with its type.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, Self

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.hashing import InvalidText, Row, TableDigest, TableHash
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.schema import Schema, Table, quote, read_schema
from django_hrana import driver
from django_hrana.driver.messages import TOO_LARGE, StatementRequest
from django_hrana.driver.values import Column, decode_rows, encode

__all__ = [
    "LibsqlReader",
    "Reader",
    "SqliteReader",
    "UnreadableText",
    "find_key",
    "hash_rows",
    "hash_tables",
    "measure",
    "open_reader",
    "read_sequences",
]

PAGE_BYTES: Final = 1_000_000
PAGE_ROWS: Final = 5_000
FIRST_ROWS: Final = 50  # of a table, until it is known how large its rows are
GROWTH: Final = 4  # at most, from one page to the next
SEQUENCES: Final = "SELECT name, seq FROM sqlite_sequence"
INTERNAL_SERVER_ERROR: Final = 500


class UnreadableText(Exception):
    """A table has text that is not UTF-8, and the server has ended the transaction over it."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


class Reader(Protocol):
    """A database that is read, at one moment."""

    engine: str
    version: str

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""

    def pages(self, table: Table, *, after: Sequence[object] = ()) -> Iterator[list[Row]]:
        """Yield the rows of a table in the order of its key, those after one of them.

        In front of the columns is the rowid, where the table has one.
        """

    def close(self) -> None:
        """End the transaction."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...


def open_reader(location: Location, *, careful: frozenset[str] = frozenset()) -> Reader:
    """Return what reads a database.

    Args:
        location: which database.
        careful: tables of a server that are read with the type of each value.

    Raises:
        BackupError: it cannot be opened.
    """
    if location.path is not None:
        return SqliteReader(location.path)
    return LibsqlReader(location, careful=careful)


def _select(table: Table, after: Sequence[object], columns: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the query for the rows after a key, and its parameters but for the limit."""
    key = ", ".join(map(quote, table.key))
    if table.has_rowid:
        # Not quoted: "rowid" in quotes is a text where the table has no such column.
        key = table.key[0] if table.keeps_rowid else key
        columns = [key, *columns]
    sql = f"SELECT {', '.join(columns)} FROM {quote(table.name)}"  # noqa: S608 (the database's own names)  # nosec B608
    if after:
        marks = ", ".join("?" * len(table.key))
        sql += f" WHERE ({key}) > ({marks})"
    return f"{sql} ORDER BY {key}", list(after)


def find_key(table: Table, row: Row) -> Sequence[object]:
    """Return where to go on after a row, as `pages` takes it."""
    if table.has_rowid:
        return (row[0],)
    positions = [table.columns.index(column) for column in table.key]
    return tuple(row[position] for position in positions)


# --- SQLite


def _decode(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return InvalidText(value)


class SqliteReader:
    """A SQLite file, read in one transaction."""

    engine = "SQLite"

    def __init__(self, source: Path | sqlite3.Connection) -> None:
        """Begin to read.

        Raises:
            BackupError: there is no such file, or it is no database.
        """
        self._owns = isinstance(source, Path)
        self.version = sqlite3.sqlite_version
        if isinstance(source, Path):
            if not source.is_file():
                raise BackupError(f"There is no database at {source}; correct the path.")
            source = sqlite3.connect(
                f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
            )
        self.connection = source
        self._factory = source.text_factory
        source.text_factory = _decode
        if self._owns:
            self.connection.execute("BEGIN")  # nothing is read yet, so that this cannot fail

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        return self.connection.execute(sql, parameters).fetchall()

    def pages(self, table: Table, *, after: Sequence[object] = ()) -> Iterator[list[Row]]:
        """Yield the rows of a table in pages."""
        sql, parameters = _select(table, after, list(map(quote, table.columns)))
        cursor = self.connection.execute(sql, parameters)
        size = FIRST_ROWS
        while rows := cursor.fetchmany(size):
            yield rows
            size = _next_size(size, measure(rows))

    def close(self) -> None:
        """End the transaction."""
        self.connection.text_factory = self._factory
        if self._owns:
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def measure(rows: Sequence[Row]) -> int:
    """Return about how many bytes rows take."""
    total = 0
    for row in rows:
        total += 8 * len(row)
        for value in row:
            if isinstance(value, str | bytes):
                total += len(value)
    return total


def _next_size(size: int, measured_bytes: int) -> int:
    """Return how many rows the next page has, after one of `size` rows."""
    fitting = size * PAGE_BYTES // max(measured_bytes, 1)
    return max(1, min(fitting, size * GROWTH, PAGE_ROWS))


# --- libSQL


class LibsqlReader:
    """A database on a server, read in one transaction."""

    engine = "libSQL"

    def __init__(self, location: Location, *, careful: frozenset[str] = frozenset()) -> None:
        """Begin to read; nothing is sent before the first query."""
        self._careful = set(careful)
        # Never the write lock: nobody waits for us.
        self._connection = location.connect(transaction_mode="DEFERRED")
        self._connection.cursor().execute("BEGIN DEFERRED")
        try:
            self.version = str(self.query("SELECT sqlite_version()")[0][0])
        except driver.Error:
            self.close()
            raise

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        return list(self._run(sql, parameters))

    def pages(self, table: Table, *, after: Sequence[object] = ()) -> Iterator[list[Row]]:
        """Yield the rows of a table in pages.

        Raises:
            UnreadableText: begin again, and read the table carefully.
        """
        size = FIRST_ROWS
        while True:
            try:
                rows = self._read_page(table, after, size)
            except driver.DataError as error:
                if error.status == INTERNAL_SERVER_ERROR:
                    raise UnreadableText(table.name) from error
                self._careful.add(table.name)  # infinity: the transaction is still there
                continue
            except driver.DatabaseError as error:
                if error.code != TOO_LARGE or size == 1:
                    raise
                size = max(1, size // GROWTH)
                continue
            if rows:
                yield rows
                after = find_key(table, rows[-1])
            if len(rows) < size:
                return
            size = _next_size(size, measure(rows))

    def close(self) -> None:
        """End the transaction."""
        with suppress(driver.Error):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _read_page(self, table: Table, after: Sequence[object], size: int) -> list[Row]:
        if table.name not in self._careful:
            sql, parameters = _select(table, after, list(map(quote, table.columns)))
            return self._run(f"{sql} LIMIT ?", [*parameters, size], with_cursor=size == 1)
        columns = []
        for column in map(quote, table.columns):
            columns += [f"typeof({column})", _as_it_is(column)]
        sql, parameters = _select(table, after, columns)
        rows = self._run(f"{sql} LIMIT ?", [*parameters, size], with_cursor=size == 1)
        return [_join(row, has_rowid=table.has_rowid) for row in rows]

    def _run(
        self, sql: str, parameters: Sequence[object], *, with_cursor: bool = False
    ) -> list[Row]:
        if with_cursor:  # a row of more than an answer may have: the driver's cursor knows a way
            return self._connection.cursor().execute(sql, parameters).fetchall()
        arguments: list[Any] = [encode(parameter) for parameter in parameters]
        [result] = self._connection.run([StatementRequest(sql, arguments)], is_read=True)
        columns = [Column(name=column.name) for column in result.cols]
        return decode_rows(columns, result.rows, {})


def _as_it_is(column: str) -> str:
    """Return SQL for a value in a form in which it passes through JSON."""
    return (
        f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) WHEN 'real' THEN "
        f"CASE {column} WHEN 9e999 THEN 'inf' WHEN -9e999 THEN '-inf' ELSE {column} END "
        f"ELSE {column} END"
    )


def _join(row: Row, *, has_rowid: bool) -> Row:
    """Return a row that was read as pairs of type and value."""
    values: list[object] = [row[0]] if has_rowid else []
    pairs = row[1:] if has_rowid else row
    for kind, value in zip(pairs[::2], pairs[1::2], strict=True):
        if kind == "text":
            values.append(_decode(value))
        elif kind == "real":
            values.append(float(value))
        else:
            values.append(value)
    return tuple(values)


# --- hashes


def hash_tables(
    reader: Reader, schema: Schema | None = None, *, on_progress: OnProgress = ignore_progress
) -> dict[str, TableDigest]:
    """Return count and hash of every table, by name; sequences count as a table.

    Args:
        reader: the database; `SqliteReader(connection)` reads within a transaction of yours.
        schema: what it consists of, where that is known.
        on_progress: told after each page.
    """
    if schema is None:
        schema = read_schema(reader.query)
    digests = {}
    for table in schema.tables:
        hashed = TableHash()
        done = 0
        for page in reader.pages(table):
            hash_rows(hashed, table, page)
            done += len(page)
            on_progress(Progress(stage=f"hashing {table.name}", done=done, total=0))
        digests[table.name] = hashed.digest()
    if schema.has_sequences:
        hashed = TableHash()
        hashed.add(read_sequences(reader, schema))
        digests["sqlite_sequence"] = hashed.digest()
    return digests


def hash_rows(hashed: TableHash, table: Table, page: Sequence[Row]) -> None:
    """Add a page, as a reader gives it, to the hash of a table."""
    if table.has_rowid and not table.is_hashed_with_rowid:
        page = [row[1:] for row in page]
    hashed.add(page)


def read_sequences(reader: Reader, schema: Schema) -> list[Row]:
    """Return how far each table has counted: name, number."""
    names = {table.name for table in schema.tables}
    rows = []
    for name, number in sorted(reader.query(SEQUENCES)):
        if name in names:
            rows.append((name, number))
    return rows
