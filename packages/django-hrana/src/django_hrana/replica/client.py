"""Asks a server for its replication log. What is done with the answers is `syncing`'s business."""

import base64
import ipaddress
from collections.abc import Callable, Generator, Iterator
from typing import Final, TypeVar
from urllib.parse import unquote

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.network import Network
from django_hrana.driver.tokens import Token, open_source
from django_hrana.driver.transport import Transport
from django_hrana.replica import protocol
from django_hrana.replica.protocol import Frame, Hello, Incoming, ProtocolError

__all__ = ["LogClient", "LogUnavailableError"]

Answer = TypeVar("Answer")

SERVICE: Final = "/wal_log.ReplicationLog"
CONTENT_TYPE: Final = "application/grpc-web+proto"
OK: Final = "0"
INTERNAL: Final = "13"  # also what the server answers to no token at all
UNAUTHENTICATED: Final = "16"
NEED_SNAPSHOT: Final = "NEED_SNAPSHOT"
NOBODY: Final = "authorization header"


class LogUnavailableError(Exception):
    """The server did not give its log.

    Attributes:
        status: gRPC's status; empty where the answer was none of gRPC.
        reason: the server's words.
    """

    def __init__(self, reason: str, status: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status

    @property
    def is_about_token(self) -> bool:
        """Whether another token may help."""
        if self.status == INTERNAL:
            return NOBODY in self.reason
        return self.status == UNAUTHENTICATED


class LogTransport(Transport):
    """The driver's connection, with gRPC-web's headers."""

    def _turn_to(self, target: Endpoint) -> None:
        super()._turn_to(target)
        # Also where it is redirected: the name of the database stays the one of its own URL.
        namespace = base64.b64encode(_namespace(self.endpoint).encode()).decode().rstrip("=")
        self._head = (
            f"Host: {target.header}\r\nContent-Type: {CONTENT_TYPE}\r\nX-Grpc-Web: 1\r\n"
            f"x-namespace-bin: {namespace}\r\n"
        )

    def call(
        self, method: str, message: bytes, token: str, session: str
    ) -> tuple[int, dict[bytes, bytes], Iterator[bytes]]:
        """Send a request; return the status, the headers, and the body while it arrives.

        Raises:
            TransportError: there is no answer, or (from the iterator) it broke off.
        """
        header = f"x-session-token: {session}\r\n" if session else ""
        body = protocol.enclose(message)
        status, headers = self._ask("POST", f"{SERVICE}/{method}", body, token, accept=header)
        return status, headers, self._chunks(headers)

    def _chunks(self, headers: dict[bytes, bytes]) -> Iterator[bytes]:
        yield from self._pieces(headers)
        self._after(headers)


class LogClient:
    """The log of one database, for use by one thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        token: Token,
        timeout_seconds: float,
        network: Network | None = None,
    ) -> None:
        self._transport = LogTransport(endpoint, timeout_seconds, network)
        self._tokens = open_source(token)
        self._session = ""

    def close(self) -> None:
        """Close the network connection."""
        self._transport.close()

    def hello(self) -> Hello:
        """Return what the server says of its log now: an answer to a write is never ahead of it.

        Raises:
            LogUnavailableError: the server has none for us.
            ProtocolError: the answer is not valid.
            TransportError: there is none.
        """
        hello = self._with_token(self._hello)
        self._session = _as_uuid(hello.session)
        return hello

    def frames(self, offset: int) -> Generator[Frame, None, None]:
        """Yield what changed from a frame on, up to a commit; the last frame has `size_after`.

        Where the log does not reach back so far, it is the newest content of each page that
        changed since, newest first.

        Raises:
            LogUnavailableError: the server has none for us.
            ProtocolError: the answer is not valid.
            TransportError: it broke off.
        """
        try:
            yield from self._frames("BatchLogEntries", offset, is_one_message=True)
        except LogUnavailableError as error:
            if error.reason != NEED_SNAPSHOT:
                raise
            yield from self._frames("Snapshot", offset, is_one_message=False)

    def _hello(self, token: str) -> Hello:
        incoming = self._call("Hello", protocol.HELLO, token)
        is_end, length = incoming.take_prefix()
        if is_end:
            raise ProtocolError("the server does not greet")
        hello = protocol.parse_hello(incoming.take_message(length))
        _finish(incoming)
        return hello

    def _frames(self, method: str, offset: int, *, is_one_message: bool) -> Iterator[Frame]:
        request = protocol.offset_request(offset)
        try:
            incoming = self._with_token(lambda token: self._call(method, request, token))
            while True:
                is_end, length = incoming.take_prefix()
                if is_end:
                    _check_trailers(incoming, length)
                    return
                if is_one_message:
                    yield from protocol.read_frames(incoming, length)
                else:
                    yield protocol.parse_frame(incoming.take_message(length))
        except (ProtocolError, LogUnavailableError, GeneratorExit):
            self._transport.close()  # the rest would be taken for the next answer
            raise

    def _call(self, method: str, message: bytes, token: str) -> Incoming:
        status, headers, chunks = self._transport.call(method, message, token, self._session)
        incoming = Incoming(chunks)
        if not headers.get(b"content-type", b"").startswith(b"application/grpc-web"):
            incoming.take_rest()
            raise LogUnavailableError(f"the server does not offer its replication log ({status})")
        code = headers.get(b"grpc-status", b"0").decode("latin-1")
        if code != OK:
            incoming.take_rest()
            reason = headers.get(b"grpc-message", b"").decode("latin-1")
            raise LogUnavailableError(unquote(reason), code)
        return incoming

    def _with_token(self, ask: Callable[[str], Answer]) -> Answer:
        """Ask, and once more where the token was refused and there is another one."""
        token = self._tokens.current()
        try:
            return ask(token)
        except LogUnavailableError as error:
            if not error.is_about_token:
                raise
            other = self._tokens.replace(token, wait=False)
            if other is None:
                raise
        return ask(other)


def _finish(incoming: Incoming) -> None:
    is_end, length = incoming.take_prefix()
    if not is_end:
        raise ProtocolError("the server greets twice")
    _check_trailers(incoming, length)


def _check_trailers(incoming: Incoming, length: int) -> None:
    trailers = protocol.parse_trailers(incoming.take_message(length))
    incoming.take_rest()
    status = trailers.get("grpc-status", "")
    if status != OK:
        raise LogUnavailableError(trailers.get("grpc-message", "no reason given"), status)


def _namespace(endpoint: Endpoint) -> str:
    """Return the database's name on a server with several, which gRPC does not take from Host."""
    if endpoint.namespace:
        return endpoint.namespace
    try:
        ipaddress.ip_address(endpoint.host)
    except ValueError:
        label, dot, _rest = endpoint.host.partition(".")
        return label if dot else "default"
    return "default"


def _as_uuid(raw: bytes) -> str:
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
