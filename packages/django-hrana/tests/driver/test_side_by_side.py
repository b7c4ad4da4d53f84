"""The same random operations on SQLite and on the server: every answer and every error is equal."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hrana import driver

SCHEMA = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x UNIQUE, n INTEGER CHECK (n < 5), "
    "up INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)"
)
VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5),
    st.binary(max_size=5),
)
SMALL = st.integers(0, 6)
NAMES = st.sampled_from(["a", "b"])
OPERATIONS = st.one_of(
    st.tuples(st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK"])),
    st.tuples(st.builds("SAVEPOINT {}".format, NAMES)),
    st.tuples(st.builds("RELEASE {}".format, NAMES)),
    st.tuples(st.builds("ROLLBACK TO {}".format, NAMES)),
    st.tuples(st.just("INSERT INTO t (x, n) VALUES (?, ?) RETURNING id, x"), VALUES, SMALL),
    st.tuples(st.just("INSERT INTO t (x, up) VALUES (?, ?)"), VALUES, SMALL),
    st.tuples(st.just("INSERT OR IGNORE INTO t (x, n) VALUES (?, ?)"), VALUES, SMALL),
    st.tuples(st.just("UPDATE t SET x = ? WHERE id = ?"), VALUES, SMALL),
    st.tuples(st.just("UPDATE t SET n = n + 1")),
    st.tuples(st.just("DELETE FROM t WHERE id = ?"), SMALL),
    st.tuples(st.just("SELECT * FROM t WHERE x = ? ORDER BY id"), VALUES),
    st.tuples(st.just("SELECT nothing FROM t")),
    st.tuples(st.just("nonsense")),
)


def answer(cursor, sql: str, *parameters) -> object:
    """Return the rows and how many were changed, or the class of the error."""
    try:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    except (sqlite3.Error, driver.Error) as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return next(kind for kind in kinds if kind in {"IntegrityError", "OperationalError"})
    return rows, cursor.rowcount if not rows else None


@pytest.fixture(scope="module")
def both(libsql_server):
    """Return a function that gives an empty table on each of the two."""
    libsql_server.create("side-by-side")
    local = sqlite3.connect(":memory:", isolation_level=None)
    local.execute("PRAGMA foreign_keys = ON")
    remote = driver.connect(libsql_server.url, namespace="side-by-side", autocommit=True)
    remote.cursor().execute(SCHEMA)

    def begin():
        for connection in (local, remote):
            if connection.in_transaction:
                connection.rollback()
        local.execute("DROP TABLE IF EXISTS t")
        local.execute(SCHEMA)
        remote.foreign_keys = False
        remote.cursor().execute("DELETE FROM t")
        remote.foreign_keys = True
        return local.cursor(), remote.cursor()

    yield begin
    local.close()
    remote.close()


@given(operations=st.lists(OPERATIONS, max_size=25))
def test_answers_are_equal(both, operations):
    local, remote = both()
    for operation in operations:
        assert answer(local, *operation) == answer(remote, *operation), operation
        ends = operation[0].startswith(("COMMIT", "RELEASE"))
        if ends and local.connection.in_transaction and not remote.connection.in_transaction:
            local.connection.rollback()  # SQLite leaves it open; with us a refused COMMIT ends it
        assert local.connection.in_transaction == remote.connection.in_transaction, operation
    for cursor in (local, remote):
        if cursor.connection.in_transaction:
            cursor.connection.rollback()
    everything = "SELECT * FROM t ORDER BY id"
    assert answer(local, everything) == answer(remote, everything)
