"""Answers that no server should give: never a hang, never wrong data, always one of our errors."""

import contextlib
import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hrana import driver

GOOD = {
    "baton": None,
    "base_url": None,
    "results": [
        {
            "type": "ok",
            "response": {
                "type": "execute",
                "result": {
                    "cols": [{"name": "a", "decltype": None}],
                    "rows": [[{"type": "integer", "value": "1"}]],
                    "affected_row_count": 0,
                    "last_insert_rowid": None,
                    "replication_index": None,
                },
            },
        },
        {"type": "ok", "response": {"type": "close"}},
    ],
}
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(["integer", "text", "ok", "error", "execute", "9" * 40, "1_0"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(list("ab")), inner, max_size=2)
    ),
    max_leaves=6,
)


class Liar:
    """A server that answers each request with what `reply` holds, then closes."""

    def __init__(self) -> None:
        self.reply = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, body: bytes, head: bytes | None = None) -> None:
        if head is None:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d" % len(body)
        self.reply = head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                with client, contextlib.suppress(OSError):
                    client.recv(65_536)
                    client.sendall(self.reply)


@pytest.fixture(scope="module")
def liar():
    liar = Liar()
    yield liar
    liar.close()


def ask(liar: Liar) -> object:
    connection = driver.connect(liar.url, autocommit=True, timeout=2)
    try:
        return connection.cursor().execute("SELECT 1").fetchall()
    finally:
        connection.close()


def replaced(tree: object, path: list[object], value: object) -> object:
    if not path:
        return value
    first, *rest = path
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[first] = replaced(copy[first], rest, value)
    return copy


def paths(tree: object, here: tuple = ()) -> list[tuple]:
    if not isinstance(tree, dict | list):
        return [here]
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [here, *(path for key, value in items for path in paths(value, (*here, key)))]


def test_the_good_answer_is_understood(liar):
    liar.say(json.dumps(GOOD).encode())
    assert ask(liar) == [(1,)]


@given(path=st.sampled_from(paths(GOOD)), value=JSON)
def test_one_part_is_something_else(liar, path, value):
    liar.say(json.dumps(replaced(GOOD, list(path), value)).encode())
    try:
        rows = ask(liar)
    except driver.Error:
        return
    assert all(len(row) == len(rows[0]) for row in rows)
    cell = value if path and path[-1] == "value" else "1"
    assert rows in ([(1,)], [], [(None,)]) or [(int(cell),)] == rows


@given(body=st.binary(max_size=60))
def test_noise(liar, body):
    for head in (None, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"):
        liar.say(body, head)
        with pytest.raises(driver.Error):
            ask(liar)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH_9.2",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 abc OK\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 100 Continue",
    ],
)
def test_broken_heads(liar, head):
    liar.say(b"{}", head)
    with pytest.raises(driver.Error):
        ask(liar)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"baton":null,"results":' + b"[" * 5000 + b"]" * 5000 + b"}",
        json.dumps(GOOD).replace('"a"', '"\\ud800"').encode(),
        json.dumps(GOOD).encode().replace(b'"a"', b'"\xff"'),
        json.dumps(GOOD).encode() + b"x",
        b"",
    ],
)
def test_broken_bodies(liar, body):
    liar.say(body)
    with pytest.raises(driver.Error):
        ask(liar)


@pytest.mark.parametrize("base_url", ["", "nonsense", "http://user:pw@h", "ftp://x", "http://h:0"])
def test_a_bad_address_to_go_on_at(liar, base_url):
    liar.say(json.dumps(GOOD | {"baton": "b", "base_url": base_url}).encode())
    with pytest.raises(driver.Error):
        ask(liar)
