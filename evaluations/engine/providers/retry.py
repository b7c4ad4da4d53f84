"""How a provider is asked: at its pace, and again where that is safe."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from evaluations.engine.errors import ProviderError
from evaluations.engine.providers.base import Limits

__all__ = ["RateLimiter", "with_retries"]

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
LONGEST_ASKED_SECONDS: Final = 600.0  # a service that asks for more is not waited for
MINUTE: Final = 60.0

ResultT = TypeVar("ResultT")
Sleep = Callable[[float], Awaitable[object]]


async def with_retries(
    call: Callable[[], Awaitable[ResultT]],
    limits: Limits,
    *,
    longest_wait_seconds: float = LONGEST_ASKED_SECONDS,
    sleep: Sleep = asyncio.sleep,
    draw: Callable[[], float] = random.random,
) -> tuple[ResultT, int]:
    """Return what `call` returns, and how many requests it took.

    Only errors that say so are tried again: those after which nothing has been paid. The wait is
    what the service asks for (up to the longest), else twice as long each time, less a random part,
    so that many callers do not come back at once.

    Raises:
        ProviderError: the last one, or one that is not to be tried again; it knows its attempts.
    """
    for attempt in range(limits.retries + 1):
        try:
            return await call(), attempt + 1
        except ProviderError as error:
            error.attempts = attempt + 1
            asked = error.retry_after_seconds or 0.0
            most = limits.retries
            if error.most_retries is not None:
                most = min(most, error.most_retries)
            if not error.may_retry or attempt >= most or asked > longest_wait_seconds:
                raise
            await sleep(_wait_seconds(error, attempt, draw()))
    raise AssertionError("unreachable")  # the loop ends by return or raise


def _wait_seconds(error: ProviderError, attempt: int, drawn: float) -> float:
    if error.retry_after_seconds is not None:
        # Spread after the moment the service named, never before it.
        return error.retry_after_seconds * (1 + 0.1 * drawn)
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0**attempt) * (0.5 + 0.5 * drawn)


class RateLimiter:
    """Keeps requests and tokens a minute within limits, first come, first served.

    Args:
        limits: those of the provider.
        clock: seconds that only go forward.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._requests_per_minute = limits.requests_per_minute
        self._tokens_per_minute = limits.tokens_per_minute
        # When the next request may be sent, as each of the two limits has it.
        self._next_request = 0.0
        self._next_tokens = 0.0
        self._clock = clock
        self._sleep = sleep

    @property
    def is_limited(self) -> bool:
        """Whether there is anything to wait for."""
        return self._requests_per_minute is not None or self._tokens_per_minute is not None

    async def wait(self, tokens: int) -> None:
        """Wait until a request of so many tokens may be sent."""
        if not self.is_limited:
            return
        now = self._clock()
        start = max(now, self._next_request, self._next_tokens)
        # Spread over the minute: a burst at its beginning is what services refuse.
        if self._requests_per_minute:
            self._next_request = start + MINUTE / self._requests_per_minute
        if self._tokens_per_minute:
            self._next_tokens = start + MINUTE * tokens / self._tokens_per_minute
        if start > now:
            await self._sleep(start - now)
