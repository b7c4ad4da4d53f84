"""The connection of asyncio's: the same answers and errors as the driver's own, and no mix-ups.

Its errors are compared with those of `driver.connect` for the same fault on the way.
"""

import asyncio
import contextlib
import gc
import random
import threading
import time

import pytest

from django_hrana import driver
from django_hrana.driver import aio
from hrana_support.connect_proxy import ConnectProxy
from hrana_support.fault_proxy import FAULTS, REPLAY, Answer
from hrana_support.keyed_server import start_keyed_server
from hrana_support.sqld import Server
from hrana_support.tls_proxy import TlsProxy, make_certificate

STATUSES = [301, 307, 400, 401, 403, 404, 408, 410, 425, 429, 499, 500, 502, 503, 504]
ANSWERS = [
    Answer(status=status, is_carried_out=is_carried_out)
    for status in STATUSES
    for is_carried_out in (False, True)
]
BODIES = [b"", b"{", b"<html>", b"[]", b'{"baton":null,"results":[]}']
NO_HRANA = [Answer(status=200, body=body, is_carried_out=True) for body in BODIES]
KINDS = [*FAULTS, REPLAY, *ANSWERS, *NO_HRANA]


def run(work, url, **options):
    """Run a function of a connection in a loop of its own; nothing may be left open."""

    async def work_and_close():
        async with aio.connect(url, **options) as connection:
            return await work(connection)

    try:
        return asyncio.run(work_and_close())
    finally:
        gc.collect()  # what was not closed would warn, which is an error


@pytest.fixture
def run_in(libsql_server, namespace):
    """Return `run` for the empty database."""

    def run_there(work, url=None, **options):
        options = {"namespace": namespace, "timeout": 20} | options
        return run(work, url or libsql_server.url, **options)

    return run_there


@pytest.fixture
def _table(connect):
    connect().cursor().execute("CREATE TABLE t (x)")
    connect().cursor().execute("CREATE TABLE u (x UNIQUE)")


def rows(connect):
    return [x for (x,) in connect().cursor().execute("SELECT x FROM t ORDER BY x")]


async def catch(awaitable):
    """Return what is raised, or the result."""
    try:
        return await awaitable
    except driver.Error as error:
        return error


class TestStatements:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            1,
            -(2**63),
            0.1,
            1e300,
            float("inf"),
            float("-inf"),
            "é\0x",
            b"\x00\xff",
            "x" * 100_000,
        ],
    )
    def test_values(self, run_in, connect, value):
        sql = "SELECT ?, typeof(?1)" if not isinstance(value, float) else "SELECT ?, 'real'"
        expected = connect().cursor().execute(sql, [value]).fetchall()

        async def ask(connection):
            return (await connection.execute(sql, [value])).fetchall()

        assert run_in(ask) == expected
        assert expected[0][0] == value

    @pytest.mark.usefixtures("_table")
    def test_what_a_cursor_tells(self, run_in):
        async def work(connection):
            inserted = await connection.execute("INSERT INTO t VALUES (:a), (:b)", {"a": 1, "b": 2})
            returned = await connection.execute("UPDATE t SET x = x + 10 RETURNING x")
            nothing = await connection.execute("SELECT x AS y FROM t WHERE 0")
            return (
                (inserted.rowcount, inserted.lastrowid, inserted.description),
                (returned.rowcount, returned.fetchall()),
                (nothing.rowcount, nothing.description[0][0], nothing.fetchone()),
            )

        assert run_in(work) == ((2, 2, None), (2, [(11,), (12,)]), (-1, "y", None))

    @pytest.mark.usefixtures("_table")
    @pytest.mark.parametrize(
        ("sql", "parameters"),
        [
            ("SELECT nope", []),
            ("SELECT", []),
            ("SELECT 1; SELECT 2", []),
            ("INSERT INTO nope VALUES (1)", []),
            ("INSERT INTO u VALUES (1), (1)", []),
            ("INSERT INTO t VALUES (?)", []),
            ("INSERT INTO t VALUES (?)", ["\ud800"]),
            ("INSERT INTO t VALUES (?)", [2**63]),
            ("INSERT INTO t VALUES (?)", [object()]),
            ("INSERT INTO t VALUES (?)", ["x" * 6_000_000]),
            ("SELECT " + "1+" * 2000 + "1", []),
            ("PRAGMA data_version", []),
            ("SELECT printf('%.*c', 4000000, 'x') FROM (VALUES (1), (2), (3))", []),
        ],
    )
    def test_errors(self, run_in, connect, sql, parameters):
        connection = connect()
        try:
            expected = connection.cursor().execute(sql, parameters).fetchall()
        except driver.Error as error:
            expected = error

        async def ask(connection):
            return await catch(connection.execute(sql, parameters))

        error = run_in(ask)
        if isinstance(expected, list):  # beyond 10 MB, the other one reads in parts
            assert error.code == "RESPONSE_TOO_LARGE"
            return
        assert (type(error), str(error), error.code) == (
            type(expected),
            str(expected),
            expected.code,
        )

    @pytest.mark.parametrize("sql", ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a"])
    def test_there_are_no_transactions(self, run_in, sql):
        async def work(connection):
            with pytest.raises(driver.NotSupportedError, match="no transactions"):
                await connection.execute(sql)
            return connection.round_trips

        assert run_in(work) == 0

    def test_pragmas(self, run_in):
        async def work(connection):
            with pytest.raises(driver.NotSupportedError, match="query_only cannot be set"):
                await connection.execute("PRAGMA query_only = 1")
            asked = ["foreign_keys", "query_only", "journal_mode = wal", "synchronous = 1"]
            return [(await connection.execute(f"PRAGMA {sql}")).fetchall() for sql in asked]

        assert run_in(work) == [[(1,)], [(0,)], [("wal",)], []]

    def test_a_closed_connection(self, run_in):
        async def work(connection):
            await connection.execute("SELECT 1")
            await connection.close()
            with pytest.raises(driver.ProgrammingError, match="closed"):
                await connection.execute("SELECT 1")

        run_in(work)

    @pytest.mark.parametrize(
        "options",
        [{"timeout": 0}, {"max_connections": 0}, {"max_connections": True}, {"keepalive": -1}],
    )
    def test_options(self, options):
        with pytest.raises(driver.InterfaceError, match="is not valid"):
            aio.connect("http://127.0.0.1:1", **options)


class TestManyAtATime:
    def test_two_hundred_tasks_on_a_few_connections(self, run_in):
        threads = threading.active_count()

        async def ask(connection, number):
            cursor = await connection.execute("SELECT ?, ?", [number, "x" * (number * 97 % 5000)])
            return cursor.fetchone()[0]

        async def work(connection):
            answers = await asyncio.gather(*(ask(connection, number) for number in range(200)))
            return answers, connection.network_connections, threading.active_count()

        answers, connections, threads_then = run_in(work, max_connections=7)
        assert answers == list(range(200))
        assert connections == 7
        assert threads_then == threads

    @pytest.mark.usefixtures("_table")
    def test_writers_take_turns_with_threads(self, run_in, connect):
        def write_in_thread(first):
            cursor = connect().cursor()
            for number in range(first, first + 20):
                cursor.execute("BEGIN")
                cursor.execute("INSERT INTO t VALUES (?)", [number])
                cursor.execute("COMMIT")

        async def work(connection):
            threads = [asyncio.to_thread(write_in_thread, first) for first in (1000, 2000)]
            writes = [connection.execute("INSERT INTO t VALUES (?)", [n]) for n in range(100)]
            await asyncio.gather(*threads, *writes)

        run_in(work)
        assert rows(connect) == [*range(100), *range(1000, 1020), *range(2000, 2020)]

    def test_a_transaction_of_the_same_thread_has_the_lock(self, run_in, connect):
        connection = connect()
        connection.cursor().execute("CREATE TABLE t (x)")
        with connection.transaction():
            connection.cursor().execute("INSERT INTO t VALUES (1)")

            async def work(other):
                return await catch(other.execute("INSERT INTO t VALUES (2)"))

            error = run_in(work)
        assert isinstance(error, driver.Busy)
        assert not error.retryable

    def test_a_turn_that_does_not_come(self, run_in, connect, libsql_server, namespace):
        begun, ended = threading.Barrier(3), threading.Event()
        connect().cursor().execute("CREATE TABLE t (x)")

        def hold(number):
            with driver.connect(libsql_server.url, namespace=namespace) as connection:
                connection._turn.take()  # as if its request took long
                begun.wait(30)
                ended.wait(30)
                connection._turn.give_back()
            connection.close()

        threads = [threading.Thread(target=hold, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        begun.wait(30)

        async def work(connection):
            error = await catch(connection.execute("INSERT INTO t VALUES (1)"))
            assert (await connection.execute("SELECT 1")).fetchone() == (1,)
            ended.set()
            await connection.execute("INSERT INTO t VALUES (2)")
            return error

        error = run_in(work, timeout=1.5)
        for thread in threads:
            thread.join()
        assert isinstance(error, driver.Busy)
        assert error.retryable
        assert rows(connect) == [2]

    def test_several_loops_at_once(self, libsql_server, namespace):
        answers = []

        async def work(connection):
            asked = (connection.execute("SELECT ?", [number]) for number in range(30))
            return [cursor.fetchone()[0] for cursor in await asyncio.gather(*asked)]

        def loop():
            answers.append(run(work, libsql_server.url, namespace=namespace, max_connections=4))

        threads = [threading.Thread(target=loop) for _number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [list(range(30))] * 4


@pytest.mark.usefixtures("_table")
class TestFaults:
    @pytest.mark.parametrize("is_read", [True, False], ids=["read", "write"])
    @pytest.mark.parametrize("kind", KINDS, ids=str)
    def test_each_means_what_it_means_to_the_driver(self, run_in, connect, proxy, kind, is_read):
        sql = "SELECT 'here'" if is_read else "INSERT INTO t VALUES ('{}')"

        def is_meant(body):
            return b"here" in body or b"INSERT" in body

        times = 99 if is_read else 1
        cursor = connect(proxy.url, timeout=3).cursor()
        cursor.execute("SELECT 1")
        proxy.fail(kind, is_meant, times)
        try:
            cursor.execute(sql.format("of a thread"))
            expected = None
        except driver.Error as error:
            expected = error
        proxy.forgive()

        async def work(connection):
            await connection.execute("SELECT 1")
            proxy.fail(kind, is_meant, times)
            raised = await catch(connection.execute(sql.format("of a loop")))
            proxy.forgive()
            # The connection goes on, with its own answers.
            assert (await connection.execute("SELECT 2")).fetchall() == [(2,)]
            return raised

        if is_read and expected is not None and expected.status == 429:
            pytest.skip("each of them waits ten seconds for room; test_places has it")
        error = run_in(work, proxy.url, timeout=3)
        assert type(error if isinstance(error, driver.Error) else None) is type(expected)
        if expected is None:
            return
        assert error.retryable == expected.retryable
        assert error.status == expected.status
        assert str(error).split("(")[0] == str(expected).split("(")[0]
        stored = rows(connect)
        assert ("of a loop" in stored) == ("of a thread" in stored) or kind == "cut during"
        # The proxy made up the server's own 401, which nobody sends for what was carried out.
        if "of a loop" in stored and error.status != 401:
            assert isinstance(error, driver.OutcomeUnknown)
        writes = sum(b"of a loop" in body for body in proxy.requests)
        assert writes == (0 if is_read else 1)

    def test_a_server_that_asks_to_wait(self, run_in, proxy):
        proxy.headers = "Retry-After: 1\r\n"
        proxy.fail("429", times=1)

        async def ask(connection):
            started = time.monotonic()
            await connection.execute("SELECT 1")
            return time.monotonic() - started

        assert run_in(ask, proxy.url) >= 1

    def test_an_answer_that_does_not_come(self, run_in, proxy):
        proxy.delay_seconds = 5

        async def ask(connection):
            return await catch(connection.execute("SELECT 1")), await catch(
                connection.execute("INSERT INTO t VALUES (1)")
            )

        read, write = run_in(ask, proxy.url, timeout=0.3)
        assert isinstance(read, driver.Unreachable)
        assert "no response within 0.3 s" in str(read)
        assert isinstance(write, driver.OutcomeUnknown)


class TestCancelling:
    def test_nobody_gets_the_answer_of_one_who_left(self, run_in, proxy):
        proxy.delay_seconds = 0.01
        dice = random.Random(7)

        async def ask(connection, number):
            return (await connection.execute("SELECT ?", [number])).fetchone()[0]

        async def work(connection):
            tasks = [asyncio.create_task(ask(connection, number)) for number in range(300)]
            for task in dice.sample(tasks, 150):
                await asyncio.sleep(dice.random() / 500)
                task.cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        answers = run_in(work, proxy.url, max_connections=6)
        kept = [answer for answer in answers if not isinstance(answer, asyncio.CancelledError)]
        assert 150 <= len(kept) < 300
        for number, answer in enumerate(answers):
            assert isinstance(answer, asyncio.CancelledError) or answer == number

    @pytest.mark.usefixtures("_table")
    def test_a_write_that_was_cancelled_is_unknown(self, run_in, proxy, connect):
        proxy.delay_seconds = 0.3

        async def work(connection):
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.15):
                    await connection.execute("INSERT INTO t VALUES (1)")
            proxy.delay_seconds = 0.0
            (await connection.execute("INSERT INTO t VALUES (2)"))
            return caught.value

        error = run_in(work, proxy.url)
        assert "it is unknown whether it was executed" in error.__cause__.__notes__[0]
        assert rows(connect) in ([2], [1, 2])

    @pytest.mark.usefixtures("_table")
    def test_who_is_cancelled_in_the_line_of_writers_leaves_it(self, run_in, proxy, connect):
        proxy.delay_seconds = 0.05

        async def work(connection):
            writes = [
                asyncio.create_task(connection.execute("INSERT INTO t VALUES (?)", [number]))
                for number in range(12)
            ]
            await asyncio.sleep(0.01)
            for task in writes[6:9]:
                task.cancel()
            await asyncio.gather(*writes, return_exceptions=True)
            await connection.execute("INSERT INTO t VALUES (12)")

        run_in(work, proxy.url)
        assert rows(connect) == [0, 1, 2, 3, 4, 5, 9, 10, 11, 12]


class TestKilledServers:
    def test_in_the_middle_of_many_reads_and_writes(self, own_server):
        with contextlib.closing(driver.connect(own_server.url, autocommit=True)) as connection:
            connection.cursor().execute("CREATE TABLE t (x)")
        confirmed, unknown, not_sent = set(), set(), set()

        async def write(connection, numbers):
            for number in numbers:
                try:
                    await connection.execute("INSERT INTO t VALUES (?)", [number])
                    confirmed.add(number)
                except driver.OutcomeUnknown:
                    unknown.add(number)
                except driver.Unreachable:
                    not_sent.add(number)

        async def read(connection):
            answers = [
                await catch(connection.execute("SELECT ?", [number])) for number in range(200)
            ]
            errors = [answer for answer in answers if isinstance(answer, driver.Error)]
            assert {type(error) for error in errors} <= {driver.Unreachable}
            for number, answer in enumerate(answers):
                assert isinstance(answer, driver.Error) or answer.fetchone() == (number,)

        async def work(connection):
            writers = [write(connection, range(n, n + 40)) for n in range(0, 400, 40)]
            readers = [read(connection) for _number in range(10)]
            under_way = asyncio.gather(*writers, *readers)
            await asyncio.sleep(0.3)
            own_server.kill()
            await asyncio.to_thread(own_server.start)
            await under_way
            # Connections that died with the server are opened again, without a doubt.
            await connection.execute("INSERT INTO t VALUES (1000)")
            cursor = await connection.execute("SELECT x FROM t")
            return {x for (x,) in cursor.fetchall()}

        stored = run(work, own_server.url, timeout=20)
        assert confirmed <= stored
        assert stored - {1000} <= confirmed | unknown
        assert not stored & not_sent
        assert len(confirmed) + len(unknown) + len(not_sent) == 400

    def test_idle_connections_to_a_server_that_starts_again(self, own_server):
        async def work(connection):
            await asyncio.gather(*(connection.execute("SELECT 1") for _number in range(5)))
            await connection.execute("CREATE TABLE t (x)")
            own_server.kill()
            own_server.start()  # the loop does not see the sockets close
            for number in range(5):
                await connection.execute("INSERT INTO t VALUES (?)", [number])
            return (await connection.execute("SELECT count(*) FROM t")).fetchone()

        assert run(work, own_server.url) == (5,)

    def test_nobody_there(self, own_server):
        own_server.kill()

        async def work(connection):
            return await catch(connection.execute("INSERT INTO t VALUES (1)"))

        assert isinstance(run(work, own_server.url), driver.Unreachable)


class TestNetworks:
    @pytest.fixture
    def ca_file(self, tmp_path):
        certificate, _key = make_certificate(tmp_path, "localhost", "db.example")
        return str(certificate)

    @pytest.fixture
    def tls(self, libsql_server, ca_file, tmp_path):
        proxy = TlsProxy(libsql_server.port, tmp_path / "cert.pem", tmp_path / "key.pem")
        yield proxy
        proxy.close()

    @staticmethod
    async def ask(connection):
        text = "x" * 3_000_000
        asked = [connection.execute("SELECT ?", [text]) for _number in range(4)]
        for cursor in await asyncio.gather(*asked):
            assert cursor.fetchone() == (text,)
        return connection.network_connections

    def test_tls(self, run_in, tls, ca_file):
        url = f"libsql://localhost:{tls.port}"
        assert run_in(self.ask, url, ca_file=ca_file, max_connections=2) == 2
        assert len(tls.reused) == 2

    def test_a_connection_that_was_cut(self, run_in, tls, ca_file):
        async def work(connection):
            await connection.execute("CREATE TABLE t (x)")
            tls.cut()
            await connection.execute("INSERT INTO t VALUES (1)")
            return (await connection.execute("SELECT count(*) FROM t")).fetchone()

        url = f"libsql://localhost:{tls.port}"
        assert run_in(work, url, ca_file=ca_file, max_connections=1) == (1,)

    def test_a_certificate_that_nobody_trusts(self, run_in, tls):
        async def work(connection):
            return await catch(connection.execute("SELECT 1"))

        error = run_in(work, f"libsql://localhost:{tls.port}")
        assert isinstance(error, driver.Unreachable)
        assert "its certificate is not trusted" in str(error)

    def test_a_proxy(self, run_in, tls, ca_file):
        tunnel = ConnectProxy(tls.port)
        options = {"ca_file": ca_file, "proxy": f"http://{tunnel.address}", "max_connections": 3}
        assert run_in(self.ask, "libsql://db.example", **options) == 3
        assert len(tunnel.heads) == 3
        tunnel.close()

    def test_a_task_that_is_cancelled_while_a_proxy_is_asked(self, run_in, libsql_server):
        tunnel = ConnectProxy(libsql_server.port)

        async def work(connection):
            task = asyncio.create_task(connection.execute("SELECT 1"))
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return (await connection.execute("SELECT 2")).fetchone()

        assert run_in(work, proxy=tunnel.address) == (2,)
        tunnel.close()

    def test_nobody_is_there_in_time(self, run_in):
        async def work(connection):
            return await catch(connection.execute("SELECT 1"))

        # TEST-NET-1 (RFC 5737): nobody answers, or the network says that there is no way.
        error = run_in(work, "http://192.0.2.1:8080", connect_timeout=0.2)
        assert isinstance(error, driver.Unreachable)


def test_tokens(tmp_path):
    with start_keyed_server(tmp_path) as server:
        given = iter(["wrong", server.token()])

        async def work(connection):
            assert "wrong" not in repr(connection)
            await connection.execute("CREATE TABLE t (x)")
            return [
                (await connection.execute("SELECT ?", [number])).fetchone()[0]
                for number in range(3)
            ]

        assert run(work, server.url, auth_token=lambda: next(given)) == [0, 1, 2]

        async def fail(connection):
            return await catch(connection.execute("SELECT 1"))

        refused = run(fail, server.url, auth_token="wrong")
        assert isinstance(refused, driver.AccessDenied)
        read_only = run(
            lambda connection: catch(connection.execute("INSERT INTO t VALUES (1)")),
            server.url,
            auth_token=server.token(access="ro"),
        )
        assert isinstance(read_only, driver.AccessDenied)


def test_no_stream_is_left_on_the_server(tmp_path):
    places = ["--max-concurrent-connections", "4"]
    with Server(tmp_path / "sqld", arguments=places, idle_seconds=600) as server:

        async def work(connection):
            asked = (connection.execute("SELECT ?", [number]) for number in range(200))
            cursors = await asyncio.gather(*asked)
            return [cursor.fetchone()[0] for cursor in cursors], connection.round_trips

        started = time.monotonic()
        answers, round_trips = run(work, server.url, max_connections=4)
        assert answers == list(range(200))
        assert round_trips == 200  # none was refused, and sent again
        assert time.monotonic() - started < 60
