"""Reads from the replica, or says that it cannot: then the server is asked.

A statement is read here only if nothing about the answer would be another one on the server: it
reads nothing but tables, and SQLite here knows all that it needs. Whatever fails here is asked
there, so that nobody sees an error that the server would not give.

Left to others: whether the replica is fresh (`process`).
"""

import base64
import contextlib
import fcntl
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from typing import IO, Any, Final

from django_hrana.driver.errors import Error
from django_hrana.driver.values import Blob, Integer, Literal, encode
from django_hrana.replica.files import STAMP_OFFSET, pack_stamp
from django_hrana.replica.process import Replica
from django_hrana.replica.sessions import SESSION
from django_hrana.replica.state import State

__all__ = ["Reader", "Result"]

STAMP_BYTES: Final = 4
# Rows that `iterator()` may have in memory at once; of more, the server sends a part at a time.
MAX_STREAMED_ROWS: Final = 10_000
MAX_REFUSED: Final = 500  # statements that are remembered as not for here
MAX_CACHED_LENGTH: Final = 4000  # as in the driver's `statements`
PLAIN: Final = frozenset({int, str, float, bytes, bool, type(None)})
DAMAGE: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
)
# SQLite has the same code for damage and for what a newer version, or libSQL, has written.
UNKNOWN_SCHEMA: Final = "malformed database schema"
# Errors of a statement: it is asked of the server from now on. Those of its parameters are not.
STATEMENT_FAULTS: Final = frozenset({sqlite3.SQLITE_ERROR})
FAILURES: Final = (sqlite3.Error, sqlite3.Warning, ArithmeticError, OSError, TypeError, ValueError)
READS: Final = re.compile(r"\s*(?:SELECT|VALUES|WITH)\b", re.IGNORECASE)
# What depends on the connection, the server or its clock, not on tables alone.
ELSEWHERE: Final = re.compile(
    r"\b(?:changes|current_date|current_time|current_timestamp|last_insert_rowid|load_extension"
    r"|now|pragma_\w+|sqlite_\w*version|sqlite_compileoption_\w+|sqlite_source_id|sqlite_offset"
    r"|total_changes|fts5_source_id"
    # What versions of SQLite answer differently: NULL to json_valid(NULL), digits to quote(), the
    # last bit of logarithms; and the server refuses soundex() of what is not ASCII.
    r"|json_valid|log|log2|log10|quote|soundex)\b",
    re.IGNORECASE,
)
LIKES: Final = re.compile(r"\b(?:glob|like)\b", re.IGNORECASE)
BLOBS: Final = re.compile(r"\bblob\b|\bx'", re.IGNORECASE)
# A table whose columns can hold blobs. Views hold what tables do.
BLOB_COLUMNS: Final = (
    "SELECT EXISTS (SELECT 1 FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c WHERE "
    "t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND "
    "(c.type = '' OR c.type LIKE '%blob%'))"
)

Parameters = Sequence[object] | Mapping[str, object]
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a statement gave."""

    description: tuple[tuple[Any, ...], ...] | None
    """PEP 249's description."""
    rows: list[Row]
    """All rows."""


class Place(Enum):
    """Where a statement can be answered."""

    HERE = "here"
    WITHOUT_BLOBS = "here, if the database has no blobs"
    SERVER = "server"


class StaleError(Exception):
    """The file is not the one that the state speaks of."""


class Reader:
    """Reads a replica, for use by one thread at a time."""

    def __init__(self, replica: Replica, *, is_for_requests: bool = False) -> None:
        """Read nothing yet.

        Args:
            replica: the copy.
            is_for_requests: outside of a session (`sessions`), the server is asked.
        """
        self.replica = replica
        self._is_for_requests = is_for_requests
        self._files: list[IO[bytes] | None] = [None, None]
        self._connection: sqlite3.Connection | None = None
        self._stamp = 0
        self._generation = replica.generation
        self._schema: int | None = None
        self._has_blobs = True
        self._refused: set[str] = set()

    def wrote(self) -> None:
        """Take note that something may have been written."""
        self.replica.wrote()

    def read(self, sql: str, parameters: Parameters, *, is_streamed: bool) -> Result | None:
        """Return what a statement that reads gives; None: the server must be asked.

        Args:
            sql: the statement, with `?` or `:name`.
            parameters: its parameters.
            is_streamed: nobody wants all rows in memory.
        """
        if self._is_for_requests and SESSION.get() is None:
            return None
        place = _find_place(sql)
        if place is Place.SERVER or sql in self._refused:
            return None
        state = self.replica.usable_state()
        if state is None:
            return None
        try:
            return self._read(state, sql, _as_plain(parameters), place, is_streamed=is_streamed)
        except FAILURES as error:
            self._judge(error, state, sql)
        except (StaleError, Error):  # an error of the parameters, which the server's way names
            pass
        return None

    def close(self) -> None:
        """Close the files."""
        self._disconnect()
        for index in (0, 1):
            self._close_file(index)

    def _read(
        self, state: State, sql: str, parameters: Parameters, place: Place, *, is_streamed: bool
    ) -> Result | None:
        if place is Place.WITHOUT_BLOBS and _has_blobs(parameters):
            return None
        file = self._lock(state)
        try:
            connection = self._connect(state, file)
            if place is Place.WITHOUT_BLOBS and self._has_blob_columns(connection):
                return None
            cursor = connection.execute(sql, parameters)
            if is_streamed:
                rows = cursor.fetchmany(MAX_STREAMED_ROWS + 1)
                if len(rows) > MAX_STREAMED_ROWS:
                    cursor.close()
                    return None
            else:
                rows = cursor.fetchall()
            return Result(description=cursor.description, rows=rows)
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _lock(self, state: State) -> IO[bytes]:
        """Return the file that the state speaks of; until it is unlocked, nobody changes it.

        Raises:
            StaleError: it has changed since, or somebody does it now.
        """
        if self._generation != self.replica.generation:
            self.close()  # a lock of the parent's file would be the parent's lock
            self._generation = self.replica.generation
        index, stamp = state.current, pack_stamp(state.content.stamp)
        for _attempt in range(2):
            file = self._files[index]
            if file is None:
                file = self._files[index] = self.replica.files[index].open("rb", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StaleError from None
            if os.pread(file.fileno(), STAMP_BYTES, STAMP_OFFSET) == stamp:
                return file
            fcntl.flock(file, fcntl.LOCK_UN)
            self._close_file(index)  # another file may stand at its path
        raise StaleError

    def _connect(self, state: State, file: IO[bytes]) -> sqlite3.Connection:
        """Return SQLite's connection to the file, a new one where it has changed."""
        stamp = state.content.stamp
        if self._connection is not None and self._stamp == stamp:
            return self._connection
        self._disconnect()
        self._refused.clear()  # a function that was not there is still not, but a table may be
        path = self.replica.files[state.current]
        # immutable: SQLite takes no locks and never looks whether the file changed. Ours say it.
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro&immutable=1",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            detect_types=sqlite3.PARSE_DECLTYPES,
        )
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            connection.close()
            raise StaleError
        self._connection, self._stamp = connection, stamp
        return connection

    def _has_blob_columns(self, connection: sqlite3.Connection) -> bool:
        """Whether the database can hold blobs; looked up once for each of its schemas."""
        (schema,) = connection.execute("PRAGMA schema_version").fetchone()
        if self._schema != schema:
            (self._has_blobs,) = connection.execute(BLOB_COLUMNS).fetchone()
            self._schema = schema
        return bool(self._has_blobs)

    def _judge(self, error: Exception, state: State, sql: str) -> None:
        """Take note of what an error says about the statement or the file."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if UNKNOWN_SCHEMA in str(error):
            self.replica.report_unknown_schema(state.content.stamp, str(error))
        elif code in DAMAGE or isinstance(error, OSError):
            self.close()
            self.replica.report_damage(state.content.stamp)
        elif code in STATEMENT_FAULTS and len(sql) <= MAX_CACHED_LENGTH:
            if len(self._refused) >= MAX_REFUSED:
                self._refused.clear()
            self._refused.add(sql)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _close_file(self, index: int) -> None:
        file, self._files[index] = self._files[index], None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def _as_plain(parameters: Parameters) -> Parameters:
    """Return the parameters as the server would get them, in types that SQLite knows.

    Raises:
        Error: one of them cannot be sent.
    """
    if isinstance(parameters, Mapping):
        return {name: _plain(value) for name, value in parameters.items()}
    return [_plain(value) for value in parameters]


def _plain(value: Any) -> object:
    if type(value) in PLAIN:
        return value
    cell = encode(value)
    if isinstance(cell, Integer):
        return int(cell.value)
    if isinstance(cell, Blob):
        return base64.b64decode(cell.base64)
    if isinstance(cell, Literal):  # a float that only JSON cannot carry
        return float(value)
    return cell.value


def _has_blobs(parameters: Parameters) -> bool:
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    return any(isinstance(value, bytes) for value in values)


def _find_place(sql: str) -> Place:
    if len(sql) > MAX_CACHED_LENGTH:
        return _classify(sql)
    return _classify_cached(sql)


def _classify(sql: str) -> Place:
    if READS.match(sql) is None or ELSEWHERE.search(sql) is not None:
        return Place.SERVER
    if LIKES.search(sql) is None or _like_finds_blobs():
        return Place.HERE
    return Place.SERVER if BLOBS.search(sql) else Place.WITHOUT_BLOBS


_classify_cached = lru_cache(maxsize=1024)(_classify)


@cache
def _like_finds_blobs() -> bool:
    """Whether LIKE and GLOB look into blobs here, as they do on the server; Debian's do not."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        (found,) = connection.execute("SELECT x'41' LIKE 'a'").fetchone()
    return bool(found)
