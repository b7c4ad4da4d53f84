"""`getlimit` and `setlimit`, as `sqlite3.Connection` has them."""

import sqlite3

import pytest

from django_hrana import driver
from django_hrana.driver.sqlite_limits import SERVER


def test_the_limits_are_the_servers(connect):
    """What each of them allows works, and one more does not."""
    cursor = connect().cursor()
    most = cursor.connection.getlimit

    def columns(number: int) -> str:
        return f"CREATE TABLE t ({', '.join(f'c{index}' for index in range(number))})"

    statements = {
        sqlite3.SQLITE_LIMIT_COLUMN: columns,
        sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: lambda number: " UNION ".join(["SELECT 1"] * number),
        sqlite3.SQLITE_LIMIT_FUNCTION_ARG: lambda number: f"SELECT MAX({'1,' * (number - 1)}1)",
        sqlite3.SQLITE_LIMIT_EXPR_DEPTH: lambda number: f"SELECT {'1+' * (number - 1)}1",
    }
    for category, write in statements.items():
        cursor.execute(write(most(category)))
        with pytest.raises(driver.DatabaseError):
            cursor.execute(write(most(category) + 1))
    count = most(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    marks = ",".join("?" * count)
    assert cursor.execute(f"SELECT 1 IN ({marks})", [0] * count).fetchone() == (0,)
    with pytest.raises(driver.DataError, match="too many SQL variables"):
        cursor.execute(f"SELECT 1 IN ({marks},?)", [0] * (count + 1))
    assert set(statements) | {sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER} == set(SERVER)


def test_it_behaves_as_sqlites(connect):
    libsql, local = connect(), sqlite3.connect(":memory:")
    category = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    local.setlimit(category, libsql.getlimit(category))
    for limit in (100, 3, 0, -1, 10):
        assert libsql.setlimit(category, limit) == local.setlimit(category, limit)
        assert libsql.getlimit(category) == local.getlimit(category)
    libsql.setlimit(category, 10**9)
    assert libsql.getlimit(category) == SERVER[category]
    for connection, error in ((libsql, driver.ProgrammingError), (local, sqlite3.ProgrammingError)):
        for unknown in (-1, 1000):
            with pytest.raises(error, match="'category' is out of bounds"):
                connection.getlimit(unknown)
            with pytest.raises(error, match="'category' is out of bounds"):
                connection.setlimit(unknown, 1)
    local.close()


def test_a_lower_limit_is_kept_and_nothing_is_sent(connect):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a, b)")
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2)
    cursor.execute("INSERT INTO t VALUES (?, ?)", [1, 2])
    requests = connection.round_trips
    for run in (
        lambda: cursor.execute("SELECT ?, ?, ?", [1, 2, 3]),
        lambda: cursor.execute("SELECT :a, :b, :c", {"a": 1, "b": 2, "c": 3}),
        lambda: cursor.executemany("INSERT INTO t VALUES (?, ? + ?)", [[1, 2, 3]]),
        lambda: connection.cursor(stream=True).execute("SELECT ?, ?, ?", [1, 2, 3]).fetchall(),
    ):
        with pytest.raises(driver.DataError, match="3, and the limit set is 2"):
            run()
    assert connection.round_trips == requests
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 3)
    assert cursor.execute("SELECT ?, ?, ?", [1, 2, 3]).fetchone() == (1, 2, 3)
    assert connect().getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) == 32766
