"""HTTP/1.1 of asyncio: the requests and answers of `driver.transport`, and no thread waits.

How a request is written, an answer taken apart and a failure described is inherited; only sending
and waiting are here. An answer is parsed where enough of it has arrived.
"""

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import InterfaceError
from django_hrana.driver.network import Network
from django_hrana.driver.transport import (
    GZIP_ENCODING,
    REDIRECTS,
    MalformedError,
    Response,
    Transport,
    TransportError,
    unzip,
)

__all__ = ["AsyncTransport"]

CLOSED: Final = "the server closed the connection"


class UnfinishedError(Exception):
    """More of the answer has to arrive.

    Attributes:
        missing: how many bytes at least.
    """

    def __init__(self, missing: int) -> None:
        super().__init__(missing)
        self.missing = missing


class Wire(asyncio.Protocol):
    """What asyncio calls when bytes arrive on a network connection, or can leave again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.arrived = bytearray()
        self.error: Exception | None = None
        self.is_over = False
        """The other side sends nothing more."""
        self.lost = loop.create_future()
        """Done when the socket is closed."""
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_paused = False
        self._was_cut_off = False
        """It was lost before all that was written had left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (for the types: TCP has no other)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # to know when a request has left whole

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self.arrived += data
        self._wake()

    def eof_received(self) -> bool:
        """Note the end, and let asyncio close."""
        self.is_over = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is closed, and why."""
        self.is_over = True
        self.error = exc
        self._was_cut_off, self._is_paused = self._is_paused, False
        self._wake()
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        """Note that something has not left yet."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Note that all has left."""
        self._is_paused = False
        self._wake()

    @property
    def was_cut(self) -> bool:
        """Whether it is closed, or something came that nobody asked for: no request may go out.

        The socket is asked too, since what has happened to it the loop only sees at its next turn.
        """
        transport = self._transport
        if transport is None or self.is_over or self.arrived or transport.is_closing():
            return True
        poll = getattr(select, "poll", None)
        if poll is None:  # on Windows
            return False
        poller = poll()
        poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poller.poll(0))

    @property
    def transport(self) -> asyncio.Transport:
        """The connection.

        Raises:
            ConnectionResetError: it is closed.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError(CLOSED)
        return self._transport

    async def send(self, content: bytes) -> None:
        """Send; return when all has left.

        Raises:
            OSError: it has not.
        """
        transport = self.transport
        transport.write(content)
        if transport.is_closing():  # the operating system did not take it
            raise ConnectionResetError(CLOSED)
        while self._is_paused:
            await self._wait()
        # What is lost from here on was lost after all had left: the server may have it.
        if self._was_cut_off:
            raise self.error or ConnectionResetError(CLOSED)

    async def receive(self) -> None:
        """Wait for more to arrive.

        Raises:
            OSError: the connection broke.
            MalformedError: it has ended.
        """
        if self.error is not None:
            raise self.error
        if self.is_over:
            raise MalformedError(CLOSED)
        await self._wait()

    def abort(self) -> None:
        """Close; asyncio closes the socket at its next turn."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class AsyncTransport(Transport):
    """One connection to a server, for one request at a time; opened again where it broke."""

    def __init__(
        self,
        endpoint: Endpoint,
        timeout_seconds: float,
        network: Network,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        """Nothing is opened yet.

        Args:
            endpoint: where to.
            timeout_seconds: how long to wait for an answer.
            network: how connections are opened.
            tls: returns the rules for TLS, which all connections of a database share.
        """
        super().__init__(endpoint, timeout_seconds, network)
        self._make_tls = tls
        self._wire: Wire | None = None

    async def ask(self, path: str, body: bytes, token: str) -> Response:
        """Send a request and return its answer, whatever its status.

        A task that is cancelled meanwhile closes the connection: what has still to arrive would be
        taken for the next answer.

        Raises:
            TransportError: there is none.
        """
        started = time.perf_counter()
        redirects = 0
        try:
            while True:
                status, headers, content = await self._ask_once(path, body, token)
                if status not in REDIRECTS:
                    self.retry_after = headers.get(b"retry-after", b"").decode("latin-1")
                    return Response(status, content)
                redirects += 1
                explained = self._redirect(status, headers, path, redirects)
                if explained is not None:
                    sentence = bytes(self._buffer)
                    self._buffer.clear()
                    return Response(status, sentence)
        finally:
            self.waited_seconds += time.perf_counter() - started

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()
        super().close()

    async def wait_closed(self) -> None:
        """Close the connection, and wait until its socket is."""
        wire = self._wire
        self.close()
        if wire is not None:
            await wire.lost

    async def _ask_once(
        self, path: str, body: bytes, token: str
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        with self._failing_with(was_sent=False):
            wire = await self._find_wire()
            content = self._compose("POST", path, body, token, accept=self._accept)
            async with asyncio.timeout(self.timeout_seconds):
                await wire.send(content)
        self.requests += 1
        with self._failing_with(was_sent=True):
            async with asyncio.timeout(self.timeout_seconds):
                return await self._receive_answer(wire)

    async def _receive_answer(self, wire: Wire) -> tuple[int, dict[bytes, bytes], bytes]:
        enough = 1
        while True:
            while len(wire.arrived) < enough:
                await wire.receive()
            self._buffer = bytearray(wire.arrived)
            try:
                status, headers = self._read_head()
                content = self._read_all(headers)
            except UnfinishedError as unfinished:
                enough = len(wire.arrived) + unfinished.missing
                continue
            if headers.get(b"content-encoding") == GZIP_ENCODING:
                content = unzip(content)
            wire.arrived.clear()
            self._after(headers)  # closes where something is left over
            return status, headers, content

    def _take(self, count: int) -> bytes:
        missing = count - len(self._buffer)
        if missing > 0:
            raise UnfinishedError(missing)
        return super()._take(count)

    def _receive(self) -> None:
        raise UnfinishedError(1)

    async def _find_wire(self) -> Wire:
        if self._wire is not None and self._wire.was_cut:
            self.close()
        if self._wire is None:
            self._wire = await self._open_wire()
        return self._wire

    async def _open_wire(self) -> Wire:
        seconds = min(self.network.connect_timeout_seconds, self.timeout_seconds)
        try:
            async with asyncio.timeout(seconds):
                return await self._connect(seconds)
        except InterfaceError as error:  # HTTPS_PROXY is not valid
            raise TransportError(str(error), was_sent=False) from error
        except TimeoutError as error:
            raise TransportError(
                f"no connection within {seconds:g} s", was_sent=False, timed_out=True
            ) from error

    async def _connect(self, seconds: float) -> Wire:
        loop = asyncio.get_running_loop()
        target = self._target
        context = self._make_tls() if target.is_tls else None
        name = target.host if target.is_tls else None
        if self.network.find_proxy(target) is None:
            transport, wire = await loop.create_connection(
                lambda: Wire(loop), target.host, target.port, ssl=context, server_hostname=name
            )
            self.network.configure(transport.get_extra_info("socket"))
            return wire
        # What is said to a proxy waits for its answers: once for each connection, in a thread.
        opening = loop.run_in_executor(None, self.network.open, target, seconds)
        try:
            plain = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise
        plain.settimeout(0)
        _transport, wire = await loop.create_connection(
            lambda: Wire(loop), sock=plain, ssl=context, server_hostname=name
        )
        return wire


def _close_opened(opening: "asyncio.Future[socket.socket]") -> None:
    """Close a connection that nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
