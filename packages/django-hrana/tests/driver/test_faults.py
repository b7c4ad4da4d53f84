"""What is broken on the way: all of a transaction is there or nothing, and the error says which.

`test_outcomes` has the table of all statuses and requests; here is what happens around them.
"""

import time

import pytest

from django_hrana import driver
from hrana_support.fault_proxy import FAULTS


@pytest.fixture
def namespace(libsql_server):
    """Return a database whose abandoned transactions are taken away after one second, not five."""
    libsql_server.create("faults", txn_timeout_s=1)
    yield "faults"
    libsql_server.admin("DELETE", "/v1/namespaces/faults")


def rows(connect) -> list[str]:
    return [text for (text,) in connect().cursor().execute("SELECT x FROM t ORDER BY x")]


@pytest.fixture
def table(connect):
    connect().cursor().execute("CREATE TABLE t (x TEXT)")
    return "t"


def holds(text: str):
    return lambda body: text.encode() in body


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("table")
class TestOutside:
    def test_a_read_is_tried_again(self, connect, proxy, fault):
        cursor = connect(proxy.url).cursor()
        proxy.fail(fault, holds("SELECT"))
        if fault == "500":  # the server's own fault would come again
            with pytest.raises(driver.OperationalError, match="HTTP status 500"):
                cursor.execute("SELECT 1")
        else:
            cursor.execute("SELECT 1")
        assert cursor.execute("SELECT 2").fetchall() == [(2,)]

    def test_a_write_is_never_tried_again(self, connect, proxy, fault):
        cursor = connect(proxy.url).cursor()
        cursor.execute("SELECT 1")
        proxy.fail(fault, holds("INSERT"))
        with pytest.raises(driver.OutcomeUnknown) as caught:
            cursor.execute("INSERT INTO t VALUES ('a')")
        assert not caught.value.retryable
        assert rows(connect) in ([], ["a"])
        assert sum(b"INSERT" in body for body in proxy.requests) == 1
        cursor.execute("INSERT INTO t VALUES ('b')")
        assert rows(connect)[-1] == "b"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", ["first", "second"])
@pytest.mark.usefixtures("table")
def test_a_transaction_that_breaks_leaves_nothing(connect, proxy, fault, at):
    connection = connect(proxy.url)
    cursor = connection.cursor()
    proxy.fail(fault, holds(f"'{at}'"))
    cursor.execute("BEGIN")
    if (fault, at) == ("429", "first"):  # nothing is lost yet: tried again
        cursor.execute("INSERT INTO t VALUES ('first')")
        connection.rollback()
    else:
        with pytest.raises(driver.OperationalError) as caught:
            cursor.execute("INSERT INTO t VALUES ('first')")
            cursor.execute("INSERT INTO t VALUES ('second')")
        assert caught.value.retryable
        assert isinstance(caught.value, driver.TransactionLost | driver.Unreachable)
        if connection.in_transaction:
            connection.rollback()
    assert rows(connect) == []
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES ('third')")
    connection.commit()
    assert rows(connect) == ["third"]


@pytest.mark.usefixtures("table")
def test_what_was_lost_stays_lost_until_the_rollback(connect, proxy):
    connection = connect(proxy.url)
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES ('a')")
    proxy.fail("cut after", holds("'b'"))
    for text in ("b", "c"):
        with pytest.raises(driver.TransactionLost):
            cursor.execute(f"INSERT INTO t VALUES ('{text}')")
    with pytest.raises(driver.TransactionLost):
        connection.commit()
    assert rows(connect) == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("table")
def test_a_commit_says_lost_or_unknown(connect, proxy, fault):
    connection = connect(proxy.url)
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES ('a')")
    cursor.execute("INSERT INTO t VALUES ('b')")
    proxy.fail(fault, holds("COMMIT"))
    # The server had done it: unknown, and in truth there. Else its baton was still good.
    is_done = fault in {"cut after", "truncate"}
    with pytest.raises(driver.OutcomeUnknown if is_done else driver.TransactionLost):
        connection.commit()
    assert not connection.in_transaction
    assert rows(connect) == (["a", "b"] if is_done else [])
    cursor.execute("INSERT INTO t VALUES ('c')")
    assert rows(connect)[-1] == "c"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("table")
def test_a_commit_of_reads_has_nothing_to_lose(connect, proxy, fault):
    connection = connect(proxy.url)
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("SELECT * FROM t")
    proxy.fail(fault, holds("COMMIT"))
    connection.commit()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("table")
def test_a_rollback_never_fails(connect, proxy, fault):
    connection = connect(proxy.url)
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES ('a')")
    proxy.fail(fault, lambda body: b"INSERT" not in body)
    connection.rollback()
    assert rows(connect) == []
    assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_a_server_without_room_is_asked_again(connect, proxy, monkeypatch):
    monkeypatch.setattr("django_hrana.driver.outcomes.PAUSES_SECONDS", (0, 0))
    cursor = connect(proxy.url).cursor()
    proxy.fail("429", times=2)
    assert cursor.execute("SELECT 1").fetchone() == (1,)
    proxy.fail("429", times=3)
    with pytest.raises(driver.Overloaded, match="cannot accept another connection"):
        cursor.execute("SELECT 1")


ASKS = {
    "a write": lambda cursor: cursor.execute("INSERT INTO t VALUES ('a')"),
    "many writes": lambda cursor: cursor.executemany("INSERT INTO t VALUES (?)", [("a",), ("b",)]),
    "a transaction": lambda cursor: cursor.connection.autocommit or cursor.execute("SELECT 1"),
    "rows that arrive": lambda cursor: cursor.connection.cursor(stream=True).execute("SELECT 1"),
}


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.usefixtures("table")
def test_a_lock_that_is_refused_at_the_beginning_is_asked_for_again(
    connect, proxy, monkeypatch, ask, autocommit
):
    """Seen where eight threads write and the server has little processor time."""
    monkeypatch.setattr("django_hrana.driver.outcomes.PAUSES_SECONDS", (0, 0))
    if autocommit and "a transaction" in ask:
        return
    connection = connect(proxy.url, autocommit=autocommit)
    if not (autocommit and ask == "rows that arrive"):  # a read by itself needs no lock
        proxy.fail("locked", times=2)
        ASKS[ask](connection.cursor())
        connection.commit()
    written = rows(connect)
    proxy.fail("locked", times=3)
    with pytest.raises(driver.Busy) as caught:
        ASKS[ask](connection.cursor())
    assert caught.value.retryable
    connection.rollback()
    assert rows(connect) == written


def test_an_answer_that_never_comes(connect, proxy):
    cursor = connect(proxy.url, timeout=0.2).cursor()
    proxy.delay_seconds = 1
    started = time.monotonic()
    with pytest.raises(driver.Unreachable, match=r"no response within 0\.2 s"):
        cursor.execute("SELECT 1")
    assert time.monotonic() - started < 1
    with pytest.raises(driver.OutcomeUnknown):
        cursor.execute("CREATE TABLE u (x)")


class TestKilledServer:
    def test_in_mid_transaction(self, own_server):
        connection = driver.connect(own_server.url, autocommit=True, timeout=10)
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (x)")
        cursor.execute("INSERT INTO t VALUES ('kept')")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t VALUES ('lost')")
        own_server.kill()
        with pytest.raises(driver.TransactionLost):
            cursor.execute("INSERT INTO t VALUES ('lost too')")
        own_server.start()
        with pytest.raises(driver.TransactionLost):
            cursor.execute("INSERT INTO t VALUES ('lost as well')")
        connection.rollback()
        assert cursor.execute("SELECT x FROM t").fetchall() == [("kept",)]
        connection.close()

    def test_restarted_between_two_statements_of_a_transaction(self, own_server):
        connection = driver.connect(own_server.url, autocommit=True, timeout=10)
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (x)")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t VALUES ('lost')")
        own_server.kill()
        own_server.start()
        with pytest.raises(driver.TransactionLost):
            connection.commit()
        assert cursor.execute("SELECT x FROM t").fetchall() == []
        connection.close()

    def test_down(self, own_server):
        connection = driver.connect(own_server.url, autocommit=True, timeout=10)
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (x)")
        own_server.kill()
        for sql in ("SELECT 1", "INSERT INTO t VALUES (1)"):
            with pytest.raises(driver.Unreachable, match="is not responding"):
                cursor.execute(sql)
        cursor.execute("BEGIN")
        with pytest.raises(driver.Unreachable):
            cursor.execute("INSERT INTO t VALUES (2)")
        own_server.start()
        cursor.execute("INSERT INTO t VALUES (3)")  # the transaction had not begun
        connection.commit()
        assert cursor.execute("SELECT x FROM t").fetchall() == [(3,)]
        connection.close()
