"""Statements of many tasks at a time on one libSQL server, without threads.

    connection = aio.connect("libsql://…", auth_token=…)
    cursor = await connection.execute("SELECT name FROM item WHERE id = ?", [7])
    cursor.fetchone()

Each statement stands for itself: it is its own transaction, and its stream ends with it. There is
no BEGIN here; what belongs together goes through `driver.connect`, in a thread. A connection
belongs to one event loop, and has as many network connections as statements run at a time, up to a
limit beyond which tasks wait.

What a failure means is what it means outside of a transaction (`driver.connection`): a write
without a proper answer is `OutcomeUnknown`, and never sent again; a read is repeated. A task that
is cancelled during a write leaves it unknown too, and says so in a note of its `CancelledError`.
"""

import asyncio
import contextlib
import functools
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final, Self, Unpack

from django_hrana.driver import failures
from django_hrana.driver.aio.stream import AsyncStream
from django_hrana.driver.aio.turns import AsyncTurn
from django_hrana.driver.connection import DEFAULT_TIMEOUT_SECONDS
from django_hrana.driver.cursor import Cursor, Parameters, build_request
from django_hrana.driver.endpoint import Endpoint, split_token
from django_hrana.driver.errors import (
    Busy,
    DatabaseError,
    InterfaceError,
    NotSupportedError,
    Overloaded,
    ProgrammingError,
    TooLarge,
)
from django_hrana.driver.infinity import ask_for_signs, with_signs
from django_hrana.driver.limits import check_depth, with_sizes
from django_hrana.driver.messages import StatementRequest, StatementResult
from django_hrana.driver.network import Network, NetworkOptions
from django_hrana.driver.outcomes import FAILURES, PAUSES_SECONDS, demand_repeat, find_pause
from django_hrana.driver.pragmas import FOREIGN_KEYS, Pragma, Reply
from django_hrana.driver.statements import classify
from django_hrana.driver.tokens import Token, open_source
from django_hrana.driver.transport import TransportError
from django_hrana.driver.values import Column, Converter, UnsignedInfinityError

__all__ = ["DEFAULT_MAX_CONNECTIONS", "AsyncConnection", "connect"]

# A server has 128 places: enough for four processes.
DEFAULT_MAX_CONNECTIONS: Final = 32
NO_TRANSACTIONS: Final = (
    "an asynchronous connection has no transactions, for its statements run in any order: use "
    "django_hrana.driver.connect in a thread"
)
CANCELLED: Final = (
    "a statement that writes was cancelled after it may have been sent to {endpoint}: it is "
    "unknown whether it was executed; check the data before you run it again"
)


def connect(
    url: str,
    *,
    auth_token: Token = None,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    namespace: str | None = None,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    converters: Mapping[str, Converter] | None = None,
    **network: Unpack[NetworkOptions],
) -> "AsyncConnection":
    """Return a connection for the tasks of one event loop; nothing is sent yet.

    Args:
        url: as in `driver.connect`, and so are the others.
        auth_token: the token, or what gives it.
        timeout: seconds to wait for an answer.
        namespace: name of the database on a server with several.
        max_connections: how many statements run at a time; others wait for their turn.
        converters: functions by declared column type.
        network: how to open network connections.

    Raises:
        InterfaceError: an argument is not valid.

    Examples:
        >>> import asyncio
        >>> async def count() -> int:
        ...     async with connect("http://127.0.0.1:8080") as connection:
        ...         cursor = await connection.execute("SELECT count(*) FROM item")
        ...         return cursor.fetchone()[0]
        >>> asyncio.run(count())  # doctest: +SKIP
        1000
    """
    if not timeout > 0:
        raise InterfaceError("timeout is not valid: use a number of seconds greater than 0")
    if isinstance(max_connections, bool) or not isinstance(max_connections, int):
        raise InterfaceError("max_connections is not valid: use a whole number")
    if max_connections < 1:
        raise InterfaceError("max_connections is not valid: use a number from 1 on")
    url, token_in_url = split_token(url)
    return AsyncConnection(
        Endpoint.parse(url, namespace),
        timeout_seconds=timeout,
        token=auth_token or token_in_url,
        network=Network.of(**network),
        max_connections=max_connections,
        converters=converters or {},
    )


class AsyncConnection:
    """A connection for any number of tasks of one event loop.

    Attributes:
        closed: whether it was closed.
        converters: functions by declared column type.
        endpoint: where to.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_seconds: float,
        token: Token,
        network: Network,
        max_connections: int,
        converters: Mapping[str, Converter],
    ) -> None:
        """Use `connect` instead."""
        self.endpoint = endpoint
        self.converters = converters
        self.closed = False
        self._timeout_seconds = timeout_seconds
        self._tokens = open_source(token)
        self._has_token = not callable(token)
        self._network = network
        self._room = asyncio.Semaphore(max_connections)
        self._streams: list[AsyncStream] = []
        self._idle: list[AsyncStream] = []
        self._tls = functools.cache(network.make_tls_context)

    def __repr__(self) -> str:
        """Return the address; never the token."""
        return f"<AsyncConnection to {self.endpoint}>"

    async def execute(self, sql: str, parameters: Parameters = ()) -> Cursor:
        """Run a statement; return a cursor that has its result, all of it.

        Raises:
            NotSupportedError: it would begin, end or divide a transaction, or set a PRAGMA.
            Error: see the table in `driver.connection`, outside of a transaction.
        """
        cursor = AnsweredCursor(self)
        await cursor.ask(sql, parameters)
        return cursor

    async def run(self, statement: StatementRequest, *, is_read: bool) -> StatementResult:
        """Run a statement.

        Raises:
            Error: as `execute`.
        """
        self._check_open()
        if is_read:
            return await self._send_alone(statement, is_read=True)
        async with AsyncTurn(self.endpoint, self._timeout_seconds).taken_soon():
            try:
                return await self._send_alone(statement, is_read=False)
            except asyncio.CancelledError as error:
                error.add_note(CANCELLED.format(endpoint=self.endpoint))
                raise

    async def close(self) -> None:
        """Close all network connections; what is under way on them fails."""
        self.closed = True
        self._idle.clear()
        while self._streams:
            await self._streams.pop().wire.wait_closed()

    async def __aenter__(self) -> Self:
        """Return the connection; leaving closes it."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    @property
    def network_connections(self) -> int:
        """How many there are, in use or idle."""
        return len(self._streams)

    @property
    def round_trips(self) -> int:
        """The number of requests sent so far."""
        return sum(stream.home.requests for stream in self._streams)

    async def _send_alone(self, statement: StatementRequest, *, is_read: bool) -> StatementResult:
        """Send; again where `outcomes.send_alone` would, by the same rules."""
        try:
            return await self._send_with_room(statement, may_repeat=is_read)
        except FAILURES as error:
            demand_repeat(self.endpoint, error, is_read=is_read, is_all_or_nothing=False)
        try:
            return await self._send_with_room(statement, may_repeat=True)
        except TransportError as error:
            raise failures.unreachable(self.endpoint, error) from error

    async def _send_with_room(
        self, statement: StatementRequest, *, may_repeat: bool
    ) -> StatementResult:
        """Send; where the server has no room, again after a pause, as `outcomes.with_room`."""
        started = time.monotonic()
        for pause_seconds in PAUSES_SECONDS:
            try:
                return await self._send(statement)
            except (Overloaded, Busy) as error:
                pause = find_pause(error, pause_seconds, started, may_repeat=may_repeat)
                await asyncio.sleep(pause)
        return await self._send(statement)

    async def _send(self, statement: StatementRequest) -> StatementResult:
        async with self._stream() as stream:
            return await stream.execute(statement)

    @contextlib.asynccontextmanager
    async def _stream(self) -> AsyncIterator[AsyncStream]:
        """Wait for a network connection that nobody uses: the one that was used last."""
        if not self._has_token:
            await asyncio.to_thread(self._tokens.current)  # a function may ask somebody for it
            self._has_token = True
        async with self._room:
            self._check_open()
            stream = self._idle.pop() if self._idle else self._add_stream()
            try:
                yield stream
            finally:
                if not self.closed:
                    self._idle.append(stream)

    def _add_stream(self) -> AsyncStream:
        stream = AsyncStream(
            self.endpoint, self._timeout_seconds, self._tokens, self._network, self._make_tls
        )
        self._streams.append(stream)
        return stream

    def _make_tls(self) -> ssl.SSLContext:
        return self._tls()

    def _check_open(self) -> None:
        if self.closed:
            raise ProgrammingError("Cannot operate on a closed database.")


class AnsweredCursor(Cursor):
    """A cursor with the result of a statement that has been run."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)  # type: ignore[arg-type]  # it only asks for what both have
        self._database = connection

    async def ask(self, sql: str, parameters: Parameters) -> None:
        """Run the statement; the table of what it may do to parameters and rows is `Cursor`'s.

        Raises:
            Error: as `AsyncConnection.execute`.
        """
        self._reset()
        check_depth(sql)
        statement = classify(sql)
        if statement.is_control:
            raise NotSupportedError(NO_TRANSACTIONS)
        reply = None if statement.pragma is None else _reply(statement.pragma)
        if reply is not None:
            self._describe([Column(name) for name in reply.columns])
            self._rows = iter(reply.rows)
            return
        request = build_request(sql, parameters)
        try:
            result = await self._database.run(request, is_read=statement.is_read)
        except TooLarge as error:
            raise with_sizes(error, [request]) from error
        try:
            self._take(result, statement)
        except UnsignedInfinityError:
            if not statement.is_read:
                raise
            self._take(await self._ask_signs(request, result), statement)

    async def _ask_signs(
        self, request: StatementRequest, result: StatementResult
    ) -> StatementResult:
        again = ask_for_signs(request, len(result.cols))
        try:
            second = await self._database.run(again, is_read=True)
        except DatabaseError as error:
            if error.status:
                raise
            return result  # it cannot stand in another statement; the error will say what to do
        return with_signs(result, second)


def _reply(pragma: Pragma) -> Reply | None:
    """Return the answer of a PRAGMA that is not sent; None: the server answers it."""
    if not pragma.is_switch:
        return pragma.reply()
    if pragma.value is not None:
        raise NotSupportedError(
            f"PRAGMA {pragma.name} cannot be set on an asynchronous connection, whose statements "
            "run in any order: use django_hrana.driver.connect"
        )
    return Reply((pragma.name,), ((int(pragma.name == FOREIGN_KEYS),),))
