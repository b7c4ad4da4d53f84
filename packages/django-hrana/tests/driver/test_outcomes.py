"""Every answer that is none × every kind of request: nobody is told what is not so.

A proxy stands in front of a real server. It passes a request on or keeps it, and answers for the
server: with each status, with what a server says itself, with what is no Hrana, with half of an
answer. Whether the row is there is asked through another connection that knows no proxy.

- Who is told that nothing was written finds nothing; only `OutcomeUnknown` leaves it open.
- Who does again what may be done again has the row once.
- The server gets a write once, however it went.
- It stays as easy as it can be: a read fails with what it failed with, or not at all; a
  transaction that was not to be committed yet is lost, never unknown.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from django_hrana import driver
from django_hrana.driver.messages import StatementRequest
from hrana_support.fault_proxy import REPLAY, Answer, FaultProxy
from hrana_support.sqld import free_port

NUMBERS = itertools.count()


def nothing(_connection: driver.Connection, _text: str) -> None:
    """Prepare nothing, or end nothing."""


def insert(connection: driver.Connection, text: str) -> None:
    connection.cursor().execute("INSERT INTO t VALUES (?)", [text])


def insert_and_return(connection: driver.Connection, text: str) -> None:
    sql = "INSERT INTO t VALUES (?) RETURNING x"
    assert connection.cursor().execute(sql, [text]).fetchall() == [(text,)]


def insert_three(connection: driver.Connection, text: str) -> None:
    connection.cursor().executemany("INSERT INTO t VALUES (?)", [[text]] * 3)


def read(connection: driver.Connection, text: str) -> None:
    assert connection.cursor().execute("SELECT ?", [text]).fetchall() == [(text,)]


def read_as_it_arrives(connection: driver.Connection, text: str) -> None:
    """As results do that are too large for one answer."""
    rows = connection.arriving(StatementRequest(f"SELECT '{text}'"))
    assert list(rows) == [(text,)]


def keep_a_stream(connection: driver.Connection, _text: str) -> None:
    """As a server does that is near."""
    connection._stream._duration_seconds = 0
    connection._stream._answered = float("inf")
    connection.cursor().execute("SELECT 1")
    connection._stream._duration_seconds = 0


def check_no_foreign_keys(connection: driver.Connection, _text: str) -> None:
    connection.foreign_keys = False


def begin(connection: driver.Connection, _text: str) -> None:
    connection.cursor().execute("BEGIN")


def begin_and_insert(connection: driver.Connection, text: str) -> None:
    begin(connection, text)
    insert(connection, text)


def begin_and_read(connection: driver.Connection, text: str) -> None:
    begin(connection, text)
    connection.cursor().execute("SELECT 'something else'")


def fall_silent(connection: driver.Connection, text: str) -> None:
    begin_and_insert(connection, text)
    connection._stream._answered -= 9


def save_and_insert(connection: driver.Connection, text: str) -> None:
    connection.cursor().execute("SAVEPOINT s")
    insert(connection, text)


def release(connection: driver.Connection, _text: str) -> None:
    connection.cursor().execute("RELEASE s")


def commit(connection: driver.Connection, _text: str) -> None:
    connection.commit()


def roll_back(connection: driver.Connection, _text: str) -> None:
    connection.rollback()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks for, and what it takes around it."""

    send: Callable[[driver.Connection, str], None]
    """It sends the request that gets another answer."""
    before: Callable[[driver.Connection, str], None] = nothing
    after: Callable[[driver.Connection, str], None] = nothing
    holds: str = "{text}"
    """What the request is known by."""
    rows: int = 0
    """How many rows there are when all of it was done."""


# What makes a write count.
FINAL = {
    "INSERT": Request(send=insert, rows=1),
    "INSERT … RETURNING": Request(send=insert_and_return, rows=1),
    "INSERT in a burst": Request(before=keep_a_stream, send=insert, rows=1),
    "INSERT without foreign keys": Request(before=check_no_foreign_keys, send=insert, rows=1),
    "executemany": Request(send=insert_three, rows=3),
    "executemany in a burst": Request(before=keep_a_stream, send=insert_three, rows=3),
    "COMMIT": Request(before=begin_and_insert, send=commit, holds="COMMIT", rows=1),
    "COMMIT after a silence": Request(before=fall_silent, send=commit, holds="COMMIT", rows=1),
    "COMMIT by RELEASE": Request(before=save_and_insert, send=release, holds="COMMIT", rows=1),
}
# What a COMMIT would have to follow.
OPEN = {
    "BEGIN, INSERT": Request(before=begin, send=insert, after=commit, rows=1),
    "BEGIN, INSERT in a burst": Request(
        before=lambda connection, text: (keep_a_stream(connection, text), begin(connection, text)),
        send=insert,
        after=commit,
        rows=1,
    ),
    "BEGIN, SELECT": Request(before=begin, send=read, after=commit),
    "BEGIN, rows that arrive": Request(before=begin, send=read_as_it_arrives, after=commit),
    "INSERT within": Request(before=begin_and_read, send=insert, after=commit, rows=1),
    "executemany within": Request(before=begin_and_read, send=insert_three, after=commit, rows=3),
    "SELECT within": Request(before=begin_and_insert, send=read, after=commit, rows=1),
    "rows that arrive within": Request(
        before=begin_and_insert, send=read_as_it_arrives, after=commit, rows=1
    ),
    "SAVEPOINT, INSERT": Request(before=begin_and_read, send=save_and_insert, after=commit, rows=1),
    "a look before COMMIT": Request(before=fall_silent, send=commit, holds="SELECT 1", rows=1),
}
READS = {
    "SELECT": Request(send=read),
    "SELECT in a burst": Request(before=keep_a_stream, send=read),
    "SELECT without foreign keys": Request(before=check_no_foreign_keys, send=read),
    "rows that arrive": Request(send=read_as_it_arrives),
}

STATUSES = (
    *(202, 204, 206, 302, 307, 308),
    *(400, 402, 403, 404, 405, 408, 409, 410, 411, 413, 421, 422, 425, 429, 431, 451, 499),
    *(500, 501, 502, 503, 504, 507, 520, 524, 529),
)
PAGE = b"<html><h1>Something is wrong</h1></html>"
SAID_BY_SERVERS = (
    (400, b'{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}'),
    (400, b"Received an invalid baton"),
    (400, b"Received a baton that has already been used"),
    (400, b'{"error":"Transaction timed-out"}'),
    (404, b'{"error":"stream not found: 7","code":"STREAM_NOT_FOUND"}'),
    (404, b'{"error":"STREAM_NOT_FOUND"}'),
    (429, b'{"error":"Too many concurrent requests"}'),
    (429, b'{"error":"Timed out while opening database connection"}'),
    (500, b'{"error":"Connection with primary broken"}'),
    (500, b'{"error":"invalid utf-8 sequence of 1 bytes from index 0"}'),
    (500, b'{"error":"Operation was blocked: quota"}'),
)
NO_HRANA = (
    b"",
    b"null",
    b"{}",
    PAGE,
    b'{"baton":null,"base_url":null,"results":[]}',
    b'{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"close"}}]}',
    b'{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":'
    b'{"step_results":[],"step_errors":[]}}},{"type":"ok","response":{"type":"close"}}]}',
    b'{"baton":null,"base_url":null,"results":[{"type":"ok","respon',
)
NOT_CARRIED_OUT = (
    *(Answer(status=status) for status in STATUSES),
    *(Answer(status=status, body=PAGE) for status in (401, 403, 404, 408, 429, 500, 502)),
    *(Answer(status=status, body=b"") for status in (204, 401, 403, 404, 499, 503)),
    *(Answer(status=status, body=body) for status, body in SAID_BY_SERVERS),
    *(Answer(status=200, body=body) for body in NO_HRANA),
)
CARRIED_OUT = tuple(replace(answer, is_carried_out=True) for answer in NOT_CARRIED_OUT)
CUTS = ("cut before", "cut during", "cut after", "truncate")
# How a server says that it has not begun: it cannot have done it all the same.
REFUSALS = (
    Answer(status=401, body=b'{"error":"Unauthorized: `The JWT has expired`"}'),
    Answer(status=403, body=b'{"error":"Authorization forbidden: no Write permission"}'),
    Answer(status=404, body=b'{"error":"Namespace `x` doesn\'t exist"}'),
)
EVERY = (*CUTS, *NOT_CARRIED_OUT, *CARRIED_OUT)


@pytest.fixture(scope="module")
def namespace(libsql_server) -> Iterator[str]:
    """Return a database for all of the table."""
    libsql_server.create("outcomes", txn_timeout_s=1)
    yield "outcomes"
    libsql_server.admin("DELETE", "/v1/namespaces/outcomes")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch) -> None:
    monkeypatch.setattr("django_hrana.driver.outcomes.PAUSES_SECONDS", (0, 0))


def learn_of_batons(connection: driver.Connection) -> None:
    """As each process does in its first transaction of more than one request."""
    with connection.transaction():
        for _ in range(2):
            connection.cursor().execute("SELECT 1")


class Table:
    """A table, as others see it."""

    def __init__(self, connection: driver.Connection) -> None:
        self._cursor = connection.cursor()
        self._cursor.execute("CREATE TABLE IF NOT EXISTS t (x TEXT)")
        self._cursor.execute("DELETE FROM t")

    def count(self, text: str) -> int:
        """Return how many rows hold a text."""
        return self._cursor.execute("SELECT count(*) FROM t WHERE x = ?", [text]).fetchone()[0]


@pytest.fixture
def table(connect) -> Table:
    return Table(connect())


@pytest.fixture
def ask(connect, proxy):
    """Return a function that asks for something and gets another answer; it returns the error."""
    connection = connect(proxy.url)
    learn_of_batons(connection)
    proxy.ends_streams = True  # a server has room for 128

    def ask(request: Request, fault: str | Answer) -> tuple[driver.Error | None, str]:
        text = f"text-{next(NUMBERS)}"
        request.before(connection, text)
        del proxy.passed_on[:]
        known_by = request.holds.format(text=text).encode()
        proxy.fail(fault, lambda body: known_by in body)
        try:
            request.send(connection, text)
            request.after(connection, text)
        except driver.Error as error:
            return error, text
        finally:
            connection.rollback()
            connection.foreign_keys = True
        return None, text

    ask.connection = connection
    return ask


def was_passed_on(proxy, text: str) -> int:
    """Return how often the server got a request."""
    return sum(text.encode() in body for body in proxy.passed_on)


def is_carried_out(fault: str | Answer) -> bool:
    if isinstance(fault, Answer):
        return fault.is_carried_out
    return fault in {"cut after", "truncate"}


@pytest.mark.parametrize("name", FINAL)
def test_what_makes_a_write_count_is_never_sent_twice_nor_denied(ask, proxy, table, name):
    request = FINAL[name]
    is_commit = name.startswith("COMMIT")
    for fault in EVERY:
        error, text = ask(request, fault)
        rows = table.count(text)
        assert rows == (request.rows if is_carried_out(fault) else 0), fault
        assert was_passed_on(proxy, request.holds.format(text=text)) <= 1, fault
        if is_commit and not is_carried_out(fault):
            assert type(error) is driver.TransactionLost, fault
            assert error.retryable, fault
            continue
        assert type(error) is driver.OutcomeUnknown, fault
        assert not error.retryable, fault
        if isinstance(fault, Answer):
            assert error.status == (0 if fault.status == 200 else fault.status), fault


@pytest.mark.parametrize("name", [name for name in FINAL if "burst" in name or "COMMIT" in name])
@pytest.mark.parametrize("is_far", [False, True])
def test_a_copy_of_the_request_is_refused_and_proves_nothing(ask, table, name, is_far):
    """A proxy sent it again: the server knows the baton, or the stream, no more."""
    request = FINAL[name]
    if is_far:  # the request ends its stream
        keep = request.before

        def go_far(connection: driver.Connection, text: str) -> None:
            keep(connection, text)
            connection._stream._duration_seconds = 1

        request = replace(request, before=go_far)
    error, text = ask(request, REPLAY)
    assert type(error) is driver.OutcomeUnknown
    assert error.status == 400
    assert table.count(text) == request.rows


class TestTakingBack:
    """The baton of a COMMIT without an answer tells whether it was carried out."""

    def begin(self, connection):
        begin_and_insert(connection, "a")
        connection.cursor().execute("SELECT 1")

    def test_a_commit_that_is_still_on_its_way_comes_too_late(self, connect, proxy, table):
        connection = connect(proxy.url)
        self.begin(connection)
        proxy.fail(Answer(status=504), lambda body: b"COMMIT" in body)
        with pytest.raises(driver.TransactionLost):
            connection.commit()
        late = next(body for body in proxy.requests if b"COMMIT" in body)
        transport = connection._stream.home
        assert transport.request("/v3/pipeline", late, "").status == 400
        assert table.count("a") == 0

    def test_the_lock_is_free_at_once(self, connect, proxy, table):
        connection = connect(proxy.url)
        self.begin(connection)
        proxy.fail(Answer(status=502), lambda body: b"'b'" in body)
        with pytest.raises(driver.TransactionLost):
            connection.cursor().execute("INSERT INTO t VALUES ('b')")
        with closing(driver.connect(proxy.url, namespace="outcomes", autocommit=True)) as other:
            other._stream.home.timeout_seconds = 0.7  # the server would take it after one second
            insert(other, "c")
        assert (table.count("a"), table.count("c")) == (0, 1)

    @pytest.mark.parametrize("closes", [False, True])
    def test_a_server_whose_batons_stay_proves_only_that_the_stream_is_there(
        self, connect, proxy, table, closes
    ):
        connection = connect(proxy.url)
        self.begin(connection)
        connection._stream._gives_new_batons[connection._stream._place] = False
        connection._stream._duration_seconds = 1 if closes else 0
        proxy.fail(Answer(status=502), lambda body: b"COMMIT" in body)
        with pytest.raises(driver.TransactionLost if closes else driver.OutcomeUnknown):
            connection.commit()
        assert table.count("a") == 0

    @pytest.mark.parametrize("answer", [Answer(status=200, body=b"{}"), "cut before"])
    def test_without_an_answer_to_that_either_it_stays_unknown(self, connect, proxy, table, answer):
        connection = connect(proxy.url)
        self.begin(connection)
        proxy.fail(Answer(status=502), lambda body: b"COMMIT" in body)
        proxy.fail(answer, lambda body: b"COMMIT" not in body)
        with pytest.raises(driver.OutcomeUnknown):
            connection.commit()
        assert connection._stream.home.timeout_seconds == 20


@pytest.mark.parametrize("name", FINAL)
@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (REFUSALS[0], driver.AccessDenied),
        (REFUSALS[1], driver.AccessDenied),
        (REFUSALS[2], driver.DatabaseNotFound),
    ],
    ids=["401", "403", "404"],
)
def test_what_the_server_refuses_before_it_begins_is_known(ask, table, name, refusal, kind):
    error, text = ask(FINAL[name], refusal)
    assert type(error) is kind
    assert not error.retryable
    assert table.count(text) == 0


@pytest.mark.parametrize("name", OPEN)
def test_what_nobody_has_committed_is_lost_and_never_unknown(ask, table, name):
    request = OPEN[name]
    for fault in (*EVERY, *REFUSALS):
        error, text = ask(request, fault)
        if error is None:  # it began once more, with another stream
            assert table.count(text) == request.rows, fault
            continue
        assert not isinstance(error, driver.OutcomeUnknown), fault
        assert table.count(text) == 0, fault
        if error.retryable:
            do_again(ask.connection, request, text)
            assert table.count(text) == request.rows, fault


def do_again(connection: driver.Connection, request: Request, text: str) -> None:
    request.before(connection, text)
    request.send(connection, text)
    request.after(connection, text)


@pytest.mark.parametrize("name", OPEN)
def test_a_broken_connection_or_server_within_a_transaction_can_be_tried_again(ask, table, name):
    for fault in (*CUTS, *(Answer(status=status) for status in (408, 410, 429, 500, 502, 503))):
        error, _text = ask(OPEN[name], fault)
        is_first = name.startswith("BEGIN")
        assert error is None or error.retryable or (is_first and error.status == 410), fault


@pytest.mark.parametrize("name", READS)
def test_a_read_is_never_unknown(ask, name):
    for fault in (*EVERY, *REFUSALS):
        error, text = ask(READS[name], fault)
        assert not isinstance(error, driver.OutcomeUnknown), fault
        if is_worth_another_try(fault):
            is_cut_off = fault == "truncate" and name == "rows that arrive"
            assert error.retryable if is_cut_off else error is None, fault
        READS[name].send(ask.connection, text)


def is_worth_another_try(fault: str | Answer) -> bool:
    if not isinstance(fault, Answer):
        return True
    is_of_stream = b"baton" in fault.body or b"stream" in fault.body.lower()
    return fault.status in {408, 425, 429, 499, 502, 503, 504} or (
        fault.status != 200 and is_of_stream and b"_NOT_" not in fault.body
    )


def test_a_read_that_fails_again_says_whether_to_wait(connect, proxy):
    cursor = connect(proxy.url).cursor()
    for status, is_retryable in ((408, True), (429, True), (503, True), (410, False), (500, False)):
        proxy.fail(Answer(status=status), times=50)
        with pytest.raises(driver.OperationalError) as caught:
            cursor.execute("SELECT 1")
        assert caught.value.retryable is is_retryable
        proxy.forgive()


def test_nobody_listens(connect, table):
    connection = connect(f"http://127.0.0.1:{free_port()}")
    for request in (*FINAL.values(), *READS.values()):
        if request.holds == "COMMIT":
            continue
        with pytest.raises(driver.Unreachable) as caught:
            request.send(connection, "nobody")
        assert caught.value.retryable
    assert table.count("nobody") == 0


@pytest.mark.parametrize("name", FINAL)
def test_an_answer_that_comes_too_late(connect, proxy, table, name):
    request = FINAL[name]
    connection = connect(proxy.url, timeout=0.3)
    request.before(connection, name)
    proxy.delay_seconds = 0.4
    # After a silence, the COMMIT is not sent at all.
    is_sent = name != "COMMIT after a silence"
    with pytest.raises(driver.OutcomeUnknown if is_sent else driver.TransactionLost):
        request.send(connection, name)
    proxy.delay_seconds = 0


class TestTokens:
    """A request goes again with another token only where the server itself refused the first."""

    @pytest.fixture
    def connection(self, connect, proxy):
        numbers = itertools.count()
        return connect(proxy.url, auth_token=lambda: f"token{next(numbers)}")

    @pytest.mark.parametrize("name", FINAL)
    def test_of_a_server(self, connection, proxy, table, name):
        request = FINAL[name]
        request.before(connection, name)
        proxy.fail(REFUSALS[0], lambda body: request.holds.format(text=name).encode() in body)
        request.send(connection, name)
        assert table.count(name) == request.rows

    @pytest.mark.parametrize("body", [b"", PAGE, b'{"error":""}', b'{"error":"Unau'])
    @pytest.mark.parametrize("name", FINAL)
    def test_of_something_else(self, connection, proxy, table, name, body):
        request = FINAL[name]
        request.before(connection, name)
        answer = Answer(status=401, body=body, is_carried_out=True)
        proxy.fail(answer, lambda sent: request.holds.format(text=name).encode() in sent)
        with pytest.raises(driver.OutcomeUnknown):
            request.send(connection, name)
        assert table.count(name) == request.rows


class TestAdmin:
    @pytest.fixture
    def proxy(self, libsql_server):
        proxy = FaultProxy(int(libsql_server.admin_url.rpartition(":")[2]))
        yield proxy
        proxy.close()

    def test_a_database_that_was_made_without_a_word(self, proxy, connect):
        with closing(driver.Admin(proxy.url)) as admin:
            proxy.fail("cut after")
            with pytest.raises(driver.OutcomeUnknown, match="did not confirm POST /v1/namespaces/"):
                admin.create("made")
            try:
                with closing(connect(namespace="made")) as connection:
                    connection.cursor().execute("SELECT 1")  # it is there
                with pytest.raises(driver.OperationalError, match="already exists"):
                    admin.create("made")
            finally:
                proxy.fail("cut after")
                with pytest.raises(driver.Unreachable):  # may be tried again, and is
                    admin.delete("made")
                admin.delete("made")


def answer_steps(results: list[object], errors: list[object]) -> Answer:
    batch = {"step_results": results, "step_errors": errors}
    result = {"type": "ok", "response": {"type": "batch", "result": batch}}
    closed = {"type": "ok", "response": {"type": "close"}}
    text = json.dumps({"baton": None, "base_url": None, "results": [result, closed]})
    return Answer(status=200, body=text.encode(), is_carried_out=True)


DONE = {"cols": [], "rows": []}
REFUSED = {"message": "no"}


@pytest.mark.parametrize(
    ("results", "errors"),
    [
        ([None, DONE], [None, None]),  # the COMMIT was not done, and nothing is wrong with it
        ([DONE, DONE], [REFUSED, None]),
        ([DONE, None], [None, REFUSED]),
        ([None, None], [None, REFUSED]),
        ([DONE], [None]),
        ([DONE, None, None], [None, None, None]),
    ],
)
def test_an_answer_that_contradicts_itself_confirms_no_commit(
    connect, proxy, table, results, errors
):
    connection = connect(proxy.url)
    begin_and_insert(connection, "a")
    connection._stream._duration_seconds = 1  # far away: the COMMIT ends its stream
    proxy.fail(answer_steps(results, errors), lambda body: b"COMMIT" in body)
    with pytest.raises(driver.OutcomeUnknown):
        connection.commit()
    assert table.count("a") == 1


def test_what_a_request_leaves_open_takes_no_other_statement_in(connect, table):
    """The server stops in the middle of a batch whose answer is too large, before the COMMIT."""
    connection = connect()
    keep_a_stream(connection, "")
    many = [["y" * 100_000]] * 120
    with pytest.raises(driver.DataError, match="so the transaction was rolled back"):
        connection.cursor().executemany("INSERT INTO t VALUES (?) RETURNING x", many)
    insert(connection, "next")
    connection.close()
    assert table.count("next") == 1
    assert table.count("y" * 100_000) == 0


@pytest.mark.parametrize("sql", [";COMMIT", " ; ; END", "/* c */;COMMIT;", "--c\n;COMMIT"])
def test_a_commit_in_disguise_is_one(connect, proxy, table, sql):
    connection = connect(proxy.url)
    begin_and_insert(connection, "a")
    proxy.fail("cut after", lambda body: b"COMMIT" in body or b"END" in body)
    with pytest.raises(driver.OutcomeUnknown):
        connection.cursor().execute(sql)
    assert not connection.in_transaction
    assert table.count("a") == 1
