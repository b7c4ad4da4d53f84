"""What a libSQL server can do, as data: flags, and the tests of Django's that cannot pass.

`make conformance` holds both against the truth.
"""

from typing import Final

import django
from django.db import OperationalError
from django.db.backends.sqlite3 import features as sqlite3
from django.utils.functional import cached_property

from django_hrana import driver
from django_hrana.driver.sqlite_limits import MAX_PARAMETERS, VARIABLE_NUMBER

__all__ = ["DatabaseFeatures"]

FILE_NAMES: Final = "It expects file names; a test database here is a URL."
EXPECTED_FAILURES: Final[dict[str, set[str]]] = {
    (
        "Raw SQL with REGEXP calls a function of that name, which cannot be registered on a "
        "server; regex lookups work, because they are translated to SQL."
    ): {
        "backends.sqlite.tests.Tests.test_regexp_function",
    },
    FILE_NAMES: {
        "backends.sqlite.test_creation.TestDbSignatureTests.test_custom_test_name",
        "backends.sqlite.test_creation.TestDbSignatureTests.test_get_test_db_clone_settings_name",
    },
    (
        "It reads, lets another connection write, and writes, all in one transaction: with one "
        "writer at a time, one of them has to wait or fail. (Django skips it for SQLite in memory.)"
    ): {
        "delete_regress.tests.DeleteLockingTest.test_concurrent_delete",
    },
}

# Django's tests of different versions are different tests.
if django.VERSION < (6, 0):
    EXPECTED_FAILURES["It expects 500 and 999 parameters; the server accepts 32766."] = {
        "backends.sqlite.test_operations.SQLiteOperationsTests.test_bulk_batch_size",
    }
else:
    EXPECTED_FAILURES[FILE_NAMES].add(
        "backends.sqlite.test_creation.TestDbSignatureTests."
        "test_setup_worker_connection_respects_test_database_name"
    )


class DatabaseFeatures(sqlite3.DatabaseFeatures):
    """SQLite's features, where the server's differ."""

    # Django says no for a database in memory, which only its own connection sees.
    test_db_allows_multiple_connections = True
    # Django asks the sqlite3 library of this machine for these; it is the server's that counts.
    can_alter_table_drop_column = True
    can_return_columns_from_insert = True
    can_return_rows_from_bulk_insert = True
    # Django would ask with a query, in the middle of others; every libSQL server has JSON.
    can_introspect_json_field = True
    has_json_object_function = True
    # Regular expressions run as an automaton in SQL, which has no memory of what it matched.
    supports_regex_backreferencing = False
    supports_aggregate_order_by_clause = True  # of `StringAgg`, written in another way

    # SQL that the server has, whatever Python this is.
    supports_uuid4_function = True
    supports_uuid4_function_in_default = True
    supports_uuid7_function = True
    supports_uuid7_function_shift = True

    @cached_property
    def supports_json_field(self) -> bool:  # type: ignore[override]  # Django's types say attribute
        """Whether the server has JSON: checks of models ask, and queries do not."""
        with self.connection.cursor() as cursor:
            try:
                cursor.execute("SELECT JSON('[]')")
            except OperationalError as error:
                # A server that may not be asked, or does not answer, says nothing about JSON.
                if type(error.__cause__) is not driver.OperationalError:
                    raise
                return False
        return True

    @property
    def max_query_params(self) -> int:  # type: ignore[override]  # Django's types say attribute
        """How many parameters a statement may have; a connection can lower it by `setlimit`."""
        connection = self.connection.connection
        if connection is None:  # opening one costs no request, but a thread may not be allowed to
            return MAX_PARAMETERS
        limit: int = connection.getlimit(VARIABLE_NUMBER)
        return limit

    @cached_property
    def can_clone_databases(self) -> bool:  # type: ignore[override]  # Django's types say attribute
        """Whether parallel tests can have a database each."""
        return self.connection.settings_dict["TEST"].get("ADMIN_URL") is not None

    @cached_property
    def django_test_expected_failures(self) -> set[str]:  # type: ignore[override]  # Django's types say attribute
        """Tests of Django's that fail here; the reasons are in `EXPECTED_FAILURES`."""
        return set().union(
            sqlite3.DatabaseFeatures.django_test_expected_failures, *EXPECTED_FAILURES.values()
        )

    @cached_property
    def django_test_skips(self) -> object:  # type: ignore[override]  # Django's types say attribute
        """Tests of Django's that do not apply, by reason."""
        return super().django_test_skips
