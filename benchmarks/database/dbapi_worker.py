"""Runs DB-API operations for one contender; see `requests_loop` for how it is asked.

Started with the contender's name and the address, in its own environment.
"""

import itertools
import sys
import time

from requests_loop import answer_requests

NAME, URL = sys.argv[1:3]
ROWS = 10_000
COUNTER = itertools.count(time.time_ns())


def connect():
    """Return a connection that begins no transaction by itself, and whether it shows the rows."""
    if NAME == "sqlite3":
        import sqlite3

        return sqlite3.connect(URL, isolation_level=None)
    if NAME == "ours":
        sys.path.insert(0, sys.argv[3])
        from django_hrana import driver

        return driver.connect(URL, autocommit=True)
    if NAME == "libsql":
        import libsql

        return libsql.connect(database=URL, auth_token="", isolation_level=None)
    if NAME == "libsql-client":
        from libsql_client import dbapi2

        return dbapi2.connect(URL.replace("http://", "ws://"), isolation_level=None, uri=True)
    import turso_serverless

    return turso_serverless.connect(URL, auth_token="")


CONNECTION = connect()


def execute(sql, parameters=()):
    cursor = CONNECTION.cursor()
    cursor.execute(sql, tuple(parameters))
    return cursor


def prepare():
    execute(
        "CREATE TABLE bench_item (id INTEGER PRIMARY KEY, name TEXT, number INTEGER, price REAL)"
    )
    rows = ((f"item {number}", number, 1.5) for number in range(ROWS))
    sql = "INSERT INTO bench_item (name, number, price) VALUES " + ", ".join(["(?, ?, ?)"] * ROWS)
    execute(sql, itertools.chain.from_iterable(rows))


def select_by_key():
    assert len(execute("SELECT * FROM bench_item WHERE id = ?", [ROWS // 2]).fetchall()) == 1


def in_transaction(body):
    def operation():
        execute("BEGIN")
        body()
        execute("COMMIT")

    return operation


def insert():
    sql = "INSERT INTO bench_item (name, number, price) VALUES (?, ?, ?)"
    execute(sql, ["x", next(COUNTER), 0.5])


def insert_values():
    sql = "INSERT INTO bench_item (name, number, price) VALUES " + ", ".join(["(?, ?, ?)"] * 1000)
    execute(sql, ["x", 1, 0.5] * 1000)


def insert_many():
    sql = "INSERT INTO bench_item (name, number, price) VALUES (?, ?, ?)"
    CONNECTION.cursor().executemany(sql, [("x", 1, 0.5)] * 1000)


def fetch_all():
    sql = "SELECT * FROM bench_item WHERE id <= ?"
    assert len(execute(sql, [ROWS]).fetchall()) == ROWS


OPERATIONS = {
    "prepare": prepare,
    "SELECT by key": select_by_key,
    "BEGIN, INSERT, COMMIT": in_transaction(insert),
    "the same, 1000 rows in one": in_transaction(insert_values),
    "the same, executemany 1000": in_transaction(insert_many),
    "fetch 10,000 rows": fetch_all,
}


if __name__ == "__main__":
    answer_requests(OPERATIONS)
