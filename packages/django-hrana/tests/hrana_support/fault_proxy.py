"""A TCP proxy between a client and a server that breaks a request in a chosen way."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FAULTS = (
    "cut before",  # the connection is closed before the server gets anything
    "cut during",  # the server gets half of the request
    "cut after",  # the server does the work, its answer is swallowed
    "truncate",  # half of the answer arrives
    "500",
    "502",
    "429",
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the client gets in place of the server's answer."""

    status: int
    body: bytes = b'{"error":"made up by the proxy"}'
    is_carried_out: bool = False
    """The request is passed on first, and the server's answer swallowed."""

    def __str__(self) -> str:
        return f"{self.status} {self.body[:40]!r} {self.is_carried_out}"


REPLAY = "replay"  # the server gets the request twice, and the client the second answer
LOCKED = "locked"  # the first statement is refused with SQLITE_BUSY; no status says so


@dataclass
class Rule:
    fault: str | Answer
    when: Callable[[bytes], bool]
    times: int


class FaultProxy:
    """Listens on a free port of loopback and passes HTTP requests on, one by one.

    Attributes:
        requests: bodies that arrived, in order.
        passed_on: those of them that the server got.
        connections: how many connections were opened.
        statuses: of the answers that the server gave, whether they were passed on or not.
        most_at_a_time: how many requests were with the server at once, at most.
        delay_seconds: each way.
        headers: more of them, in answers that the proxy makes up for a status; each with its end.
        ends_streams: a stream whose baton was swallowed is ended at once, as the server does after
            a while, with its place and the lock taken until then.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.requests: list[bytes] = []
        self.passed_on: list[bytes] = []
        self.connections = 0
        self.statuses: set[int] = set()
        self.most_at_a_time = 0
        self.delay_seconds = 0.0
        self.headers = ""
        self.ends_streams = False
        self._lock = threading.Lock()
        self._under_way = 0
        self._rules: list[Rule] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(
        self, fault: str | Answer, when: Callable[[bytes], bool] = lambda body: True, times: int = 1
    ) -> None:
        """Break the next `times` requests whose body is so."""
        self._rules.append(Rule(fault, when, times))

    def forgive(self) -> None:
        """Break nothing any more."""
        self._rules.clear()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.target))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server, contextlib.suppress(OSError, EOFError):
            while True:
                head, body = _read_message(client)
                self.requests.append(body)
                fault = self._fault(body)
                time.sleep(self.delay_seconds)
                if fault == LOCKED:
                    client.sendall(_refuse_the_lock(json.loads(body)))
                    continue
                if fault in {"500", "502", "429"}:
                    client.sendall(_answer(fault, self.headers))
                    continue
                if isinstance(fault, Answer):
                    self._answer_otherwise(fault, client, server, head, body)
                    continue
                if fault == "cut before":
                    return
                if fault == "cut during":
                    server.sendall(head + body[: len(body) // 2])
                    return
                if not self._pass_on(fault, client, server, head, body):
                    return

    @contextlib.contextmanager
    def _count(self) -> Iterator[None]:
        with self._lock:
            self._under_way += 1
            self.most_at_a_time = max(self.most_at_a_time, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _pass_on(
        self, fault: str | Answer, client: socket.socket, server: socket.socket, *request: bytes
    ) -> bool:
        """Have the server do it; return whether the client got all of the answer."""
        head, body = request
        self.passed_on.append(body)
        with self._count():
            server.sendall(head + body)
            answer_head, answer = _read_message(server)
            if fault == REPLAY:
                server.sendall(head + body)
                answer_head, answer = _read_message(server)
        self.statuses.add(int(answer_head.split()[1]))
        time.sleep(self.delay_seconds)
        if fault not in {"cut after", "truncate"}:
            client.sendall(answer_head + answer)
            return True
        self._end_stream(server, head, _find_baton(answer))
        if fault == "truncate":
            client.sendall(answer_head + answer[: len(answer) // 2])
        return False

    def _answer_otherwise(
        self, answer: Answer, client: socket.socket, server: socket.socket, head: bytes, body: bytes
    ) -> None:
        """Say something else than the server, which may have done it or not."""
        answered = b""
        if answer.is_carried_out:
            self.passed_on.append(body)
            server.sendall(head + body)
            _head, answered = _read_message(server)
        client.sendall(
            b"HTTP/1.1 %d Otherwise\r\nContent-Length: %d\r\n\r\n%b"
            % (answer.status, len(answer.body), answer.body)
        )
        if answer.is_carried_out:
            self._end_stream(server, head, _find_baton(answered))

    def _end_stream(self, server: socket.socket, head: bytes, baton: str | None) -> None:
        """End a stream whose baton the client has not got."""
        if baton is None or not self.ends_streams:
            return
        body = json.dumps({"baton": baton, "requests": [{"type": "close"}]}).encode()
        length = b"Content-Length: %d" % len(body)
        fields = re.sub(rb"(?i)content-length: \d+", length, head.partition(b"\r\n")[2])
        server.sendall(b"POST /v3/pipeline HTTP/1.1\r\n" + fields + body)
        _read_message(server)

    def _fault(self, body: bytes) -> str | Answer:
        for rule in self._rules:
            if rule.times and rule.when(body):
                rule.times -= 1
                return rule.fault
        return ""


def _read_message(source: socket.socket) -> tuple[bytes, bytes]:
    """Return the head and the body of one request or answer, as they came."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(source)
    head, _, body = data.partition(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        while not body.endswith(b"0\r\n\r\n"):
            body += _receive(source)
    else:
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        while len(body) < length:
            body += _receive(source)
    return head + b"\r\n\r\n", body


def _receive(source: socket.socket) -> bytes:
    data = source.recv(65_536)
    if not data:
        raise EOFError
    return data


def _find_baton(body: bytes) -> str | None:
    """Return the baton in an answer of either endpoint."""
    match = re.search(rb'"baton":"([^"]+)"', body)
    return match[1].decode() if match else None


def _answer(status: str, headers: str) -> bytes:
    body = b'{"error":"made up by the proxy"}'
    return (
        b"HTTP/1.1 %b Broken\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
        % (
            status.encode(),
            headers.encode(),
            len(body),
            body,
        )
    )


def _refuse_the_lock(request: dict) -> bytes:
    error = {"message": "SQLite error: database is locked", "code": "SQLITE_BUSY"}
    head = {"baton": None, "base_url": None}
    if "batch" in request:  # of a cursor
        lines = (head, {"type": "step_error", "step": 0, "error": error})
        return _ok("\n".join(map(json.dumps, lines)))
    first, *others = request["requests"]
    if first["type"] == "execute":
        result = {"type": "error", "error": error}
    else:
        nothing = [None] * (len(first["batch"]["steps"]) - 1)
        batch = {"step_results": [None, *nothing], "step_errors": [error, *nothing]}
        result = {"type": "ok", "response": {"type": "batch", "result": batch}}
    closed = [{"type": "ok", "response": {"type": "close"}} for _ in others]
    return _ok(json.dumps({**head, "results": [result, *closed]}))


def _ok(text: str) -> bytes:
    body = text.encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
