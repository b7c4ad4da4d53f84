"""Turns of tasks that write, in the same line as the threads of this process (`driver.turns`)."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from django_hrana.driver.turns import Turn

__all__ = ["AsyncTurn"]


class _Called:
    """Wakes a task from whatever thread, as `threading.Event` wakes a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set(self) -> None:
        """Call, unless the loop is gone, and its tasks with it."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    def clear(self) -> None:
        """Forget that it was called."""
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        """Wait to be called, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class AsyncTurn(Turn):
    """The turn of one statement."""

    @contextlib.asynccontextmanager
    async def taken_soon(self) -> AsyncIterator[None]:
        """Wait for it without a thread, and keep it for one request.

        Raises:
            Busy: it did not come within the timeout, or a transaction of this thread has it, and
                nothing was sent.
        """
        self.check_own_thread()
        seconds = self._timeout_seconds
        deadline = time.monotonic() + seconds
        called = _Called()
        line = self._line
        if not line.take_or_join(self, called, seconds):
            try:
                while True:
                    wait_seconds = line.look(self, called, seconds, deadline)
                    if wait_seconds is None:
                        break
                    if not wait_seconds:
                        raise self.too_late()
                    await called.wait(wait_seconds)
            finally:
                line.leave(called)
        try:
            yield
        finally:
            line.give_back(self)
