"""Tokens that are refused: every request × (refused once, refused always), on a real server."""

import copy
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from django_hrana import driver
from django_hrana.driver import tokens
from hrana_support.keyed_server import start_keyed_server


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """Return a server that asks for tokens, and the key that signs them."""
    with start_keyed_server(tmp_path_factory.mktemp("keyed")) as server:
        yield server


class TokenFile:
    """A file with a token, and a connection that reads it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "token"
        self.path.write_text(text)
        self.reads = 0

    def read(self) -> str:
        self.reads += 1
        return self.path.read_text()

    def source(self, **options: float) -> driver.FileToken:
        options = {"wait_seconds": 0.3, "look_seconds": 3600.0} | options
        return driver.FileToken(self.read, [self.path], first=self.path.read_text(), **options)


def read(connection, cursor):
    assert cursor.execute("SELECT 41 + 1").fetchone() == (42,)


def write(connection, cursor):
    cursor.execute("INSERT INTO t VALUES ('a')")


def write_many(connection, cursor):
    cursor.executemany("INSERT INTO t VALUES (?)", [["a"], ["b"]])


def stream(connection, cursor):
    rows = connection.cursor(stream=True).execute("SELECT 1 UNION SELECT 2").fetchall()
    assert rows == [(1,), (2,)]


def begin(connection, cursor):
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES ('a')")


# Request → what comes before it (with the good token), and the request.
BEFORE = {
    "read": (None, read),
    "write": (None, write),
    "several writes": (None, write_many),
    "rows in parts": (None, stream),
    "first of a transaction": (None, begin),
    "read in a transaction": (begin, read),
    "write in a transaction": (begin, write),
    "rows in parts in a transaction": (begin, stream),
    "COMMIT": (begin, lambda connection, cursor: connection.commit()),
    "ROLLBACK": (begin, lambda connection, cursor: connection.rollback()),
}


def count(keyed) -> int:
    connection = driver.connect(keyed.url, auth_token=keyed.token(), autocommit=True)
    [number] = connection.cursor().execute("SELECT COUNT(*) FROM t").fetchone()
    connection.close()
    return number


@pytest.fixture
def opened(keyed, tmp_path):
    """Return a function that opens a connection on an empty table, with a token from a file."""
    connections = []

    def open_one(**options):
        setup = driver.connect(keyed.url, auth_token=keyed.token(), autocommit=True)
        cursor = setup.cursor()
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute("CREATE TABLE t (x TEXT)")
        setup.close()
        file = TokenFile(tmp_path, keyed.token())
        connection = driver.connect(
            keyed.url, auth_token=file.source(**options), autocommit=True, timeout=20
        )
        connections.append(connection)
        return file, connection

    yield open_one
    for connection in connections:
        connection.close()


def spoil(connection, token: str) -> None:
    """Let the connection believe that this is its token, as if the server had changed its mind."""
    connection._stream._tokens._token = token


@pytest.mark.parametrize("name", BEFORE)
def test_a_request_refused_once_is_repeated_with_the_new_token(keyed, opened, name):
    file, connection = opened()
    before, request = BEFORE[name]
    cursor = connection.cursor()
    if before:
        before(connection, cursor)
    file.path.write_text(keyed.token(seconds=7200))
    spoil(connection, keyed.token(seconds=-7200))
    request(connection, cursor)
    assert file.reads == 1
    if connection.in_transaction:
        connection.commit()
    expected = {"several writes": 2, "write": 1, "write in a transaction": 2}
    none = {"read", "rows in parts", "ROLLBACK"}
    assert count(keyed) == expected.get(name, 0 if name in none else 1)


@pytest.mark.parametrize("name", BEFORE)
def test_a_request_refused_always_says_so_and_does_nothing(keyed, opened, name):
    file, connection = opened()
    before, request = BEFORE[name]
    cursor = connection.cursor()
    if before:
        before(connection, cursor)
    good = keyed.token()
    file.path.write_text(keyed.token(seconds=-3600))
    spoil(connection, keyed.token(seconds=-7200))
    started = time.monotonic()
    if name == "ROLLBACK":  # it never fails
        request(connection, cursor)
    else:
        with pytest.raises(driver.AccessDenied, match="has expired") as caught:
            request(connection, cursor)
        assert not caught.value.retryable
        assert "eyJ" not in str(caught.value)
    assert time.monotonic() - started < 5
    if connection.in_transaction:
        with pytest.raises((driver.AccessDenied, driver.TransactionLost)):
            cursor.execute("SELECT 1")
        connection.rollback()
    assert count(keyed) == 0
    file.path.write_text(good)
    read(connection, cursor)


def test_another_token_is_waited_for(keyed, opened):
    file, connection = opened(wait_seconds=20)
    spoil(connection, (old := keyed.token(seconds=-7200)))
    file.path.write_text(old)
    new = keyed.token()
    threading.Timer(0.5, file.path.write_text, [new]).start()
    read(connection, connection.cursor())


def test_waiting_is_for_all_requests_together(keyed, opened):
    file, connection = opened(wait_seconds=0.3)
    file.path.write_text(old := keyed.token(seconds=-7200))
    spoil(connection, old)
    cursor = connection.cursor()
    begun = time.monotonic()
    for _ in range(20):
        with pytest.raises(driver.AccessDenied):
            cursor.execute("SELECT 1")
    assert time.monotonic() - begun < 20 * 0.3


def test_a_token_that_stays_is_refused_at_once(keyed):
    token = keyed.token(seconds=-7200)
    with closing(driver.connect(keyed.url, auth_token=token, autocommit=True)) as connection:
        with pytest.raises(driver.AccessDenied, match="has expired"):
            connection.cursor().execute("SELECT 1")
        assert connection.round_trips == 1


def test_a_function_that_returns_the_same_is_refused(keyed):
    token = keyed.token(seconds=-7200)
    url = keyed.url
    with closing(driver.connect(url, auth_token=lambda: token, autocommit=True)) as connection:
        with pytest.raises(driver.AccessDenied, match="has expired"):
            connection.cursor().execute("SELECT 1")
        assert connection.round_trips == 1


def test_a_new_token_is_taken_before_the_old_one_is_refused(keyed, opened):
    file, connection = opened(look_seconds=0)
    file.path.write_text(new := keyed.token(seconds=7200))
    read(connection, connection.cursor())
    assert connection._stream._token == new
    assert connection.round_trips == 1


def test_a_file_that_does_not_change_is_not_read(tmp_path):
    file = TokenFile(tmp_path, "first")
    source = file.source(look_seconds=0)
    assert [source.current() for _ in range(50)] == ["first"] * 50
    assert file.reads == 0


def test_a_file_is_looked_at_once_in_a_while(tmp_path, monkeypatch):
    file = TokenFile(tmp_path, "first")
    looks = []
    monkeypatch.setattr(tokens, "_find_stamp", looks.append)
    source = file.source(look_seconds=3600)
    for _ in range(50):
        source.current()
    assert len(looks) == 1


@pytest.mark.parametrize("text", ["", None])
def test_what_cannot_be_read_now_leaves_the_token_in_use(tmp_path, text):
    path = tmp_path / "token"
    path.write_text("first")
    answers = [text]
    source = driver.FileToken(
        lambda: answers.pop() if answers else path.read_text(), [path], first="first",
        look_seconds=0,
    )  # fmt: skip
    path.write_text("second one")
    assert source.current() == "first"
    assert source.current() == "second one"


def test_a_file_that_is_gone_leaves_the_token_in_use(tmp_path):
    path = tmp_path / "token"
    path.write_text("first")
    source = driver.FileToken(lambda: None, [path], first="first", look_seconds=0)
    path.unlink()
    assert source.current() == "first"
    assert source.replace("first", wait=False) is None


def test_who_observes_hears_of_the_new_token_before_it_is_used(tmp_path):
    file = TokenFile(tmp_path, "first")
    source = file.source(look_seconds=0)
    heard = []
    source.observe(lambda token: heard.append((token, source._token)))
    assert source.current() == "first"
    file.path.write_text("the second")
    assert source() == "the second"
    assert heard == [("the second", "first")]


def test_a_copy_of_the_settings_has_the_same_source(tmp_path):
    source = TokenFile(tmp_path, "first").source()
    assert copy.deepcopy({"OPTIONS": {"auth_token": source}})["OPTIONS"]["auth_token"] is source
    assert "first" not in repr(source)


def test_a_source_without_a_first_token_reads_it(tmp_path):
    path = tmp_path / "token"
    path.write_text("first")
    assert driver.FileToken(path.read_text, [path]).current() == "first"


def test_many_threads_take_the_new_token_together(keyed, opened):
    file, connection = opened(wait_seconds=20)
    source = connection._stream._tokens
    file.path.write_text(old := keyed.token(seconds=-7200))
    spoil(connection, old)
    errors, threads = [], []

    def work():
        own = driver.connect(keyed.url, auth_token=source, autocommit=True)
        try:
            for _ in range(10):
                read(own, own.cursor())
        except driver.Error as error:
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    file.path.write_text(keyed.token())
    for thread in threads:
        thread.join()
    assert errors == []
