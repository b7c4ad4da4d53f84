"""Asking a model, in an event loop of this thread's own; what a call costs is reserved before."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections

from core.access.callers import Caller
from core.api.streams import TooManyWatchersError, give_turn_back, is_gone, watchers
from evaluations.api.openai.recording import keep_call
from evaluations.engine.costs import answer_limit, find_answer_cost
from evaluations.engine.errors import (
    BrokenAnswerError,
    EngineError,
    ProviderError,
    UnansweredError,
)
from evaluations.engine.providers import (
    Price,
    Provider,
    ProviderSpec,
    Streaming,
    calculate_cost,
    check_parts,
    find_price,
    make,
    with_retries,
)
from evaluations.engine.providers.streams import as_delta
from evaluations.engine.requests import ANSWER_TOKENS, completed
from evaluations.engine.tokens import estimate_tokens
from evaluations.engine.types import Answer, Delta, Request
from evaluations.observing import ObservedCall, ObservedPrompt, has_observers, tell_call
from evaluations.services import spending
from prompts import interface as prompts

__all__ = ["Call", "Outcome", "Stream", "ask", "prepare"]

ResultT = TypeVar("ResultT")

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS: Final = 20.0
"""Somebody waits for the answer: a service that asks for more is not waited for."""
HEARTBEAT_SECONDS: Final = 2.0
"""How often a stream without news says so: that is how a client is missed that has gone."""
LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the client is still there, before the first piece."""
NOT_READ: Final = "the stream ended before the whole answer had come"
MAYBE_PAID: Final = (BrokenAnswerError, UnansweredError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What is about to be asked."""

    request: Request
    provider: Provider
    price: Price | None
    """Of the model; None: it is not known."""
    reservation: spending.Reservation
    environment: dict[str, Any]
    """Of the request: it tells whether the client is still there."""
    kind: str
    """The provider, such as openai."""
    prompt: prompts.PromptText | None
    """The version that was rendered; None: a model profile is asked directly."""
    variables: Mapping[str, object]
    """What filled it."""
    caller: str
    """Name of who calls."""
    asked_at: float = field(default_factory=time.time)
    """Seconds since 1970."""

    def find_cost(self, answer: Answer) -> Decimal | None:
        """Return what an answer cost, None where that is not known."""
        if answer.cost_usd is not None:
            return answer.cost_usd
        return find_answer_cost(self.price, self.request.messages, answer)

    def tell(self, answer: Answer | None, *, error: str = "") -> None:
        """Keep what came of it, if calls are kept, and tell those who observe calls."""
        answered_at = time.time()
        error = error or ("" if answer is None else answer.broken_off)
        keep_call(self, answer, error=error, answered_at=answered_at)
        if not has_observers():
            return
        prompt = None
        if self.prompt is not None:
            prompt = ObservedPrompt(name=self.prompt.name, number=self.prompt.number)
        tell_call(
            ObservedCall(
                provider=self.kind,
                model=self.request.model,
                asked_at=self.asked_at,
                answered_at=answered_at,
                parameters=self.request.parameters,
                messages=self.request.messages,
                answer=answer,
                cost_usd=None if answer is None else self.find_cost(answer),
                error=error,
                prompt=prompt,
                traceparent=str(self.environment.get("HTTP_TRACEPARENT", "")),
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a call."""

    answer: Answer
    cost_usd: Decimal | None
    """In US dollars; None: the price is not known."""


def prepare(
    spec: ProviderSpec,
    request: Request,
    caller: Caller,
    environment: dict[str, Any],
    *,
    prompt: prompts.PromptText | None = None,
    variables: Mapping[str, object] | None = None,
) -> Call:
    """Return a call whose cost is reserved: it must be asked, or streamed and closed.

    Args:
        spec: the model.
        request: what it is sent.
        caller: who pays.
        environment: of the request over HTTP.
        prompt: the version that was rendered, if one was.
        variables: what filled it.

    Raises:
        SetupError: a key or an address is missing.
        SpendingLimitError: the caller may not spend more today.
    """
    provider = make(spec, settings.PROVIDER_ENVIRONMENT)
    price = find_price(spec)
    cost = calculate_cost(
        price, estimate_tokens(request.messages), answer_limit(request.parameters, ANSWER_TOKENS)
    )
    reservation = spending.reserve(
        caller=caller.identity,
        usd_per_day=caller.usd_per_day,
        cost_usd=cost,
        is_paid=provider.abilities.costs_money,
    )
    return Call(
        request=request,
        provider=provider,
        price=price,
        reservation=reservation,
        environment=environment,
        kind=spec.kind,
        prompt=prompt,
        variables=variables or {},
        caller=caller.name,
    )


def _begin_waiting(call: Call) -> None:
    """Count a call among those that wait: they take no turn of requests, and no connection.

    Raises:
        TooManyWatchersError: too many wait already.
    """
    try:
        watchers.enter()
    except TooManyWatchersError:
        spending.settle(call.reservation, cost_usd=Decimal(0))
        raise
    give_turn_back(call.environment)
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


async def _wait_for(call: Call, answer: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return what comes, unless the client goes meanwhile: then the call is ended.

    Raises:
        ProviderError: of the call, or because nobody waits for it.
    """
    task = asyncio.ensure_future(answer)
    while True:
        done, _waiting = await asyncio.wait({task}, timeout=LOOK_SECONDS)
        if done:
            return task.result()
        if is_gone(call.environment):
            task.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await task
            raise UnansweredError("gateway.client-gone")


def ask(call: Call) -> Outcome:
    """Return a model's answer, and what it cost.

    Raises:
        ProviderError: it did not answer.
        TooManyWatchersError: too many calls wait already.
    """
    _begin_waiting(call)
    try:
        answer = asyncio.run(_wait_for(call, _ask(call)))
    except ProviderError as error:
        _settle_failure(call, error)
        call.tell(None, error=str(error))
        raise
    finally:
        watchers.leave()
    cost = call.find_cost(answer)
    _settle(call, cost)
    call.tell(answer)
    refuse_broken(answer)
    return Outcome(answer=answer, cost_usd=cost)


def refuse_broken(answer: Answer) -> None:
    """Refuse an answer that the service broke off.

    Raises:
        BrokenAnswerError: it did.
    """
    if answer.broken_off:
        raise BrokenAnswerError("gateway.broken-off", reason=answer.broken_off)


def _settle_failure(call: Call, error: ProviderError) -> None:
    # What a service may have worked on may be paid: its reservation stays.
    if not isinstance(error, MAYBE_PAID):
        _settle(call, Decimal(0))


def _settle(call: Call, cost_usd: Decimal | None) -> None:
    """Count what a call cost; a database that is away now does not take the answer from anybody."""
    try:
        spending.settle(call.reservation, cost_usd=cost_usd)
    except DatabaseError:
        # What was reserved stays in its place.
        logger.exception("What a call of the gateway cost could not be counted")


async def _ask(call: Call) -> Answer:
    provider = call.provider
    try:
        check_parts(provider.abilities, call.request.messages)
        answer, _attempts = await with_retries(
            lambda: completed(provider, call.request),
            provider.limits,
            longest_wait_seconds=LONGEST_WAIT_SECONDS,
        )
        return answer
    finally:
        await provider.close()


async def _pieces(call: Call) -> AsyncGenerator[Delta | Answer]:
    """Yield the pieces of an answer; of a provider that does not stream all of it as one."""
    provider = call.provider
    if not isinstance(provider, Streaming):
        answer = await completed(provider, call.request)
        yield as_delta(answer)
        yield answer
        return
    pieces = provider.stream(call.request)
    try:
        async for piece in pieces:
            yield piece
    except EngineError:
        raise
    except Exception as error:
        logger.exception("A provider failed unexpectedly")
        raise BrokenAnswerError("answer.unreadable", name=type(error).__name__) from error
    finally:
        await pieces.aclose()


class Stream:
    """An answer while it comes: opened, gone through once, and closed whatever happens.

    Args:
        call: what is asked.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._runner = asyncio.Runner()
        self._pieces: AsyncGenerator[Delta | Answer] | None = None
        self._next_piece: asyncio.Task[Delta | Answer] | None = None
        self._first: Delta | Answer | None = None
        self._texts: list[str] = []
        self._is_counted = False
        self._is_settled = False
        self._is_closed = False

    def open(self) -> None:
        """Wait for the first piece; until then it is tried again where that is safe.

        Raises:
            ProviderError: there is none.
            TooManyWatchersError: too many calls wait already.
        """
        _begin_waiting(self._call)
        self._is_counted = True
        try:
            self._first = self._runner.run(_wait_for(self._call, self._open()))
        except ProviderError as error:
            _settle_failure(self._call, error)
            self._call.tell(None, error=str(error))
            self._is_settled = True
            raise
        finally:
            if self._first is None:
                self.close()

    async def _open(self) -> Delta | Answer:
        provider = self._call.provider
        check_parts(provider.abilities, self._call.request.messages)
        first, _attempts = await with_retries(
            self._begin, provider.limits, longest_wait_seconds=LONGEST_WAIT_SECONDS
        )
        return first

    async def _begin(self) -> Delta | Answer:
        self._pieces = _pieces(self._call)
        return await anext(self._pieces)

    def __iter__(self) -> Iterator[Delta | Answer | None]:
        """Yield the pieces and at last the whole answer; None where nothing has come for a while.

        Raises:
            ProviderError: the answer is cut, or the service says that something is wrong.
        """
        piece: Delta | Answer | None = self._first
        while True:
            if isinstance(piece, Answer):
                _settle(self._call, self._call.find_cost(piece))
                self._is_settled = True
                self._call.tell(piece)
                refuse_broken(piece)
                yield piece
                return
            if piece is not None:
                self._texts.append(piece.text + piece.refusal)
                self._texts += map(str, piece.tool_calls)
            yield piece
            piece = self._runner.run(self._wait())
            if piece is None and is_gone(self._call.environment):
                raise UnansweredError("gateway.client-gone")

    async def _wait(self) -> Delta | Answer | None:
        if self._next_piece is None:
            assert self._pieces is not None  # noqa: S101  # nosec B101 (for types: it is open)
            self._next_piece = asyncio.ensure_future(anext(self._pieces))
        done, _waiting = await asyncio.wait({self._next_piece}, timeout=HEARTBEAT_SECONDS)
        if not done:
            return None
        task, self._next_piece = self._next_piece, None
        return task.result()

    def close(self) -> None:
        """End the call to the service, if it still runs, and settle what it cost."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._runner.run(self._end())
        finally:
            self._runner.close()
            if self._is_counted:
                watchers.leave()
            if not self._is_settled:
                # What has come until now is paid, about.
                answer = Answer(text="".join(self._texts))
                _settle(self._call, self._call.find_cost(answer))
                self._call.tell(answer, error=NOT_READ)

    async def _end(self) -> None:
        if self._next_piece is not None:
            self._next_piece.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await self._next_piece
        if self._pieces is not None:
            await self._pieces.aclose()
        await self._call.provider.close()
