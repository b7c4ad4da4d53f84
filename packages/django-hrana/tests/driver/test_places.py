"""A server keeps few streams at a time: none may take a place that nobody needs any more."""

import contextlib
import threading

import pytest

from django_hrana import driver
from hrana_support.fault_proxy import FaultProxy
from hrana_support.sqld import Server

PLACES = 4
FAR_SECONDS = 0.01  # each way
MANY = "SELECT value, hex(randomblob(200)) FROM generate_series(1, 20000)"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server that refuses a fifth stream, with 429 after a second."""
    arguments = ["--max-concurrent-connections", str(PLACES)]
    folder = tmp_path_factory.mktemp("places")
    with Server(folder, arguments=arguments, idle_seconds=600) as server:
        with contextlib.closing(driver.connect(server.url, autocommit=True)) as connection:
            connection.cursor().execute("CREATE TABLE t (x)")
        yield server


@pytest.fixture(params=[0, FAR_SECONDS], ids=["near", "far"])
def proxy(server, request):
    proxy = FaultProxy(server.port)
    proxy.delay_seconds = request.param
    yield proxy
    proxy.close()


def read(connection):
    for _ in range(3):
        connection.cursor().execute("SELECT count(*) FROM t").fetchall()


def write(connection):
    connection.cursor().execute("INSERT INTO t VALUES (1)")


def commit(connection):
    with connection.transaction():
        write(connection)
        read(connection)


def roll_back(connection):
    with pytest.raises(driver.OperationalError), connection.transaction():
        write(connection)
        connection.cursor().execute("INSERT INTO no_such_table VALUES (1)")


def be_slow_in_a_burst(connection):
    read(connection)
    connection.cursor().execute(MANY).fetchall()


def be_refused(connection):
    read(connection)
    with pytest.raises(driver.OperationalError):
        connection.cursor().execute("SELECT * FROM no_such_table")


def read_as_it_arrives(connection):
    assert len(connection.cursor(stream=True).execute(MANY).fetchall()) == 20_000


def abandon_what_arrives(connection):
    cursor = connection.cursor(stream=True)
    cursor.execute(MANY)
    cursor.fetchone()
    cursor.close()


def abandon_in_a_transaction(connection):
    with connection.transaction():
        abandon_what_arrives(connection)


USES = (
    read,
    write,
    commit,
    roll_back,
    be_slow_in_a_burst,
    be_refused,
    read_as_it_arrives,
    abandon_what_arrives,
    abandon_in_a_transaction,
)


@pytest.mark.parametrize("use", USES, ids=[use.__name__ for use in USES])
def test_a_connection_at_rest_has_no_place(proxy, use):
    """Twice as many connections as there are places, none of which was closed."""
    with contextlib.ExitStack() as stack:
        for _ in range(2 * PLACES):
            connection = driver.connect(proxy.url, autocommit=True)
            stack.enter_context(contextlib.closing(connection))
            use(connection)
            connection.release()
            assert not connection._stream.is_open
    assert proxy.statuses == {200}  # one would have been refused, had any been left behind


def test_threads_far_away_never_have_to_ask_twice(proxy):
    """As many at a time as there are places: with one left behind, somebody would be refused."""

    def work():
        connection = driver.connect(proxy.url, autocommit=True)
        with contextlib.closing(connection):
            for _ in range(5):
                read(connection)
                commit(connection)

    threads = [threading.Thread(target=work) for _ in range(PLACES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert proxy.statuses == {200}
