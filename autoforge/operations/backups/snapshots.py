"""A copy of a database at one moment, as a SQLite file on this machine.

SQLite: the online backup API, from within a read transaction, so that writers neither disturb it
nor wait for it. libSQL: its schema made anew and its rows copied, of one transaction.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from autoforge.operations.backups.database_file import DatabaseFile
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.failures import explained
from autoforge.operations.backups.hashing import InvalidText, Row, TableDigest, TableHash
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.reading import (
    LibsqlReader,
    SqliteReader,
    UnreadableText,
    hash_rows,
    hash_tables,
    read_sequences,
)
from autoforge.operations.backups.room import Room
from autoforge.operations.backups.schema import Schema, Table, quote, read_schema

__all__ = [
    "Snapshot",
    "has_invalid_text",
    "insert_sql",
    "inserted_row",
    "row_marks",
    "take_snapshot",
]

PAGES_AT_A_TIME: Final = 2_000  # 8 MB: often enough for a progress bar
HEADER_NUMBERS: Final = ("user_version", "application_id")


class Snapshot:
    """What was copied."""

    def __init__(
        self, *, engine: str, version: str, schema: Schema, tables: dict[str, TableDigest]
    ) -> None:
        self.engine = engine
        """SQLite or libSQL."""
        self.version = version
        """Version of SQLite that read the rows: of this machine, or of the server."""
        self.schema = schema
        """What the database consists of."""
        self.tables = tables
        """Name → count and hash."""


def take_snapshot(
    location: Location,
    target: DatabaseFile,
    room: Room,
    *,
    on_progress: OnProgress = ignore_progress,
) -> Snapshot:
    """Copy a database into a new file, which is sealed then.

    Args:
        location: the database.
        target: the file.
        room: where this file is.
        on_progress: told how far it is.

    Raises:
        BackupError: it cannot be read, or the copy is not the same.
        NoRoom: it does not fit.
    """
    with explained(location, room=room):
        if location.path is not None:
            return _copy_file(location.path, target, on_progress)
        return _copy_server(location, target, on_progress)


# --- SQLite


def _copy_file(source: Path, target: DatabaseFile, on_progress: OnProgress) -> Snapshot:
    with SqliteReader(source) as reader:
        # Reading begins the transaction: from here on the backup sees this moment alone. Without
        # one, each commit of another process would make it begin again, for ever.
        reader.query("SELECT count(*) FROM sqlite_master")

        def tell(_status: int, remaining: int, total: int) -> None:
            done = total - remaining
            on_progress(Progress(stage="copying", done=done, total=total))

        reader.connection.backup(target.writer, pages=PAGES_AT_A_TIME, progress=tell)
    target.seal()
    return _inspect(target, engine="SQLite", version=sqlite3.sqlite_version, progress=on_progress)


def _inspect(file: DatabaseFile, *, engine: str, version: str, progress: OnProgress) -> Snapshot:
    with SqliteReader(file.connection) as reader:
        schema = read_schema(reader.query)
        tables = hash_tables(reader, schema, on_progress=progress)
    return Snapshot(engine=engine, version=version, schema=schema, tables=tables)


# --- libSQL


def _copy_server(location: Location, target: DatabaseFile, on_progress: OnProgress) -> Snapshot:
    careful: set[str] = set()
    while True:
        try:
            with LibsqlReader(location, careful=frozenset(careful)) as reader:
                read = _copy_rows(reader, target.writer, on_progress)
        except UnreadableText as error:
            if error.table in careful:
                raise BackupError(
                    f"{location}: a key of the table {error.table} is text that is not UTF-8."
                ) from error
            careful.add(error.table)
            target.restart()
            continue
        target.seal()
        written = _inspect(target, engine="libSQL", version=read.version, progress=on_progress)
        if written.tables != read.tables:
            names = sorted(
                name for name in read.tables if written.tables.get(name) != read.tables[name]
            )
            raise BackupError(
                f"{location}: the copy of {', '.join(names)} is not the same as what was read; "
                "try again, and check the disk of this machine."
            )
        return written


def _copy_rows(reader: LibsqlReader, copy: sqlite3.Connection, on_progress: OnProgress) -> Snapshot:
    schema = read_schema(reader.query)
    counts = _count_rows(reader, schema)
    # All that is asked comes before the indexes are built: that may take minutes, and the server
    # ends a transaction that asks nothing for ten seconds.
    numbers = [(name, _read_header_number(reader, name)) for name in HEADER_NUMBERS]
    tables = {}
    copy.execute("BEGIN")
    _create_tables(copy, schema)
    for table in schema.tables:
        hashed = TableHash()
        done = 0
        for page in reader.pages(table):
            _insert(copy, table, page)
            hash_rows(hashed, table, page)
            done += len(page)
            progress = Progress(stage=f"reading {table.name}", done=done, total=counts[table.name])
            on_progress(progress)
        tables[table.name] = hashed.digest()
    if schema.has_sequences:
        sequences = read_sequences(reader, schema)
        _write_sequences(copy, sequences)
        hashed = TableHash()
        hashed.add(sequences)
        tables["sqlite_sequence"] = hashed.digest()
    reader.close()  # the server's log can shrink again
    on_progress(Progress(stage="creating indexes", done=0, total=0))
    for statements in (schema.indexes, schema.views, schema.triggers):
        for sql in statements.values():
            copy.execute(sql)
    for name, number in numbers:
        copy.execute(f"PRAGMA {name} = {number}")
    copy.execute("COMMIT")
    return Snapshot(engine="libSQL", version=reader.version, schema=schema, tables=tables)


def _read_header_number(reader: LibsqlReader, name: str) -> int:
    # As a table: the pragma itself is refused to a token that may only read.
    [(number,)] = reader.query(f"SELECT {name} FROM pragma_{name}")  # noqa: S608 (ours)  # nosec B608
    return int(number)


def _count_rows(reader: LibsqlReader, schema: Schema) -> dict[str, int]:
    counts = {}
    for table in schema.tables:
        # Of rows that are only appended, the greatest key says about how many there are; counting
        # them would read all.
        column = table.key[0] if table.keeps_rowid else quote(table.key[0])
        if not table.has_rowid:
            counts[table.name] = 0
            continue
        [(greatest,)] = reader.query(f"SELECT max({column}) FROM {quote(table.name)}")  # noqa: S608 (the database's own names)  # nosec B608
        counts[table.name] = int(greatest or 0)
    return counts


def _create_tables(copy: sqlite3.Connection, schema: Schema) -> None:
    for table in schema.tables:
        copy.execute(table.sql)
    for sql in schema.empty_tables.values():
        copy.execute(sql)


def insert_sql(table: Table, name: str, row: str) -> str:
    """Return the INSERT into a table.

    Args:
        table: what it is like.
        name: its name where it is written.
        row: the rows' parameters, such as "(?, ?), (?, ?)".
    """
    columns = list(map(quote, table.columns))
    if table.keeps_rowid:
        columns.insert(0, table.key[0])
    return f"INSERT INTO {quote(name)} ({', '.join(columns)}) VALUES {row}"  # noqa: S608 (the database's own names)  # nosec B608


def inserted_row(table: Table, row: Row) -> Row:
    """Return the values of a row that are written, in the order of `insert_sql`."""
    return row[1:] if table.has_rowid and not table.keeps_rowid else row


def row_marks(row: Row) -> str:
    """Return the parameters of a row in SQL: "(?, ?)"; text that is not UTF-8 travels as bytes."""
    marks = ["CAST(? AS TEXT)" if isinstance(value, InvalidText) else "?" for value in row]
    return f"({', '.join(marks)})"


def has_invalid_text(row: Row) -> bool:
    """Whether a value of a row is text that is not UTF-8."""
    return InvalidText in set(map(type, row))


def _insert(copy: sqlite3.Connection, table: Table, page: Sequence[Row]) -> None:
    plain = []
    for row in page:
        values = inserted_row(table, row)
        if has_invalid_text(values):
            copy.execute(insert_sql(table, table.name, row_marks(values)), values)
        else:
            plain.append(values)
    if plain:
        copy.executemany(insert_sql(table, table.name, row_marks(plain[0])), plain)


def _write_sequences(copy: sqlite3.Connection, sequences: Sequence[Row]) -> None:
    # The rows that were inserted have counted too, but not what was deleted since.
    copy.execute("DELETE FROM sqlite_sequence")
    copy.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", sequences)
