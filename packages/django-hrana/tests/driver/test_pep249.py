"""PEP 249, point by point, on a real server."""

import datetime as dt

import pytest

from django_hrana import driver


@pytest.fixture
def cursor(connect) -> driver.Cursor:
    cursor = connect().cursor()
    cursor.execute("CREATE TABLE booze (name VARCHAR(20), strength REAL)")
    return cursor


def test_module():
    assert (driver.apilevel, driver.threadsafety, driver.paramstyle) == ("2.0", 1, "qmark")
    assert issubclass(driver.Warning, Exception)
    for name in (
        *("DataError", "OperationalError", "IntegrityError", "InternalError"),
        *("ProgrammingError", "NotSupportedError"),
    ):
        assert issubclass(getattr(driver, name), driver.DatabaseError)
    assert issubclass(driver.DatabaseError, driver.Error)
    assert issubclass(driver.InterfaceError, driver.Error)
    assert len(set(driver.__all__)) == len(driver.__all__)
    assert all(hasattr(driver, name) for name in driver.__all__)


def test_constructors():
    assert driver.Date(2026, 1, 2) == dt.date(2026, 1, 2)
    assert driver.Time(3, 4, 5) == dt.time(3, 4, 5)
    assert driver.Timestamp(2026, 1, 2, 3, 4, 5) == dt.datetime(2026, 1, 2, 3, 4, 5)
    ticks = dt.datetime(2026, 1, 2, 3, 4, 5).timestamp()
    assert driver.DateFromTicks(ticks) == dt.date(2026, 1, 2)
    assert driver.TimeFromTicks(ticks) == dt.time(3, 4, 5)
    assert driver.TimestampFromTicks(ticks) == dt.datetime(2026, 1, 2, 3, 4, 5)
    assert driver.Binary(b"ab") == b"ab"


def test_description(cursor):
    assert cursor.description is None
    cursor.execute("SELECT name, strength AS s FROM booze")
    assert [column[0] for column in cursor.description] == ["name", "s"]
    assert all(len(column) == 7 for column in cursor.description)
    cursor.execute("INSERT INTO booze VALUES ('x', 1)")
    assert cursor.description is None


def test_rowcount_and_lastrowid(cursor):
    cursor.execute("INSERT INTO booze VALUES ('a', 1)")
    assert (cursor.rowcount, cursor.lastrowid) == (1, 1)
    cursor.execute("UPDATE booze SET strength = 2")
    assert cursor.rowcount == 1
    cursor.execute("SELECT * FROM booze")
    assert cursor.rowcount == -1
    cursor.executemany("INSERT INTO booze VALUES (?, ?)", [("b", 1), ("c", 2)])
    assert cursor.rowcount == 2
    cursor.execute("DELETE FROM booze")
    assert cursor.rowcount == 3


def test_an_insert_that_inserted_nothing_has_no_new_rowid(cursor):
    cursor.execute("CREATE UNIQUE INDEX i ON booze (name)")
    cursor.execute("INSERT INTO booze VALUES ('a', 1)")
    other = cursor.connection.cursor()
    other.execute("INSERT OR IGNORE INTO booze VALUES ('a', 2)")
    assert (other.rowcount, other.lastrowid) == (0, None)


def test_fetch(cursor):
    cursor.executemany("INSERT INTO booze VALUES (?, ?)", [(name, 1) for name in "abcde"])
    cursor.execute("SELECT name FROM booze ORDER BY name")
    assert cursor.fetchone() == ("a",)
    assert cursor.fetchmany() == [("b",)]
    assert cursor.fetchmany(2) == [("c",), ("d",)]
    assert cursor.fetchall() == [("e",)]
    assert cursor.fetchone() is None
    assert cursor.fetchmany(3) == cursor.fetchall() == []
    cursor.arraysize = 3
    cursor.execute("SELECT name FROM booze ORDER BY name")
    assert len(cursor.fetchmany()) == 3
    assert [name for (name,) in cursor] == ["d", "e"]


@pytest.mark.parametrize("stream", [False, True])
def test_many_rows_come_in_order(connect, stream):
    cursor = connect().cursor(stream=stream)
    cursor.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500) "
        "SELECT i FROM n"
    )
    assert cursor.fetchall() == [(number,) for number in range(1, 3501)]


def test_parameters(cursor):
    assert cursor.execute("SELECT ?, ?2, ?1", ["a", "b"]).fetchone() == ("a", "b", "a")
    sql = "SELECT :one, @two, $three"
    parameters = {"one": 1, "two": 2, "three": 3}
    assert cursor.execute(sql, parameters).fetchone() == (1, 2, 3)


@pytest.mark.parametrize(
    ("sql", "parameters", "kind"),
    [
        ("SELECT ?", [], driver.ProgrammingError),
        ("SELECT ?", [1, 2], driver.ProgrammingError),
        ("SELECT 1; SELECT 2", [], driver.ProgrammingError),
        ("", [], driver.ProgrammingError),
        ("SELECT nothing", [], driver.OperationalError),
        ("VACUUM", [], driver.OperationalError),
        ("SELECT '\x00'", [], driver.OperationalError),
    ],
)
def test_wrong_use(cursor, sql, parameters, kind):
    with pytest.raises(kind):
        cursor.execute(sql, parameters)
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_executemany_is_for_changes(cursor):
    for sql in ("SELECT ?", "BEGIN"):
        with pytest.raises(driver.ProgrammingError, match="statements that change data"):
            cursor.executemany(sql, [[1]])
    with pytest.raises(driver.ProgrammingError, match=r"executescript\(\) is not supported"):
        cursor.executescript("SELECT 1")


def test_after_close(connect):
    connection = connect()
    cursor = connection.cursor()
    cursor.close()
    with pytest.raises(driver.ProgrammingError, match="closed cursor"):
        cursor.execute("SELECT 1")
    cursor = connection.cursor()
    connection.close()
    connection.close()
    for use in (connection.cursor, connection.commit, connection.rollback, cursor.fetchall):
        with pytest.raises(driver.ProgrammingError, match="closed database"):
            use()


def test_sizes_are_taken_and_ignored(cursor):
    cursor.setinputsizes([10])
    cursor.setoutputsize(10)
    assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_no_secret_in_repr(libsql_server):
    connection = driver.connect(libsql_server.url, auth_token="s3cret-token")
    assert "s3cret" not in repr(connection)
    assert libsql_server.url in repr(connection)
    connection.close()
