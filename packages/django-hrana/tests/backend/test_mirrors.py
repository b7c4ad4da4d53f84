"""Two aliases of one database: in tests (MIRROR), and where somebody has configured it so."""

import time

import pytest
from django.db import ConnectionHandler, OperationalError, connections, transaction

ALIASES = ("primary", "replica")
FAR_FROM_FIVE_SECONDS = 3  # after five, the server would take the lock from one of them


@pytest.fixture
def pair(libsql_server, namespace, django_db_blocker):
    """Return the wrappers of two aliases of one empty database."""
    entry = {
        "ENGINE": "django_hrana",
        "NAME": libsql_server.url,
        "OPTIONS": {"namespace": namespace},
    }
    for alias in ALIASES:
        handler = ConnectionHandler({"default": {**entry, "OPTIONS": {**entry["OPTIONS"]}}})
        connections.settings[alias] = handler.settings["default"]
    with django_db_blocker.unblock():
        yield [connections[alias] for alias in ALIASES]
        for alias in ALIASES:
            connections[alias].close()
    for alias in ALIASES:
        del connections[alias], connections.settings[alias]


def run(connection, sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@pytest.mark.parametrize("reads_first", [False, True])
def test_a_mirror_waits_for_nobody_in_a_test_case(pair, reads_first):
    primary, replica = pair
    replica.creation.set_as_test_mirror(primary.settings_dict)
    run(primary, "CREATE TABLE t (x)")
    started = time.monotonic()
    with transaction.atomic("primary"), transaction.atomic("replica"):  # as a TestCase has them
        if reads_first:
            assert run(replica, "SELECT count(*) FROM t") == [(0,)]
        run(primary, "INSERT INTO t VALUES (1)")
        assert run(replica, "SELECT count(*) FROM t") == [(0,)]
        run(primary, "INSERT INTO t VALUES (2)")
    assert run(replica, "SELECT count(*) FROM t") == [(2,)]
    assert time.monotonic() - started < FAR_FROM_FIVE_SECONDS


def test_two_aliases_that_both_write(pair):
    primary, replica = pair
    run(primary, "CREATE TABLE t (x)")
    started = time.monotonic()
    with transaction.atomic("primary"):
        run(primary, "INSERT INTO t VALUES (1)")
        assert run(replica, "SELECT count(*) FROM t") == [(0,)]
        with pytest.raises(OperationalError, match="another connection of this thread has the wri"):
            run(replica, "INSERT INTO t VALUES (2)")
        with transaction.atomic("replica"):
            assert run(replica, "SELECT count(*) FROM t") == [(0,)]
    run(replica, "INSERT INTO t VALUES (3)")
    assert run(primary, "SELECT x FROM t ORDER BY x") == [(1,), (3,)]
    assert time.monotonic() - started < FAR_FROM_FIVE_SECONDS


def test_they_share_one_test_database(libsql_server):
    test = {"ADMIN_URL": libsql_server.admin_url}
    entry = {"ENGINE": "django_hrana", "NAME": f"{libsql_server.url}?namespace=a", "TEST": test}
    by_option = {**entry, "NAME": libsql_server.url, "OPTIONS": {"namespace": "a"}}
    other = {**entry, "NAME": f"{libsql_server.url}?namespace=b"}
    handler = ConnectionHandler({"default": entry, "same": by_option, "other": other})
    first, same, second = (
        handler[alias].creation.test_db_signature() for alias in ("default", "same", "other")
    )
    assert first == same != second
