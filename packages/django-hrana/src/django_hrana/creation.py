"""Test databases: namespaces of a server with an admin API, or one scratch database without it."""

import atexit
import contextlib
import os
import re
import secrets
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.backends.sqlite3 import creation as sqlite3

from django_hrana import driver

__all__ = ["MARKER", "DatabaseCreation"]

MARKER: Final = "_libsql_test_database"
RUN: Final = secrets.token_hex(5)  # what tells the test databases of this run from all others
MAX_DATABASE: Final = 30  # characters of a database's name that its test database repeats
DELETE_SECONDS: Final = 5.0  # that the end of the process may wait for a server
MAX_NAME: Final = 63  # a namespace travels as one label of a host name (RFC 1035, 2.3.4)
# Without SQLite's own tables, which cannot be dropped; indexes and triggers go with their tables.
OBJECTS: Final = (
    "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)


class DatabaseCreation(sqlite3.DatabaseCreation):
    """Makes and removes databases for tests.

    `TEST = {"ADMIN_URL": …}`: each run makes a database of its own, and one more for each parallel
    process. `TEST = {"NAME": url}`: that database is emptied before and after; it must be empty, or
    have been used by tests before, which a table says.
    """

    @staticmethod
    def is_in_memory_db(database_name: object) -> bool:
        """Never: the data is the server's."""
        return False

    def _get_test_db_name(self) -> str:
        """Return the URL of the test database."""
        settings = self.connection.settings_dict
        name = settings["TEST"]["NAME"]
        if self._admin_url is None:
            if not name:
                raise ImproperlyConfigured(
                    f"DATABASES[{self.connection.alias!r}]['TEST'] specifies no database for "
                    "tests: set ADMIN_URL to the admin API of the server, where each test run "
                    "creates its own database, or NAME to the URL of an empty database."
                )
            return str(name)
        # What pytest-django makes of NAME, for each of its processes, is the same on all machines.
        made_of_name = f"test_{settings['NAME']}"
        if not name or str(name).startswith(made_of_name):
            name = self._default_name() + str(name or "").removeprefix(made_of_name)
        return _with_namespace(settings["NAME"], _namespace(name))

    @property
    def _admin_url(self) -> str | None:
        url: str | None = self.connection.settings_dict["TEST"].get("ADMIN_URL")
        return url

    def _default_name(self) -> str:
        """Return a name that no other run has, on whatever machine.

        Aliases of one database share it, as they share the database.
        """
        settings = self.connection.settings_dict
        endpoint = driver.Endpoint.parse(settings["NAME"], settings["OPTIONS"].get("namespace"))
        database = endpoint.namespace or endpoint.host.partition(".")[0]
        if database.endswith(RUN):  # it is the test database already
            return database
        return f"test-{_namespace(database)[:MAX_DATABASE]}-{RUN}"

    def _admin(self) -> driver.Admin:
        if self._admin_url is None:
            raise ImproperlyConfigured(
                "Parallel tests need one database per process: set TEST['ADMIN_URL'] to the "
                "admin API of the server, or run them without --parallel."
            )
        return driver.Admin(self._admin_url)

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:  # noqa: FBT001, FBT002 (Django's signature)
        """Make the test database, or empty it; return its URL."""
        # Its files would be made anew with each run, and tests look at what the server does.
        self.connection.settings_dict["OPTIONS"].pop("replica", None)
        url = self._get_test_db_name()
        if self._admin_url is None:
            if not keepdb:
                self._empty(url)
            return url
        admin, name = self._admin(), _namespace_of(url)
        try:
            if not keepdb or not self._exists(url):
                admin.delete(name)  # what a run that was killed has left
                admin.create(name)
                if not keepdb:
                    self._delete_at_exit(name)
        finally:
            admin.close()
        return url

    def _delete_at_exit(self, name: str) -> None:
        """Delete a database of this run at the latest when the process ends."""
        admin_url, process = str(self._admin_url), os.getpid()

        def delete() -> None:
            if os.getpid() == process:  # a fork's end is not the run's
                with (
                    contextlib.suppress(driver.Error),
                    contextlib.closing(driver.Admin(admin_url, timeout=DELETE_SECONDS)) as admin,
                ):
                    admin.delete(name)

        atexit.register(delete)

    def get_test_db_clone_settings(self, suffix: str) -> dict[str, Any]:
        """Return the settings of the copy for one of the parallel processes."""
        settings = self.connection.settings_dict
        url = str(settings["NAME"])
        if self._admin_url is None:
            return dict(settings)
        return {**settings, "NAME": _with_namespace(url, f"{_namespace_of(url)}-{suffix}")}

    def _clone_test_db(self, suffix: str, verbosity: int, keepdb: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        """Copy the test database on the server."""
        source = _namespace_of(self.connection.settings_dict["NAME"])
        target = self.get_test_db_clone_settings(suffix)["NAME"]
        admin = self._admin()
        try:
            if keepdb and self._exists(target):
                return
            admin.delete(_namespace_of(target))
            admin.fork(source, _namespace_of(target))
        finally:
            admin.close()

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        if self._admin_url is None:
            self._empty(test_database_name)
            return
        admin = self._admin()
        try:
            admin.delete(_namespace_of(test_database_name))
        finally:
            admin.close()

    def test_db_signature(self) -> tuple[Any, ...]:
        """Return what tells two test databases apart."""
        settings = self.connection.settings_dict
        if self._admin_url is None:
            return (settings["NAME"], settings["TEST"]["NAME"])
        return (self._admin_url, _namespace_of(self._get_test_db_name()))

    def set_as_test_mirror(self, primary_settings_dict: dict[str, Any]) -> None:
        """Turn to the test database of another alias, to read.

        In a `TestCase` both have a transaction, in one thread: this one never asks for the write
        lock before it writes, for the other one could not give it back.
        """
        super().set_as_test_mirror(primary_settings_dict)
        options = {**primary_settings_dict["OPTIONS"], "transaction_mode": "DEFERRED"}
        self.connection.settings_dict["OPTIONS"] = options

    def setup_worker_connection(self, _worker_id: Any) -> None:
        """Turn to the copy of one of the parallel processes."""
        BaseDatabaseCreation.setup_worker_connection(self, _worker_id)

    def _connect(self, url: str) -> driver.Connection:
        # Not the namespace: the URL of a test database has its own.
        options = dict(self.connection.settings_dict["OPTIONS"])
        options.pop("namespace", None)
        options.pop("transaction_mode", None)
        return driver.connect(url, autocommit=True, **options)

    def _exists(self, url: str) -> bool:
        connection = self._connect(url)
        try:
            connection.cursor().execute("SELECT 1")
        except driver.DatabaseNotFound:
            return False
        finally:
            connection.close()
        return True

    def _empty(self, url: str) -> None:
        """Remove everything from a scratch database.

        Raises:
            ImproperlyConfigured: it holds tables, and none that says that it is for tests.
        """
        connection = self._connect(url)
        try:
            cursor: driver.Cursor = connection.cursor()
            objects = cursor.execute(OBJECTS).fetchall()
            names = {name for _kind, name in objects}
            if names and MARKER not in names:
                raise ImproperlyConfigured(
                    f"DATABASES[{self.connection.alias!r}]['TEST']['NAME'] is a database with "
                    f"{len(names)} tables that was not created for tests. Nothing was changed; "
                    "use an empty database."
                )
            connection.foreign_keys = False  # tables go in any order, and refer to each other
            with connection.transaction():
                for kind, name in objects:
                    cursor.execute(f"DROP {kind} {_quoted(name)}")
                cursor.execute(f"CREATE TABLE {MARKER} (made_by TEXT)")
        finally:
            connection.close()


def _namespace(name: str) -> str:
    """Return a name that a Host header can carry."""
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", str(name)).strip("-").lower()
    # The end says which process and which copy it is, so that is what stays of a long one.
    return clean[-MAX_NAME:].strip("-") or "test"


def _with_namespace(url: str, namespace: str) -> str:
    base, _, query = str(url).partition("?")
    options = [option for option in query.split("&") if option]
    options = [option for option in options if not option.startswith("namespace=")]
    options.append(f"namespace={namespace}")
    return f"{base}?{'&'.join(options)}"


def _namespace_of(url: object) -> str:
    return driver.Endpoint.parse(str(url)).namespace or "default"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
