"""The database wrapper of SQLite files: Django's, but for triggers, missing files and locks.

- What triggers need of remakes and flushes.
- A file that is not there is made by `migrate` alone: anything else that is pointed at a wrong path
  would make an empty one, and then miss its tables.
- The files are for their owner alone.
- Who waits for another program's lock says so.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from django.db import transaction
from django.db.backends.sqlite3 import base
from django.db.backends.sqlite3.features import DatabaseFeatures as SQLiteFeatures
from django.db.backends.sqlite3.operations import DatabaseOperations as SQLiteOperations
from django.db.backends.sqlite3.schema import DatabaseSchemaEditor as SQLiteSchemaEditor
from django.utils.asyncio import async_unsafe

from core.database.outages import find_outage
from core.database.waiting import announcer
from core.private_files import keep_private
from django_hrana.triggers import FlushesGuardedTables, KeepsTriggers

__all__ = ["DatabaseWrapper"]

ResultT = TypeVar("ResultT")

# Shorter waits are everyday: two people save at once. They are SQLite's own, and silent.
SILENT_SECONDS: Final = 2.0
DEFAULT_TIMEOUT_SECONDS: Final = 5.0  # of Python's sqlite3


class DatabaseSchemaEditor(KeepsTriggers, SQLiteSchemaEditor):
    """Changes tables and keeps their triggers."""


class DatabaseOperations(FlushesGuardedTables, SQLiteOperations):
    """Flushes guarded tables too."""

    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        """Run the statements of a flush."""
        statements = list(sql_list)
        with (
            transaction.atomic(using=self.connection.alias, savepoint=True),
            self.without_guards(statements),
        ):
            super().execute_sql_flush(statements)


class DatabaseFeatures(SQLiteFeatures):
    """What SQLite can do, without asking it."""

    # Django tries it, and where the file is locked or damaged it blames JSON. Every SQLite that
    # Django takes has it.
    supports_json_field = True
    can_introspect_json_field = True
    has_json_object_function = True


class Cursor(base.SQLiteCursorWrapper):
    """A cursor that says so when it waits for another program's lock."""

    limit_seconds = DEFAULT_TIMEOUT_SECONDS

    def execute(self, query: str, params: Any = None) -> Any:
        """Run a statement."""
        run = super().execute
        try:
            return run(query, params)
        except sqlite3.OperationalError as error:
            # Inside of a transaction it would be in vain: what it read is out of date by now.
            if not _is_busy(error) or self.connection.in_transaction:
                raise
            seconds = self.limit_seconds - SILENT_SECONDS  # SQLite has waited the rest already
            return _outwait(lambda: run(query, params), error, seconds)

    def executemany(self, query: str, param_list: Any) -> Any:
        """Run a statement for each of many rows."""
        # Some rows may be written when the lock is missed: it cannot be done again from the start.
        _set_busy_timeout(self.connection, self.limit_seconds)
        try:
            return super().executemany(query, param_list)
        finally:
            _set_busy_timeout(self.connection, min(SILENT_SECONDS, self.limit_seconds))


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    # Not SQLITE_BUSY_SNAPSHOT: what a transaction has read is out of date, and waiting is in vain.
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY)


def _set_busy_timeout(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def _outwait(work: Callable[[], ResultT], error: sqlite3.Error, seconds: float) -> ResultT:
    """Say that we wait for a lock, and do again what it refused until that is done.

    Raises:
        sqlite3.OperationalError: the lock is still held after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        outage = find_outage(error)
        announcer.waits(outage.sentence if outage else str(error))
        try:
            result = work()  # SQLite waits in here
        except sqlite3.OperationalError as refusal:
            if not _is_busy(refusal):
                raise
            error = refusal
        else:
            announcer.goes_on()
            return result
    announcer.gives_up()
    raise error


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to a SQLite file."""

    SchemaEditorClass = DatabaseSchemaEditor
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    _may_create = False
    _limit_seconds = DEFAULT_TIMEOUT_SECONDS

    def prepare_database(self) -> None:
        """Allow that the file is made: `migrate` calls this before it begins."""
        self._may_create = True
        super().prepare_database()

    def get_connection_params(self) -> dict[str, Any]:
        """Return the arguments of `sqlite3.connect`."""
        params: dict[str, Any] = super().get_connection_params()
        self._limit_seconds = float(params.get("timeout", DEFAULT_TIMEOUT_SECONDS))
        if self._may_create or not self._is_plain_file:
            return params
        path = Path(params["database"]).absolute()
        # SQLite makes a file that is not there, unless a URI says mode=rw.
        return params | {"database": f"{path.as_uri()}?mode=rw"}

    @property
    def _is_plain_file(self) -> bool:
        """Whether the name is a path: neither memory nor a URI, which says how it is opened."""
        name = str(self.settings_dict["NAME"])
        return not (self.is_in_memory_db() or name.startswith("file:"))

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, object]) -> sqlite3.Connection:
        """Return a connection whose own patience is short: the cursor's comes on top.

        Its file only its owner may read: prompts and password hashes are in it.
        """
        path = Path(str(self.settings_dict["NAME"]))
        if self._is_plain_file and (self._may_create or path.exists()):
            keep_private(path)
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        _set_busy_timeout(connection, min(SILENT_SECONDS, self._limit_seconds))
        return connection

    def create_cursor(self, name: str | None = None) -> Cursor:
        """Return a cursor."""
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.limit_seconds = self._limit_seconds
        return cursor
