"""What a libSQL server can do, as data: flags, and the tests of Django's that cannot pass.

`make conformance` holds both against the truth.
"""

from typing import Final

from django.db.backends.sqlite3 import features as sqlite3
from django.utils.functional import cached_property

__all__ = ["DatabaseFeatures"]

MAX_PARAMETERS: Final = 32_766  # SQLite's default, which the server keeps

EXPECTED_FAILURES: Final[dict[str, set[str]]] = {
    (
        "Raw SQL with REGEXP calls a function of that name, which cannot be registered on a "
        "server; regex lookups work, because they are translated to SQL."
    ): {
        "backends.sqlite.tests.Tests.test_regexp_function",
    },
    "It expects 500 and 999 parameters; the server accepts 32766.": {
        "backends.sqlite.test_operations.SQLiteOperationsTests.test_bulk_batch_size",
    },
    (
        "It expects a query for the server's version on each first connection, which this backend "
        "omits: every libSQL server is newer than Django requires."
    ): {
        "backends.sqlite.tests.Tests.test_check_database_version_supported",
    },
    (
        "It expects a query that checks for JSON support, which this backend omits: every libSQL "
        "server has it."
    ): {
        "backends.sqlite.test_features.FeaturesTests.test_supports_json_field_operational_error",
    },
    "It expects file names; a test database here is a URL.": {
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


class DatabaseFeatures(sqlite3.DatabaseFeatures):
    """SQLite's features, where the server's differ."""

    minimum_database_version = None  # asking costs a request, and every libSQL is new enough
    # Django says no for a database in memory, which only its own connection sees.
    test_db_allows_multiple_connections = True
    max_query_params = MAX_PARAMETERS
    # Django asks the sqlite3 library of this machine for these; it is the server's that counts.
    can_alter_table_drop_column = True
    can_return_columns_from_insert = True
    can_return_rows_from_bulk_insert = True
    # Django would ask with a query; JSON is built into every libSQL server.
    supports_json_field = True
    can_introspect_json_field = True
    has_json_object_function = True
    # Regular expressions run as an automaton in SQL, which has no memory of what it matched.
    supports_regex_backreferencing = False
    # The server's own parser stands in front of SQLite's, is older, and knows no ORDER BY there.
    supports_aggregate_order_by_clause = False

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
