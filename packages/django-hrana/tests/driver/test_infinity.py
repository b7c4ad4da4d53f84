"""Infinite numbers are read as sqlite3 reads them."""

import math
import sqlite3

import pytest

from django_hrana import driver

FILL = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL, y)",
    "INSERT INTO t (x, y) VALUES (9e999, 'Inf'), (-9e999, NULL), (1.5, -9e999), (NULL, x'ff')",
)
QUERIES = [
    "SELECT 9e999, -9e999, 1.5, NULL, 'Inf', 7",
    "SELECT x, y FROM t ORDER BY id DESC",
    "SELECT x, x, y AS x FROM t ORDER BY y, id",
    "SELECT * FROM t",
    "SELECT * FROM t; ",
    "SELECT x FROM t -- a comment",
    "/* before */ SELECT max(x), min(x), sum(x) FROM t WHERE x IS NOT NULL",
    "WITH a(b) AS (SELECT x FROM t) SELECT b, -b FROM a ORDER BY b",
    "VALUES (1, 9e999), (2, -9e999), (3, 0.5)",
    "SELECT x FROM t UNION ALL SELECT -9e999 ORDER BY 1 DESC LIMIT 3",
]


@pytest.fixture
def cursor(connect):
    cursor = connect().cursor()
    for sql in FILL:
        cursor.execute(sql)
    return cursor


@pytest.fixture(scope="module")
def local():
    connection = sqlite3.connect(":memory:")
    for sql in FILL:
        connection.execute(sql)
    yield connection
    connection.close()


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("is_stream", [False, True])
def test_as_sqlite3_reads_them(connect, cursor, local, sql, is_stream):
    expected = local.execute(sql)
    found = connect().cursor(stream=is_stream)
    found.execute(sql)
    assert found.fetchall() == expected.fetchall()
    names = [column[0] for column in expected.description]
    assert [column[0] for column in found.description] == names


def test_with_parameters_and_converters(connect, cursor):
    connection = connect(converters={"real": lambda value: ("real", value)})
    cursor = connection.cursor()
    cursor.execute("SELECT x FROM t WHERE x < ? ORDER BY id", [2])
    assert cursor.fetchall() == [(("real", -math.inf),), (("real", 1.5),)]
    cursor.execute("SELECT :a, x FROM t WHERE id = :b", {"a": math.inf, "b": 2})
    assert cursor.fetchall() == [(math.inf, ("real", -math.inf))]


def test_in_a_transaction_it_sees_what_that_has_written(cursor):
    connection = cursor.connection
    with connection.transaction():
        cursor.execute("UPDATE t SET x = -x")
        cursor.execute("SELECT x FROM t WHERE id < 3 ORDER BY id")
        assert cursor.fetchall() == [(-math.inf,), (math.inf,)]


def test_only_what_has_one_is_asked_for_twice(cursor):
    before = cursor.connection.round_trips
    cursor.execute("SELECT x FROM t WHERE id = 3")
    assert cursor.connection.round_trips == before + 1
    cursor.execute("SELECT x FROM t")
    assert cursor.connection.round_trips == before + 3


def test_what_a_write_returns_is_not_asked_for_twice(cursor):
    with pytest.raises(driver.DataError, match="is infinite, and the server does not send its"):
        cursor.execute("UPDATE t SET y = 'done' WHERE id = 1 RETURNING x")
    assert cursor.execute("SELECT y FROM t WHERE id = 1").fetchone() == ("done",)


def test_what_cannot_stand_in_another_statement_says_what_to_do(cursor):
    with pytest.raises(driver.DataError, match=r"read it with CAST"):
        cursor.execute("SELECT 9e999; -- the end")
    cursor.execute("BEGIN")
    with pytest.raises(driver.DataError, match=r"read it with CAST"):
        cursor.execute("SELECT 9e999; -- the end")
    cursor.connection.commit()
