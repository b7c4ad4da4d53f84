"""A stream of asyncio's: each request opens one and ends it, so that none is kept on the server.

There are no batons here, and so nothing to continue, to take back or to follow. Tokens, fresh
states and errors are those of `driver.stream`.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from django_hrana.driver import messages
from django_hrana.driver.aio.transport import AsyncTransport
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import from_server
from django_hrana.driver.messages import ExecuteAnswer, StatementRequest, StatementResult
from django_hrana.driver.network import Network
from django_hrana.driver.stream import OK, PIPELINE, UNAUTHORIZED, Stream, check_answer
from django_hrana.driver.tokens import TokenSource
from django_hrana.driver.transport import Response, TransportError

__all__ = ["AsyncStream"]

EXECUTE_AND_CLOSE: Final = 2  # requests in a pipeline


class AsyncStream(Stream):
    """One network connection, and a stream for each request on it."""

    def __init__(
        self,
        endpoint: Endpoint,
        timeout_seconds: float,
        tokens: TokenSource,
        network: Network,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        super().__init__(endpoint, timeout_seconds, tokens, network)
        self.wire = AsyncTransport(endpoint, timeout_seconds, network, tls)
        self.home = self._transport = self.wire

    async def execute(self, statement: StatementRequest) -> StatementResult:
        """Run a statement and end its stream, in one request.

        Raises:
            DatabaseError: the server refused it.
            TransportError: no answer came.
            InterfaceError: the answer is no Hrana.
        """
        request = messages.execute(statement)
        self._demand_freshness(request)
        body = messages.pipeline(None, [request, messages.CLOSE])
        response = await self._ask(body)
        answer = messages.decode_pipeline(response.body, EXECUTE_AND_CLOSE)
        result = answer.results[0]
        if not isinstance(result, messages.Ok):
            raise from_server(result.error.message, result.error.code)
        executed = check_answer(result.response, ExecuteAnswer, request)
        self.freshness.saw(executed.result.replication_index)
        return executed.result

    async def _ask(self, body: bytes) -> Response:
        """Send a request; return an answer that has status 200."""
        response = await self._ask_with_token(body)
        if response.status == UNAUTHORIZED and await self._may_renew_soon(response):
            response = await self._ask_with_token(body)
        if response.status != OK:
            raise self._failure(response)
        return response

    async def _may_renew_soon(self, response: Response) -> bool:
        """Whether there is another token; a file or a function may take seconds to give it."""
        return await asyncio.to_thread(self._may_renew, response, wait=True)

    async def _ask_with_token(self, body: bytes) -> Response:
        token = self._current_token()
        try:
            return await self.wire.ask(PIPELINE, body, token)
        except TransportError:
            # It may have waited for a state that a restored database never had.
            self.freshness.forget()
            raise
