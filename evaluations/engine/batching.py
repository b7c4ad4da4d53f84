"""Results are stored in a thread of their own, and those that wait at the same time together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from evaluations.engine.protocol import TaskResult

__all__ = ["BatchWriter", "StoreThread"]

ResultT = TypeVar("ResultT")


class StoreThread:
    """Runs the store's methods in one thread, one at a time."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor  # only for runs

        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def __call__(self, function: Callable[..., ResultT], *args: object) -> ResultT:
        """Return what a function returns that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self, last: Callable[[], object]) -> None:
        """Run what comes last in the thread, and end it."""
        self._pool.submit(last)
        self._pool.shutdown(wait=True)


class BatchWriter:
    """Group commit: whatever waits when the store is free goes in together."""

    def __init__(self, save: Callable[[Sequence[TaskResult]], Awaitable[None]]) -> None:
        self._save = save
        self._waiting: list[tuple[TaskResult, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def store(self, finished: TaskResult) -> None:
        """Return when it is stored."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((finished, future))
        self._wake.set()
        await future

    async def work(self) -> None:
        """Store what waits, until cancelled."""
        while True:
            await self._wake.wait()
            # Whoever is ready in this turn of the loop comes along.
            await asyncio.sleep(0)
            self._wake.clear()
            group, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._save([finished for finished, _ in group])
            except Exception as failure:  # noqa: BLE001 (each of the group gets it)
                error = failure
            for _, future in group:
                _settle(future, error)


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():  # its worker was cancelled meanwhile
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
