"""The database wrapper: Django's SQLite backend, spoken to a libSQL server.

SQL is SQLite's, so that almost all of Django's SQLite backend holds; the connection is our driver's
(`django_hrana.driver`). Functions that Django registers inside of the sqlite3 library cannot be
there: `compiler` and `operations` write them as SQL.
"""

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3 import base as sqlite3
from django.utils.asyncio import async_unsafe
from django.utils.dateparse import parse_date, parse_datetime, parse_time

from django_hrana import driver
from django_hrana.checks import ASYNC_CONNECTIONS, first_fault
from django_hrana.client import DatabaseClient
from django_hrana.contexts import note_transaction
from django_hrana.creation import DatabaseCreation
from django_hrana.driver.endpoint import split_token
from django_hrana.driver.statements import classify
from django_hrana.features import DatabaseFeatures
from django_hrana.introspection import DatabaseIntrospection
from django_hrana.operations import DatabaseOperations
from django_hrana.replica.options import REPLICA_OPTIONS, open_reader
from django_hrana.schema import DatabaseSchemaEditor
from django_hrana.validation import DatabaseValidation

if TYPE_CHECKING:
    from django_hrana.replica.reader import Reader

__all__ = ["CONVERTERS", "DatabaseWrapper", "to_qmark"]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _to_datetime(value: object) -> dt.datetime | None:
    """Return what Django reads in a text."""
    try:
        # What `parse_datetime` tries first: without it, half of the time of 10,000 rows.
        return dt.datetime.fromisoformat(value)  # type: ignore[arg-type]  # else a TypeError
    except (TypeError, ValueError):
        return parse_datetime(_text(value))


# As Django registers them for the sqlite3 library; columns of other types come as they are.
CONVERTERS: Final[Mapping[str, Callable[[object], object]]] = {
    "bool": lambda value: str(value) == "1",
    "date": lambda value: parse_date(_text(value)),
    "datetime": _to_datetime,
    "time": lambda value: parse_time(_text(value)),
    "timestamp": _to_datetime,
}


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@lru_cache(maxsize=512)
def _qmark(query: str) -> str:
    """Return a query with Django's %s as ?, %% as %."""
    # Split first: the second half of "%%s" is no placeholder.
    parts = query.split("%%")
    return "%".join(part.replace("%s", "?") for part in parts)


class Cursor(driver.Cursor):
    """The driver's cursor with Django's placeholders; it reads from a replica where there is one.

    Attributes:
        reader: the replica's reader.
    """

    reader: "Reader | None" = None

    def execute(self, sql: str, parameters: Any = None) -> "Cursor":
        """Run a statement; without parameters % is just a %."""
        if parameters is None:
            parameters = ()
        else:
            sql = to_qmark(sql, parameters)
        if self.reader is None:
            return super().execute(sql, parameters)
        return self._execute_beside(self.reader, sql, parameters)

    def executemany(self, sql: str, many: Iterable[Any]) -> "Cursor":
        """Run a statement with each of many parameters."""
        parameters = iter(many)
        first = next(parameters, None)
        if first is None:
            return self
        many = itertools.chain([first], parameters)
        try:
            return super().executemany(to_qmark(sql, first), many)
        finally:
            self._tell(self.reader)

    def _execute_beside(self, reader: "Reader", sql: str, parameters: Any) -> "Cursor":
        """Read from the replica what can be read there; all else is the server's."""
        is_read = classify(sql).is_read
        if is_read and self.connection.autocommit and not self.connection.in_transaction:
            self._reset()
            result = reader.read(sql, parameters, is_streamed=self._stream)
            if result is None:
                return super().execute(sql, parameters)
            self.description = result.description
            self._rows = iter(result.rows)
            return self
        try:
            return super().execute(sql, parameters)
        finally:  # also after an error: nobody knows what was written
            if not is_read:
                self._tell(reader)

    def _tell(self, reader: "Reader | None") -> None:
        """Tell the replica of a write, which a transaction does at its end."""
        if reader is not None and not self.connection.in_transaction:
            reader.wrote()


def to_qmark(sql: str, parameters: object) -> str:
    """Return a statement with Django's placeholders as the driver's: ? or :name."""
    if isinstance(parameters, Mapping):
        placeholders = {name: f":{name}" for name in parameters}
        return sql % placeholders
    return _qmark(sql)


class DatabaseWrapper(sqlite3.DatabaseWrapper):
    """A connection of Django's to a libSQL server."""

    display_name = "libSQL"
    Database = driver
    SchemaEditorClass = DatabaseSchemaEditor
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    validation_class = DatabaseValidation
    _reader: "Reader | None" = None

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        """Nothing is opened yet.

        A token in NAME goes where Django does not print it.
        """
        name = settings_dict.get("NAME")
        with contextlib.suppress(driver.InterfaceError):  # the checks say it
            url, token = split_token(name if isinstance(name, str) else "")
            if token:
                settings_dict["NAME"] = url
                settings_dict["OPTIONS"].setdefault("auth_token", token)
        super().__init__(settings_dict, alias)

    def get_connection_params(self) -> dict[str, Any]:
        """Return the arguments of `driver.connect`.

        Raises:
            ImproperlyConfigured: a setting is not valid.
        """
        fault = first_fault(self.settings_dict, self.alias)
        if fault is not None:
            raise ImproperlyConfigured(fault)
        options = dict(self.settings_dict["OPTIONS"])
        for name in (*REPLICA_OPTIONS, ASYNC_CONNECTIONS):
            options.pop(name, None)
        mode = options.pop("transaction_mode", None) or "auto"
        if mode.lower() == "auto":
            # Django then sends a plain BEGIN, and the driver adds its mode.
            self.transaction_mode = None
            options["transaction_mode"] = "auto"
        else:
            self.transaction_mode = options["transaction_mode"] = mode.upper()
        return {**options, "url": self.settings_dict["NAME"]}

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> driver.Connection:
        """Return a connection of the driver's; nothing is sent before the first statement."""
        self._reader = open_reader(conn_params["url"], self.settings_dict["OPTIONS"])
        with self.wrap_database_errors:
            return driver.connect(**conn_params, autocommit=True, converters=CONVERTERS)

    def create_cursor(self, name: str | None = None) -> Cursor:
        """Return a cursor; one with a name holds a part of a large result at a time."""
        connection: driver.Connection = self.connection
        cursor = connection.cursor(Cursor, stream=name is not None)
        cursor.reader = self._reader
        return cursor

    @async_unsafe
    def chunked_cursor(self) -> Any:
        """Return a cursor for `iterator()`, which reads large results in constant memory."""
        return self._cursor(name="chunked")  # type: ignore[attr-defined]  # Django's own

    def close(self) -> None:
        """Close the connection; what is open is rolled back."""
        # Not SQLite's, which keeps a database in memory open.
        self.validate_thread_sharing()
        BaseDatabaseWrapper.close(self)
        if self._reader is not None:
            self._reader.close()

    def close_if_unusable_or_obsolete(self) -> None:
        """Do what Django asks for at the end of a request; keep no place on the server after it."""
        super().close_if_unusable_or_obsolete()
        if self.connection is not None and not self.in_atomic_block:
            self.connection.release()

    def is_usable(self) -> bool:
        """Whether the connection can be used: it opens its network connection again by itself."""
        return not self.connection.closed

    def is_in_memory_db(self) -> bool:
        """Never: the data is the server's."""
        return False

    def get_database_version(self) -> tuple[int, ...]:
        """Return the version of the SQLite inside of the server, asked for once."""
        return self._server_version

    @cached_property
    def _server_version(self) -> tuple[int, ...]:
        with self.temporary_connection() as cursor:
            cursor.execute("SELECT sqlite_version()")
            (text,) = cursor.fetchone()
        return tuple(map(int, text.split(".")))

    def init_connection_state(self) -> None:
        """Ask nothing: Django would ask each new process's first connection for the version.

        Every libSQL server has a newer SQLite than Django wants, and `check --database`, which
        `migrate` runs too, makes sure of it.
        """

    def check_database_version_supported(self) -> None:
        """Ask the server for the version of its SQLite, once.

        Raises:
            NotSupportedError: it is older than Django wants.
        """
        wanted = self.features.minimum_database_version
        version = self.get_database_version()
        if wanted is not None and version < wanted:
            raise NotSupportedError(
                f"A libSQL server with SQLite {_dotted(wanted)} or later is required "
                f"(found {_dotted(version)})."
            )

    def set_autocommit(
        self,
        autocommit: bool,  # noqa: FBT001 (Django's signature)
        force_begin_transaction_with_broken_autocommit: bool = False,  # noqa: FBT001, FBT002 (as above)
    ) -> None:
        """Begin a transaction, or commit what is open and none from then on."""
        if not autocommit:
            note_transaction(self)  # for asynchronous queries from inside of it
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 (Django's signature)
        with self._ending_transaction(), self.wrap_database_errors:
            self.connection.autocommit = autocommit

    def _commit(self) -> None:
        with self._ending_transaction():
            super()._commit()  # type: ignore[misc]  # Django's own

    def _rollback(self) -> None:
        with self._ending_transaction():
            super()._rollback()  # type: ignore[misc]  # Django's own

    @contextlib.contextmanager
    def _ending_transaction(self) -> Iterator[None]:
        """Tell the replica of a transaction that ends.

        Also of one that failed, which may be written all the same; and of one that only read, or
        was refused: it has seen what may be newer than the replica. `get_or_create` reads again
        after somebody else's row has refused its own.
        """
        has_transaction = self.connection is not None and self.connection.in_transaction
        try:
            yield
        finally:
            if has_transaction and self._reader is not None:
                self._reader.wrote()
