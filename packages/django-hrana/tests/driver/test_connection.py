"""Transactions on a real server: what is sent, what is seen, what the server takes away."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_hrana import driver


@pytest.fixture
def table(connect):
    connect().cursor().execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT UNIQUE, "
        "up REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    return "t"


def keep_stream(connection: driver.Connection, *statements: str) -> None:
    """Run statements until the stream is kept for more; a busy server is not always quick."""
    for _ in range(100):
        for sql in statements:
            connection.cursor().execute(sql)
        if connection._stream.is_open:
            return
    raise AssertionError("no stream was kept")


def values(connect) -> list[str]:
    return [text for (text,) in connect().cursor().execute("SELECT x FROM t ORDER BY x")]


@pytest.mark.usefixtures("table")
class TestRoundTrips:
    """Each costs tens of milliseconds where the database is far away."""

    @pytest.fixture
    def connection(self, connect, table):
        return connect()

    @pytest.mark.parametrize(
        ("statements", "expected"),
        [
            (["SELECT 1"], 1),
            (["INSERT INTO t (x) VALUES ('a') RETURNING id"], 1),
            (["BEGIN", "COMMIT"], 0),
            (["BEGIN", "ROLLBACK"], 0),
            (["BEGIN", "SAVEPOINT a", "RELEASE a", "COMMIT"], 0),
            (["BEGIN", "SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "ROLLBACK"], 0),
            (["BEGIN", "INSERT INTO t (x) VALUES ('a')", "COMMIT"], 2),
            (["BEGIN", "INSERT INTO t (x) VALUES ('a')", "ROLLBACK"], 2),
            (["BEGIN", "SAVEPOINT a", "INSERT INTO t (x) VALUES ('a')", "RELEASE a", "COMMIT"], 2),
            (["BEGIN", "SELECT 1", "SAVEPOINT a", "SELECT 2", "ROLLBACK TO a", "COMMIT"], 3),
            (["PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys"], 0),
            (["PRAGMA foreign_keys = OFF", "BEGIN", "DELETE FROM t", "COMMIT"], 2),
        ],
    )
    def test_of_statements(self, connection, statements, expected):
        before = connection.round_trips
        for sql in statements:
            connection.cursor().execute(sql)
        assert connection.round_trips - before == expected

    def test_a_burst_keeps_its_stream_and_a_pause_ends_it(self, connection):
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert not connection._stream.is_open
        keep_stream(connection, "SELECT 2")
        connection.release()
        assert not connection._stream.is_open
        keep_stream(connection, "BEGIN", "SELECT 4", "COMMIT")
        cursor.execute("PRAGMA foreign_keys = OFF")  # the server would not know
        cursor.execute("INSERT INTO t (x, up) VALUES ('a', 99)")
        assert not connection._stream.is_open

    def test_a_kept_stream_that_the_server_forgot(self, connection):
        cursor = connection.cursor()
        for statements in (
            ["BEGIN", "INSERT INTO t (x) VALUES ('b')", "COMMIT"],
            ["SELECT x FROM t"],
        ):
            keep_stream(connection, "SELECT 1")
            connection._stream._baton = "forgotten"
            for sql in statements:
                cursor.execute(sql)
        assert cursor.fetchall() == [("b",)]

    def test_a_write_on_a_stream_that_the_server_forgot(self, connection):
        """The same is said of a baton that a copy of the request has used."""
        keep_stream(connection, "SELECT 1")
        connection._stream._baton = "forgotten"
        cursor = connection.cursor()
        with pytest.raises(driver.OutcomeUnknown, match="HTTP status 400"):
            cursor.execute("INSERT INTO t (x) VALUES ('a')")
        assert cursor.execute("SELECT x FROM t").fetchall() == []

    @pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (500, 1), (501, 3)])
    def test_of_executemany(self, connection, count, expected):
        before = connection.round_trips
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO t (x) VALUES (?)", ([str(n)] for n in range(count)))
        assert connection.round_trips - before == expected
        assert cursor.rowcount == (count or -1)


@pytest.mark.usefixtures("table")
class TestTransactions:
    def test_savepoints_undo_just_their_part(self, connect):
        connection = connect()
        cursor = connection.cursor()
        for sql in (
            "BEGIN",
            "INSERT INTO t (x) VALUES ('a')",
            'SAVEPOINT "s 1"',
            "INSERT INTO t (x) VALUES ('b')",
            "SAVEPOINT s2",
            "INSERT INTO t (x) VALUES ('c')",
            "RELEASE SAVEPOINT s2",
            'ROLLBACK TO SAVEPOINT "s 1"',
            "INSERT INTO t (x) VALUES ('d')",
            'release "S 1"',
            "COMMIT",
        ):
            cursor.execute(sql)
        assert values(connect) == ["a", "d"]

    @pytest.mark.parametrize(
        ("statements", "message"),
        [
            (["COMMIT"], "cannot commit - no transaction is active"),
            (["ROLLBACK"], "cannot rollback - no transaction is active"),
            (["BEGIN", "BEGIN"], "cannot start a transaction within a transaction"),
            (["RELEASE a"], "no such savepoint: a"),
            (["BEGIN", "ROLLBACK TO a"], "no such savepoint: a"),
            (["BEGIN", "SAVEPOINT a", "RELEASE a", "RELEASE a"], "no such savepoint: a"),
        ],
    )
    def test_wrong_control_statements(self, connect, statements, message):
        cursor = connect().cursor()
        with pytest.raises(driver.OperationalError) as caught:
            for sql in statements:
                cursor.execute(sql)
        assert str(caught.value) == message

    def test_a_savepoint_begins_a_transaction_where_there_is_none(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("SAVEPOINT a")
        cursor.execute("INSERT INTO t (x) VALUES ('a')")
        assert connection.in_transaction
        assert values(connect) == []
        cursor.execute("RELEASE a")
        assert not connection.in_transaction
        assert values(connect) == ["a"]

    def test_an_error_in_a_transaction_does_not_end_it(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        for sql in ("nonsense", "SELECT * FROM nowhere"):
            with pytest.raises(driver.OperationalError):
                cursor.execute(sql)
        cursor.execute("INSERT INTO t (x) VALUES ('a')")
        with pytest.raises(driver.IntegrityError, match=r"UNIQUE constraint failed: t\.x"):
            cursor.execute("INSERT INTO t (x) VALUES ('a')")
        cursor.execute("INSERT INTO t (x) VALUES ('b')")
        connection.commit()
        assert values(connect) == ["a", "b"]

    def test_a_deferred_constraint_at_commit(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t (x, up) VALUES ('a', 99)")
        with pytest.raises(driver.IntegrityError, match="FOREIGN KEY constraint failed"):
            connection.commit()
        assert not connection.in_transaction
        assert values(connect) == []

    def test_several_statements_outside_of_a_transaction_are_one(self, connect):
        with pytest.raises(driver.IntegrityError):
            connect().cursor().executemany(
                "INSERT INTO t (x) VALUES (?)", [["a"], ["b"], ["a"], ["c"]]
            )
        assert values(connect) == []

    def test_without_autocommit_a_statement_begins(self, connect):
        connection = connect(autocommit=False)
        connection.cursor().execute("INSERT INTO t (x) VALUES ('a')")
        assert connection.in_transaction
        connection.rollback()
        connection.cursor().execute("INSERT INTO t (x) VALUES ('b')")
        connection.autocommit = True  # commits, as in sqlite3
        assert values(connect) == ["b"]

    def test_with_commits_or_rolls_back(self, connect):
        connection = connect(autocommit=False)
        with connection:
            connection.cursor().execute("INSERT INTO t (x) VALUES ('a')")
        with pytest.raises(ZeroDivisionError), connection:
            connection.cursor().execute("INSERT INTO t (x) VALUES ('b')")
            raise ZeroDivisionError
        assert values(connect) == ["a"]

    def test_foreign_keys_stay_off_from_stream_to_stream(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("INSERT INTO t (x, up) VALUES ('a', 99)")
        cursor.execute("BEGIN")
        cursor.execute("PRAGMA foreign_keys = ON")  # ignored in a transaction, as by SQLite
        cursor.execute("INSERT INTO t (x, up) VALUES ('b', 99)")
        connection.commit()
        assert cursor.execute("PRAGMA foreign_keys").fetchone() == (0,)
        cursor.execute("PRAGMA foreign_keys(1)")
        with pytest.raises(driver.IntegrityError):
            cursor.execute("INSERT INTO t (x, up) VALUES ('c', 99)")


@pytest.mark.usefixtures("table")
class TestStolen:
    """The server takes the write lock from a transaction of five seconds when somebody waits."""

    @pytest.fixture
    def namespace(self, libsql_server):
        libsql_server.create("stolen", txn_timeout_s=1)
        yield "stolen"
        libsql_server.admin("DELETE", "/v1/namespaces/stolen")

    @pytest.mark.parametrize("then", ["execute", "executemany", "savepoint", "commit"])
    def test_nothing_of_it_is_written_nor_after_it(self, connect, then):
        victim, thief = connect(), connect()
        cursor = victim.cursor()
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t (x) VALUES ('victim')")
        time.sleep(1.1)
        with ThreadPoolExecutor(1) as pool:
            steal = "INSERT INTO t (x) VALUES ('thief')"
            pool.submit(thief.cursor().execute, steal).result()
        with pytest.raises(driver.TransactionLost, match="rolled the transaction back") as caught:
            if then == "execute":
                cursor.execute("INSERT INTO t (x) VALUES ('later')")
            elif then == "executemany":
                cursor.executemany("INSERT INTO t (x) VALUES (?)", [["later"], ["last"]])
            elif then == "savepoint":
                cursor.execute("SAVEPOINT s")
                cursor.execute("INSERT INTO t (x) VALUES ('later')")
            victim.commit()
        assert caught.value.retryable
        if victim.in_transaction:
            for sql in ("INSERT INTO t (x) VALUES ('again')", "SELECT 1"):
                with pytest.raises(driver.TransactionLost):
                    cursor.execute(sql)
            victim.rollback()
        assert values(connect) == ["thief"]

    def test_a_stream_that_was_silent_for_ten_seconds(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t (x) VALUES ('a')")
        time.sleep(12)
        with pytest.raises(driver.TransactionLost, match="10 seconds without a statement"):
            cursor.execute("INSERT INTO t (x) VALUES ('b')")
        connection.rollback()
        assert values(connect) == []


class TestModes:
    def test_what_was_read_cannot_change_before_it_is_written(self, connect):
        """8 threads, 25 times each: read a number, add one, write it."""
        connect().cursor().execute("CREATE TABLE c (n INTEGER)")
        connect().cursor().execute("INSERT INTO c VALUES (0)")

        def count() -> None:
            connection = connect(timeout=60)
            cursor = connection.cursor()
            for _ in range(25):
                cursor.execute("BEGIN")
                (number,) = cursor.execute("SELECT n FROM c").fetchone()
                cursor.execute("UPDATE c SET n = ?", [number + 1])
                connection.commit()

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert connect().cursor().execute("SELECT n FROM c").fetchone() == (200,)

    @pytest.mark.usefixtures("table")
    def test_deferred_reads_first_and_fails_with_busy(self, connect):
        connection = connect(transaction_mode="DEFERRED")
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM t").fetchall()
        connect().cursor().execute("INSERT INTO t (x) VALUES ('other')")
        with pytest.raises(driver.Busy, match="database is locked") as caught:
            cursor.execute("INSERT INTO t (x) VALUES ('mine')")
        assert caught.value.retryable
        connection.rollback()
        assert values(connect) == ["other"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"transaction_mode": "immediate"}, "transaction_mode is not valid: use one of"),
            ({"timeout": 0}, "timeout is not valid: use a number of seconds greater than 0"),
            ({"namespace": "a.b"}, "the namespace is not valid"),
        ],
    )
    def test_bad_options(self, connect, options, message):
        with pytest.raises(driver.InterfaceError, match=message):
            connect(**options)


class TestLargeResults:
    MANY = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) "
        "SELECT i, 'some text in each row' FROM n"
    )

    @pytest.mark.parametrize("stream", [False, True])
    def test_outside_of_a_transaction(self, connect, stream):
        cursor = connect().cursor(stream=stream)
        cursor.execute(self.MANY)
        assert sum(number for number, _ in cursor) == 120000 * 120001 // 2

    def test_in_a_transaction_other_statements_go_on(self, connect):
        connection = connect()
        cursor, other = connection.cursor(), connection.cursor()
        other.execute("CREATE TABLE t (x)")
        cursor.execute("BEGIN")
        cursor.execute(self.MANY)
        assert cursor.fetchone() == (1, "some text in each row")
        other.execute("INSERT INTO t VALUES (1)")
        assert len(cursor.fetchmany(1000)) == 1000
        assert len(cursor.fetchall()) == 118999
        connection.commit()
        assert other.execute("SELECT x FROM t").fetchall() == [(1,)]

    def test_a_rollback_while_rows_arrive(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute(self.MANY)
        cursor.fetchone()
        connection.rollback()
        assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]

    def test_an_abandoned_result(self, connect):
        connection = connect()
        cursor = connection.cursor(stream=True)
        cursor.execute(self.MANY)
        cursor.fetchone()
        cursor.close()
        assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]

    def test_a_write_whose_answer_is_too_large(self, connect):
        connection = connect()
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (x)")
        cursor.execute("INSERT INTO t SELECT hex(randomblob(1000)) FROM generate_series(1, 6000)")
        with pytest.raises(driver.DataError, match="was executed, but its result is larger"):
            cursor.execute("UPDATE t SET x = x || 'y' RETURNING x")
        assert cursor.execute("SELECT count(*) FROM t WHERE x LIKE '%y'").fetchone() == (6000,)
        cursor.execute("BEGIN")
        with pytest.raises(driver.DataError, match="the transaction was rolled back"):
            cursor.execute("UPDATE t SET x = x || 'z' RETURNING x")
        with pytest.raises(driver.TransactionLost):
            connection.commit()
        assert cursor.execute("SELECT count(*) FROM t WHERE x LIKE '%z'").fetchone() == (0,)
