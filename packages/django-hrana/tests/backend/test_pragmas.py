"""PRAGMAs where programs send them: when a connection opens, and in migrations."""

import pytest
from django.db import ConnectionHandler, NotSupportedError, connections
from django.db.backends.signals import connection_created

# What the guides to SQLite in production recommend.
TUNING = (
    "PRAGMA journal_mode = WAL;",
    "PRAGMA synchronous = NORMAL;",
    "PRAGMA busy_timeout = 5000;",
    "PRAGMA temp_store = MEMORY;",
    "PRAGMA mmap_size = 134217728;",
    "PRAGMA journal_size_limit = 67108864;",
    "PRAGMA cache_size = -20000;",
    "PRAGMA foreign_keys = ON;",
    "PRAGMA optimize;",
)


@pytest.fixture
def connection(libsql_server, namespace, django_db_blocker):
    """Return Django's wrapper of an empty database."""
    entry = {
        "ENGINE": "django_hrana",
        "NAME": libsql_server.url,
        "OPTIONS": {"namespace": namespace},
    }
    connection = ConnectionHandler({"default": {}, "pragmas": entry})["pragmas"]
    connections["pragmas"] = connection  # transactions find it by its alias
    with django_db_blocker.unblock():
        yield connection
        connection.close()
    del connections["pragmas"]


def test_a_new_connection_is_tuned_without_a_request(connection):
    def tune(sender, connection, **kwargs) -> None:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                for sql in TUNING:
                    cursor.execute(sql)

    connection_created.connect(tune)
    try:
        connection.ensure_connection()
    finally:
        connection_created.disconnect(tune)
    assert connection.connection.round_trips == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]


def test_a_migration_as_wagtails(connection):
    with connection.schema_editor() as editor:
        editor.execute("CREATE TABLE page (id INTEGER PRIMARY KEY)")
        editor.execute("CREATE TABLE revision (page INTEGER REFERENCES page (id))")
        editor.execute("PRAGMA legacy_alter_table = OFF")
        editor.execute('ALTER TABLE "page" RENAME TO "leaf"')
    with connection.cursor() as cursor:
        relations = connection.introspection.get_relations(cursor, "revision")
    assert relations["page"][:2] == ("id", "leaf")


def test_a_migration_that_wants_the_old_way_is_refused_and_undone(connection):
    with (
        pytest.raises(NotSupportedError, match="legacy_alter_table"),
        connection.schema_editor() as editor,
    ):
        editor.execute("CREATE TABLE page (id INTEGER PRIMARY KEY)")
        editor.execute("PRAGMA legacy_alter_table = ON")
        editor.execute('ALTER TABLE "page" RENAME TO "leaf"')
    assert connection.introspection.table_names() == []
