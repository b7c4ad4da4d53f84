"""HTTP/1.1 over one socket that stays open: the only file of the driver that touches the network.

`http.client` costs 0.1 ms more for each request, which is a third of a whole statement on a fast
network, and cannot tell whether a request left whole. What a failure means is decided above; here
it is only said whether the server can have received the request.

Source: RFC 9112.
"""

import contextlib
import math
import os
import select
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import InterfaceError
from django_hrana.driver.network import SHORTEST_SECONDS, Network

__all__ = ["Response", "Transport", "TransportError"]

# What a server that is none could send without an end.
MAX_HEAD_BYTES: Final = 65_536
MAX_BODY_BYTES: Final = 1 << 30
MAX_LENGTH_DIGITS: Final = 16  # far more than a length within MAX_BODY_BYTES has
# What one call takes from the network: large results take few calls, and each connection keeps a
# buffer of this size. A new one for each call would cost more than all the rest of a small answer.
RECEIVE_BYTES: Final = 65_536
# How long it holds that the server has not closed the connection: two looks for one request, the
# stream's and the one before sending, are one.
LOOK_SECONDS: Final = 0.001
# So much longer than asked for, as a part of the timeout, a call may wait: to set it for each call
# costs as much as the call.
TIMEOUT_TOLERANCE: Final = 0.01
GZIP_ENCODING: Final = b"gzip"
GZIP: Final = 31  # zlib's name for "with a gzip header"
FINAL_STATUSES: Final = 200  # and above; 1xx announces another answer
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# The same request to another address, and nothing was done; the others would make it a GET.
REPEATED: Final = frozenset({307, 308})
MAX_REDIRECTS: Final = 3


class TransportError(Exception):
    """No answer.

    Attributes:
        was_sent: whether the server can have received the whole request.
        timed_out: whether waiting was the reason.
    """

    def __init__(self, reason: str, *, was_sent: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.was_sent = was_sent
        self.timed_out = timed_out


@dataclass(slots=True)
class Response:
    """An answer."""

    status: int
    """HTTP status."""
    body: bytes
    """Its content, decompressed."""


class MalformedError(Exception):
    """The answer is not HTTP/1.1."""


class Transport:
    """One connection to a server, opened when it is needed, and again when it broke."""

    def __init__(
        self, endpoint: Endpoint, timeout_seconds: float, network: Network | None = None
    ) -> None:
        self.endpoint = endpoint
        self.timeout_seconds = timeout_seconds
        self.network = network or Network()
        self.requests = 0
        """How many requests were sent: round trips."""
        self.waited_seconds = 0.0
        """How long their answers were waited for, connecting included."""
        self.retry_after = ""
        """What the last answer said of when to ask again, as its header has it."""
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._landing = memoryview(b"")
        self._poll: Callable[[int], object] | None = None
        self._patience_seconds = 0.0
        self._deadline = 0.0
        self._looked = -math.inf
        self._pid = os.getpid()
        self._tls: ssl.SSLContext | None = None
        self._tls_session: ssl.SSLSession | None = None
        self._target = endpoint
        self._turn_to(endpoint)
        # Compression saves time on a network, and costs some on this machine. Never br: the server
        # takes five seconds for what gzip does in fifty milliseconds.
        self._accept = "" if endpoint.is_local else "Accept-Encoding: gzip\r\n"

    @property
    def was_cut(self) -> bool:
        """Whether the server has closed the connection since its last answer, unannounced."""
        return self._socket is not None and self._is_dead(self._socket)

    def request(self, path: str, body: bytes, token: str, method: str = "POST") -> Response:
        """Send a request and return its answer, whatever its status.

        Raises:
            TransportError: there is none.
        """
        started = time.perf_counter()
        try:
            status, headers = self._ask(method, path, body, token, accept=self._accept)
            with self._failing_with(was_sent=True):
                content = self._read_all(headers)
                if headers.get(b"content-encoding") == GZIP_ENCODING:
                    content = unzip(content)
                self._after(headers)
        finally:
            self.waited_seconds += time.perf_counter() - started
        return Response(status, content)

    def post_for_lines(self, path: str, body: bytes, token: str) -> tuple[int, Iterator[bytes]]:
        """Send a request; return the status, and the lines of the answer while they arrive.

        Raises:
            TransportError: there is no answer, or (from the iterator) it broke off.
        """
        started = time.perf_counter()
        try:
            status, headers = self._ask("POST", path, body, token, accept="")
        finally:
            # What comes later arrives while the caller works on the lines before it.
            self.waited_seconds += time.perf_counter() - started
        return status, self._lines(headers)

    def _lines(self, headers: dict[bytes, bytes]) -> Iterator[bytes]:
        rest = bytearray()
        for piece in self._pieces(headers):
            rest += piece
            *lines, remainder = rest.split(b"\n")
            rest = bytearray(remainder)
            yield from map(bytes, lines)
        if rest:
            yield bytes(rest)
        self._after(headers)

    def _pieces(self, headers: dict[bytes, bytes]) -> Iterator[bytes]:
        """Yield the body as it arrives; whoever has used all of it calls `_after`."""
        chunks = self._read_body(headers)
        while True:
            with self._failing_with(was_sent=True):
                # For each piece: all of a large body may take longer.
                self._deadline = time.monotonic() + self.timeout_seconds
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = self._poll = None
        self._looked = -math.inf
        self._buffer.clear()
        if self._target is not self.endpoint:
            self._turn_to(self.endpoint)

    def _turn_to(self, target: Endpoint) -> None:
        """Let connections go to the endpoint from now on, or to where that has redirected them."""
        self._target = target
        self._head = f"Host: {target.header}\r\nContent-Type: application/json\r\n"
        self._beginning = b""
        self._beginning_key: tuple[str, ...] = ()  # what it was written for
        self._tls_session = None  # it is another server's

    # Sending

    def _ask(
        self, method: str, path: str, body: bytes, token: str, *, accept: str
    ) -> tuple[int, dict[bytes, bytes]]:
        """Send a request, also where it is redirected to; return the head of the answer."""
        redirects = 0
        while True:
            self._send(method, path, body, token, accept=accept)
            with self._failing_with(was_sent=True):
                status, headers = self._read_head()
                if status not in REDIRECTS:
                    self.retry_after = headers.get(b"retry-after", b"").decode("latin-1")
                    return status, headers
                self._read_all(headers)
            redirects += 1
            explained = self._redirect(status, headers, path, redirects)
            if explained is not None:
                return status, explained

    def _redirect(
        self, status: int, headers: dict[bytes, bytes], path: str, redirects: int
    ) -> dict[bytes, bytes] | None:
        """Go where an answer redirects to; return a sentence's headers where we do not go there."""
        location = headers.get(b"location", b"").decode("latin-1")
        # To nowhere, or to where it came from, is no redirection: it would only be sent twice.
        target = self._target.redirected_to(location, path) if location else None
        target = None if target == self._target else target
        self.close()
        if status not in REPEATED or target is None or redirects > MAX_REDIRECTS:
            return self._explain(location)
        self._turn_to(target)
        return None

    def _explain(self, location: str) -> dict[bytes, bytes]:
        """Put a sentence in the place of the answer that redirects to where we do not go."""
        try:
            parts = urlsplit(location)
            elsewhere = "another path" if location else "nowhere"
            where = f"{parts.scheme}://{parts.hostname}" if parts.hostname else elsewhere
        except ValueError:
            where = "another address"
        sentence = f"it redirects to {where}: if you trust that, set it in the URL"
        self._buffer += sentence.encode("ascii", "replace")
        return {b"content-length": b"%d" % len(self._buffer), b"connection": b"close"}

    def _send(self, method: str, path: str, body: bytes, token: str, *, accept: str) -> None:
        """Send all of a request."""
        self._deadline = time.monotonic() + self.timeout_seconds
        with self._failing_with(was_sent=False):
            connection = self._connected()
            self._wait_at_most(connection, self.timeout_seconds)
            connection.sendall(self._compose(method, path, body, token, accept=accept))
        self._looked = -math.inf  # the server can close the connection with its answer
        self.requests += 1

    def _compose(self, method: str, path: str, body: bytes, token: str, *, accept: str) -> bytes:
        """Return a request's head and body at once: apart they would be two packets."""
        # From one request to the next, seldom more than the length changes.
        key = (method, path, token, accept)
        if key != self._beginning_key:
            authorization = f"Authorization: Bearer {token}\r\n" if token else ""
            beginning = (
                f"{method} {self._target.path}{path} HTTP/1.1\r\n{self._head}{authorization}"
                f"{accept}Content-Length: "
            )
            self._beginning, self._beginning_key = beginning.encode("latin-1"), key
        return b"%b%d\r\n\r\n%b" % (self._beginning, len(body), body)

    def _connected(self) -> socket.socket:
        pid = os.getpid()
        if self._pid != pid:  # after a fork the socket is the parent's
            self._pid = pid
            self.close()
        if self._socket is not None and self._is_dead(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._open()
            self._prepare(self._socket)
        return self._socket

    def _prepare(self, connection: socket.socket) -> None:
        """Prepare for receiving from a connection that is new."""
        self._patience_seconds = 0.0  # that of opening is still set
        if not self._landing:
            self._landing = memoryview(bytearray(RECEIVE_BYTES))
        if hasattr(select, "poll"):  # not on Windows
            poller = select.poll()
            poller.register(connection, select.POLLIN)
            self._poll = poller.poll

    def _wait_at_most(self, connection: socket.socket, seconds: float) -> None:
        """Let calls from here on wait for so long."""
        tolerated_seconds = TIMEOUT_TOLERANCE * self.timeout_seconds
        if not 0 <= self._patience_seconds - seconds <= tolerated_seconds:
            connection.settimeout(seconds)
            self._patience_seconds = seconds

    def _is_dead(self, connection: socket.socket) -> bool:
        """Whether the server closed an idle connection, or sent what nobody asked for.

        Where there is something to read, by reading it: TLS sends tickets, which say nothing.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        if self._poll is not None and not self._poll(0):
            self._looked = now
            return False
        connection.settimeout(0)
        self._patience_seconds = 0.0
        try:
            connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._looked = now
            return False
        except OSError:
            pass
        return True

    def _open(self) -> socket.socket:
        seconds = min(self.network.connect_timeout_seconds, self.timeout_seconds)
        deadline = time.monotonic() + seconds
        try:
            connection = self.network.open(self._target, seconds)
            try:
                if not self._target.is_tls:
                    return connection
                connection.settimeout(max(SHORTEST_SECONDS, deadline - time.monotonic()))
                return self._encrypt(connection)
            except BaseException:
                connection.close()
                raise
        except InterfaceError as error:  # HTTPS_PROXY is not valid
            raise TransportError(str(error), was_sent=False) from error
        except TimeoutError as error:
            raise TransportError(
                f"no connection within {seconds:g} s", was_sent=False, timed_out=True
            ) from error

    def _encrypt(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            self._tls = self.network.make_tls_context()
        encrypted = self._tls.wrap_socket(
            connection, server_hostname=self._target.host, session=self._tls_session
        )
        self._tls_session = encrypted.session  # saves a round trip when it is opened again
        return encrypted

    def _failing_with(self, *, was_sent: bool) -> "_Failing":
        """Turn whatever goes wrong on the network into one error, and forget the connection."""
        return _Failing(self, was_sent=was_sent)

    # Receiving

    def _receive(self) -> None:
        """Add what has arrived to the buffer."""
        connection = self._socket
        if connection is None:
            raise MalformedError("the connection was closed")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._wait_at_most(connection, left)
        count = connection.recv_into(self._landing)
        if not count:
            raise MalformedError("the server closed the connection")
        self._buffer += self._landing[:count]

    def _read_head(self) -> tuple[int, dict[bytes, bytes]]:
        while True:
            head = self._take_until(b"\r\n\r\n", "the header")
            status, headers = _parse_head(head)
            if status >= FINAL_STATUSES:
                return status, headers

    def _read_all(self, headers: dict[bytes, bytes]) -> bytes:
        if b"transfer-encoding" not in headers and b"content-length" in headers:
            return self._take(_length(headers[b"content-length"], 10))  # as the server does
        chunks, total = [], 0
        for chunk in self._read_body(headers):
            chunks.append(chunk)
            total += len(chunk)
            if total > MAX_BODY_BYTES:
                raise MalformedError("the response is too long")
        return b"".join(chunks)

    def _read_body(self, headers: dict[bytes, bytes]) -> Iterator[bytes]:
        if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
            yield from self._read_chunks()
        elif b"content-length" in headers:
            yield self._take(_length(headers[b"content-length"], 10))
        else:
            raise MalformedError("the response does not state its length")

    def _take(self, count: int) -> bytes:
        """Return exactly `count` bytes."""
        while len(self._buffer) < count:
            self._receive()
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken

    def _take_until(self, separator: bytes, what: str) -> bytes:
        """Return what comes before `separator`, which is taken as well."""
        end = self._buffer.find(separator)
        while end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise MalformedError(f"{what} of the response is too long")
            self._receive()
            end = self._buffer.find(separator)
        taken = bytes(self._buffer[:end])
        del self._buffer[: end + len(separator)]
        return taken

    def _read_chunks(self) -> Iterator[bytes]:
        while True:
            line = self._take_until(b"\r\n", "a line")
            digits, _, _extensions = line.partition(b";")
            size = _length(digits, 16)
            if size == 0:
                break
            yield self._take(size)
            if self._take(2) != b"\r\n":
                raise MalformedError("a chunk of the response has no end")
        while self._take_until(b"\r\n", "a line"):
            pass  # trailers

    def _after(self, headers: dict[bytes, bytes]) -> None:
        """Close the connection where it cannot be used again."""
        is_last = headers.get(b"connection", b"").lower() == b"close"
        if is_last or self._buffer:  # what is left over would be taken for the next answer
            self.close()


class _Failing:
    """What `Transport._failing_with` returns.

    A class, for a generator with `contextlib` takes as long as all else of sending.
    """

    __slots__ = ("_transport", "_was_sent")

    def __init__(self, transport: Transport, *, was_sent: bool) -> None:
        self._transport = transport
        self._was_sent = was_sent

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        # Also after Ctrl-C: the rest of the answer would be the next one's.
        self._transport.close()
        if isinstance(error, TimeoutError):
            reason = f"no response within {self._transport.timeout_seconds:g} s"
            raise TransportError(reason, was_sent=self._was_sent, timed_out=True) from error
        if isinstance(error, OSError | MalformedError | zlib.error | ValueError):
            raise TransportError(_reason(error), was_sent=self._was_sent) from error


def _parse_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    parts = first.split(None, 2)
    is_http = len(parts) >= 2 and parts[0].startswith(b"HTTP/1.") and parts[1].isdigit()
    if not is_http:
        raise MalformedError("the response is not HTTP/1.1")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return int(parts[1]), headers


def _length(text: bytes, base: int) -> int:
    # int() would also take a sign, underscores and digits of other scripts.
    digits = b"0123456789abcdefABCDEF" if base == 16 else b"0123456789"
    text = text.strip()
    if not text or text.strip(digits) or len(text) > MAX_LENGTH_DIGITS:
        raise MalformedError("the response does not state its length")
    length = int(text, base)
    if length > MAX_BODY_BYTES:
        raise MalformedError("the response is too long")
    return length


def unzip(content: bytes) -> bytes:
    unzip = zlib.decompressobj(GZIP)
    plain = unzip.decompress(content, MAX_BODY_BYTES)  # a few bytes can stand for gigabytes
    if not unzip.eof:
        raise MalformedError("the compressed response is incomplete")
    return plain


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "no such host name"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
