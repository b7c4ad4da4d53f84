"""Writers of one process wait for each other: whose turn it is, and how it ends."""

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_hrana import driver
from django_hrana.driver import turns
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.turns import Turn

HERE = Endpoint.parse("http://127.0.0.1:1", "turns")
WRITE = "INSERT INTO t (x) VALUES ('a')"


@pytest.fixture(autouse=True)
def lines(monkeypatch):
    """Begin with nobody in line."""
    monkeypatch.setattr(turns, "LINES", {})
    monkeypatch.setattr(turns, "HELD", turns.Held())


@pytest.fixture
def one_at_once(monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 1)


def take(endpoint: Endpoint = HERE, timeout_seconds: float = 60) -> Turn:
    """Return a turn that a thread of its own has waited for."""
    turn = Turn(endpoint, timeout_seconds)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(turn.take).result()
    return turn


def refuse(endpoint: Endpoint = HERE) -> None:
    """Check that there is no turn."""
    with pytest.raises(driver.Busy, match="other connections of this process were writing"):
        take(endpoint, 0.05)


class TestTurn:
    def test_two_have_one_and_the_third_waits(self):
        first, _second = take(), take()
        with pytest.raises(driver.Busy, match=r"were writing for 0\.05 s; run it again") as error:
            take(timeout_seconds=0.05)
        assert error.value.retryable
        first.give_back()
        take()

    def test_it_is_taken_once_and_given_back_once(self):
        first, second = take(), take()
        first.take()
        first.give_back()
        first.give_back()
        take()
        refuse()
        second.give_back()
        first.take()

    @pytest.mark.parametrize(
        "other",
        [
            Endpoint.parse("http://127.0.0.1:1", "other"),
            Endpoint.parse("http://127.0.0.1:2", "turns"),
            Endpoint.parse("http://127.0.0.1:1"),
        ],
    )
    def test_another_database_has_a_line_of_its_own(self, other):
        _ours = take(), take()
        _theirs = take(other), take(other)

    def test_for_one_request(self, one_at_once):
        turn = Turn(HERE, 1)
        with pytest.raises(KeyboardInterrupt), turn.taken():
            refuse()
            raise KeyboardInterrupt
        take()

    def test_a_transaction_keeps_it_for_five_seconds_from_its_beginning(
        self, one_at_once, monkeypatch
    ):
        monkeypatch.setattr(turns, "LOCK_SECONDS", 0.3)
        old = take()
        old.hold()
        started = time.monotonic()
        time.sleep(0.1)
        old.hold()  # another statement
        new = take()
        assert 0.25 < time.monotonic() - started < 10
        old.give_back()  # it has none any more, and takes none away
        refuse()
        new.give_back()
        take()

    def test_whoever_waits_hears_that_a_transaction_has_begun(self, one_at_once, monkeypatch):
        monkeypatch.setattr(turns, "LOCK_SECONDS", 0.1)
        monkeypatch.setattr(turns, "LOOK_SECONDS", 0.1)
        old = take()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(take, HERE, 20)
            time.sleep(0.2)
            assert not waiting.done()
            old.hold()
            waiting.result(10)

    def test_in_the_order_in_which_they_came(self, one_at_once):
        order = []
        first = take()

        def work(number: int) -> None:
            turn = take()
            order.append(number)
            turn.give_back()

        threads = []
        for number in range(5):
            thread = threading.Thread(target=work, args=(number,))
            threads.append(thread)
            thread.start()
            while len(turns.LINES[next(iter(turns.LINES))]._waiting) <= number:
                time.sleep(0.001)
        first.give_back()
        for thread in threads:
            thread.join()
        assert order == [0, 1, 2, 3, 4]

    def test_who_gives_up_leaves_the_line(self, one_at_once):
        first = take()
        with ThreadPoolExecutor(2) as pool:
            impatient = pool.submit(take, HERE, 0.1)
            patient = pool.submit(take, HERE, 20)
            assert isinstance(impatient.exception(10), driver.Busy)
            first.give_back()
            patient.result(10)


def write_in_child(turn: Turn, endpoint: Endpoint) -> None:
    turn.give_back()
    turn.take()
    take(endpoint)
    refuse(endpoint)


def test_a_child_has_lines_of_its_own(monkeypatch):
    monkeypatch.undo()  # the fork clears those of the module
    turn, second = take(), take()
    child = multiprocessing.get_context("fork").Process(target=write_in_child, args=(turn, HERE))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    refuse()
    turn.give_back()
    second.give_back()


@pytest.fixture
def table(connect):
    connect().cursor().execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, "
        "up REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)"
    )


@pytest.mark.usefixtures("table", "one_at_once")
class TestConnection:
    """With one turn at once, so that who has it is seen at once."""

    @pytest.fixture(autouse=True)
    def patience(self, monkeypatch):
        monkeypatch.setattr(turns, "LOCK_SECONDS", 60)

    @pytest.mark.parametrize(
        "statements",
        [
            [WRITE],
            ["SELECT 1"],
            ["BEGIN", "SELECT 1", "COMMIT"],
            ["BEGIN", WRITE, "COMMIT"],
            ["BEGIN", WRITE, "ROLLBACK"],
            ["BEGIN DEFERRED", "SELECT 1"],
            ["BEGIN", WRITE, "COMMIT", "BEGIN"],
            ["SAVEPOINT a", WRITE, "RELEASE a"],
            ["PRAGMA foreign_keys = OFF", "BEGIN", WRITE, "COMMIT"],
        ],
    )
    def test_no_turn_without_a_lock(self, connect, statements):
        connection = connect()
        for sql in statements:
            connection.cursor().execute(sql)
        connect(timeout=0.5).cursor().execute(WRITE)

    @pytest.mark.parametrize(
        "statements",
        [
            ["BEGIN", "SELECT 1"],
            ["BEGIN", WRITE],
            ["BEGIN DEFERRED", "SELECT 1", WRITE],
            ["BEGIN EXCLUSIVE", "SELECT 1"],
            ["SAVEPOINT a", WRITE],
        ],
    )
    @pytest.mark.parametrize("end", ["commit", "rollback", "close"])
    def test_a_transaction_with_the_lock_keeps_it_to_its_end(self, connect, statements, end):
        connection, other = connect(), connect(timeout=0.2)
        for sql in statements:
            connection.cursor().execute(sql)
        with pytest.raises(driver.Busy):
            other.cursor().execute(WRITE)
        with pytest.raises(driver.Busy):
            other.cursor().executemany("INSERT INTO t (x) VALUES (?)", [["a"], ["b"]])
        other.cursor().execute("SELECT 1")  # readers never wait
        getattr(connection, end)()
        other.cursor().execute(WRITE)

    @pytest.mark.parametrize(
        "statements",
        [
            ["INSERT INTO missing VALUES (1)"],
            ["BEGIN", "no SQL"],
            ["BEGIN", "INSERT INTO t (x, up) VALUES ('a', 99)", "COMMIT"],
        ],
    )
    def test_a_statement_that_fails(self, connect, statements):
        *before, last = statements
        connection = connect()
        for sql in before:
            connection.cursor().execute(sql)
        with pytest.raises(driver.Error):
            connection.cursor().execute(last)
        connect(timeout=0.5).cursor().execute(WRITE)

    def test_an_error_inside_a_transaction_leaves_it_open(self, connect):
        connection, other = connect(), connect(timeout=0.2)
        connection.cursor().execute("BEGIN")
        with pytest.raises(driver.OperationalError):
            connection.cursor().execute("SELECT * FROM missing")
        with pytest.raises(driver.Busy):
            other.cursor().execute(WRITE)
        connection.rollback()
        other.cursor().execute(WRITE)

    def test_rows_that_arrive(self, connect):
        connection, other = connect(), connect(timeout=0.2)
        big = "SELECT zeroblob(4000000 + value) FROM json_each('[0, 1, 2]')"
        connection.cursor().execute("BEGIN")
        assert len(connection.cursor().execute(big).fetchall()) == 3
        with pytest.raises(driver.Busy):
            other.cursor().execute(WRITE)
        connection.commit()
        other.cursor().execute(WRITE)

    def test_no_turn_no_request(self, connect):
        connection, other = connect(), connect(timeout=0.2)
        connection.cursor().execute("BEGIN")
        connection.cursor().execute(WRITE)
        other.cursor().execute("BEGIN")
        before = other.round_trips
        with pytest.raises(driver.Busy):
            other.cursor().execute(WRITE)
        assert other.round_trips == before
        connection.rollback()
        other.cursor().execute(WRITE)  # the transaction has not begun, and begins now
        other.commit()


class TestManyWriters:
    """Long enough in its queue, and the server gives the lock to a writer that has gone."""

    @pytest.fixture
    def namespace(self, libsql_server):
        libsql_server.create("many-writers", txn_timeout_s=1)  # instead of five
        yield "many-writers"
        libsql_server.admin("DELETE", "/v1/namespaces/many-writers")

    def test_the_server_goes_on(self, connect):
        connect().cursor().execute("CREATE TABLE t (x BLOB)")

        def write(_number: int) -> None:
            connection = connect(timeout=30)
            for _ in range(3):
                with connection.transaction():
                    # Its log is moved into the database each 1000 pages.
                    connection.cursor().execute("INSERT INTO t VALUES (zeroblob(200000))")
                    time.sleep(0.11)  # no burst: the stream ends with the COMMIT

        with ThreadPoolExecutor(25) as pool:
            list(pool.map(write, range(25)))
        assert connect().cursor().execute("SELECT count(*) FROM t").fetchone() == (75,)
        connect(timeout=10).cursor().execute("DELETE FROM t")


class TestOneThreadWithTwoConnections:
    """Whoever waits for the other one's lock would wait for itself."""

    @pytest.fixture
    def pair(self, connect):
        one, other = connect(), connect()
        one.cursor().execute("CREATE TABLE t (x)")
        one.cursor().execute("BEGIN")
        one.cursor().execute("INSERT INTO t VALUES (1)")
        return one, other

    SENTENCE = r"^another connection of this thread has the write lock of http://127\.0\.0\.1:\d+ "

    @pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE"])
    def test_a_transaction_that_reads_does_not_wait(self, pair, begin):
        one, other = pair
        started = time.monotonic()
        other.cursor().execute(begin)
        assert other.cursor().execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert other.cursor().execute("SELECT count(*) FROM t").fetchone() == (0,)
        other.commit()
        one.cursor().execute("INSERT INTO t VALUES (2)")
        one.commit()
        assert other.cursor().execute("SELECT count(*) FROM t").fetchone() == (2,)
        assert time.monotonic() - started < turns.LOCK_SECONDS - 1

    @pytest.mark.parametrize("is_in_transaction", [False, True])
    def test_what_writes_is_refused_at_once(self, pair, is_in_transaction):
        one, other = pair
        before = other.round_trips
        if is_in_transaction:
            other.cursor().execute("BEGIN")
        with pytest.raises(driver.Busy, match=self.SENTENCE) as caught:
            other.cursor().execute("INSERT INTO t VALUES (3)")
        assert not caught.value.retryable
        assert other.round_trips == before
        one.commit()
        other.cursor().execute("INSERT INTO t VALUES (4)")
        if is_in_transaction:
            other.commit()
        assert rows(one) == [1, 4]

    def test_one_that_has_read_may_write_once_the_lock_is_free(self, pair):
        one, other = pair
        one.rollback()
        one.cursor().execute("BEGIN")
        one.cursor().execute("INSERT INTO t VALUES (5)")
        other.cursor().execute("BEGIN")
        assert other.cursor().execute("SELECT count(*) FROM t").fetchone() == (0,)
        one.rollback()
        other.cursor().execute("INSERT INTO t VALUES (6)")
        other.commit()
        assert rows(one) == [6]

    def test_another_thread_waits_as_ever(self, pair):
        one, other = pair
        thread = threading.Thread(target=lambda: other.cursor().execute("INSERT INTO t VALUES (7)"))
        thread.start()
        one.cursor().execute("INSERT INTO t VALUES (8)")
        one.commit()
        thread.join()
        assert rows(one) == [1, 7, 8]

    @pytest.mark.parametrize("end", ["close", "rollback"])
    def test_nothing_is_left_behind(self, pair, end):
        one, other = pair
        getattr(one, end)()
        other.cursor().execute("INSERT INTO t VALUES (9)")
        assert rows(other) == [9]


def rows(connection) -> list[int]:
    return [x for (x,) in connection.cursor().execute("SELECT x FROM t ORDER BY x")]
