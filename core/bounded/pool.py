"""The workers of a process: few, started when one is needed, replaced when one was killed."""

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Final

from core.bounded.errors import BusyError, TookTooLongError
from core.bounded.process import SECONDS, Worker
from core.language import gettext as _

__all__ = [
    "call",
    "call_async",
    "check_allowance",
    "limit_allowance",
    "set_patience",
    "share_allowance",
    "use_up",
]

WORKERS: Final = 2
"""Calls at a time of one process; they only compute, so more would only share processors."""
PATIENCE_SECONDS: Final = 120.0
_allowance: ContextVar[list[float] | None] = ContextVar("_allowance", default=None)
_patience: ContextVar[float] = ContextVar("_patience", default=PATIENCE_SECONDS)


@contextlib.contextmanager
def set_patience(seconds: float) -> Iterator[None]:
    """Let calls within wait so long for a free worker, and be refused then.

    Requests wait very little: whoever fills every thread of a server with calls that take long
    would keep all others out.
    """
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


@contextlib.contextmanager
def limit_allowance(seconds: float) -> Iterator[None]:
    """Give all calls within so much CPU time together.

    A file may hold ten thousand templates, each of which takes almost its whole time.
    """
    token = _allowance.set([seconds])
    try:
        yield
    finally:
        _allowance.reset(token)


@contextlib.contextmanager
def share_allowance(left: list[float]) -> Iterator[None]:
    """Give calls within what is left of an allowance that several such blocks share.

    Args:
        left: one number, the seconds; it is less afterwards.
    """
    token = _allowance.set(left)
    try:
        yield
    finally:
        _allowance.reset(token)


def check_allowance() -> None:
    """Refuse to begin where the allowance is used up.

    Raises:
        TookTooLongError: it is.
    """
    left = _allowance.get()
    if left is not None and left[0] <= 0:
        raise TookTooLongError(_("came after the total time limit was used up"))


def use_up(seconds: float) -> None:
    """Take what was done without a worker off the allowance."""
    left = _allowance.get()
    if left is not None:
        left[0] -= seconds


class _Call:
    """A call that its caller may give up."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._given_up = False
        self._lock = threading.Lock()

    def begin(self, worker: Worker) -> None:
        with self._lock:
            self._worker = worker
            given_up = self._given_up
        if given_up:
            worker.kill()

    def end(self) -> None:
        with self._lock:
            self._worker = None

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._worker is not None:
                self._worker.kill()


class _Pool:
    """Workers that are free, and a turn for each that may be busy."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(WORKERS)
        self._lock = threading.Lock()
        self._free: list[Worker] = []
        self._all: set[Worker] = set()
        self._threads: ThreadPoolExecutor | None = None

    def run(self, call: _Call, patience: float, *what: object) -> Any:
        """Do a call by a worker of ours."""
        if not self._turns.acquire(timeout=patience):
            raise BusyError(
                _("has to wait because other calls are being processed; try again in a moment")
            )
        try:
            while True:
                worker = self._take()
                try:
                    return self._ask(worker, call, what)
                except EOFError:
                    continue  # it had just given up: nobody called it for a minute
        finally:
            self._turns.release()

    def _ask(self, worker: Worker, call: _Call, what: tuple[Any, ...]) -> object:
        is_well = False
        try:
            call.begin(worker)
            result = worker.call(*what)
            is_well = True
        except RuntimeError:  # a bug in the function: the worker is as good as before
            is_well = True
            raise
        finally:
            call.end()
            self._put_back(worker, is_well=is_well)
        return result

    def _take(self) -> Worker:
        with self._lock:
            if self._free:
                return self._free.pop()
        worker = Worker()
        with self._lock:
            self._all.add(worker)
        return worker

    def _put_back(self, worker: Worker, *, is_well: bool) -> None:
        with self._lock:
            if is_well:
                self._free.append(worker)
                return
            self._all.discard(worker)
        worker.close()

    async def run_async(self, *what: object) -> Any:
        """Do a call while the event loop does other things; a task that is cancelled ends it."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="bounded")
        call = _Call()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._threads, self.run, call, PATIENCE_SECONDS, *what
            )
        except asyncio.CancelledError:
            call.give_up()
            raise

    def close(self) -> None:
        """End every worker."""
        with self._lock:
            workers, self._all, self._free = self._all, set(), []
        for worker in workers:
            worker.close()

    def forget(self) -> None:
        """Leave the workers to the process that started them: this one is its copy."""
        for worker in self._all:
            worker.forget()


_pool = _Pool()


def _renew() -> None:
    """Begin anew in a copy of the process: its locks may be held by threads that it has not."""
    global _pool  # noqa: PLW0603 (the one pool of a process)
    _pool.forget()
    _pool = _Pool()


os.register_at_fork(after_in_child=_renew)
atexit.register(lambda: _pool.close())  # noqa: PLW0108 (the pool of that time)


def call(target: str, *arguments: object, seconds: float = SECONDS) -> Any:
    """Return what a function returns, at most after its time.

    Args:
        target: module and name, such as "package.module:function".
        arguments: what it gets; anything that can be pickled.
        seconds: its CPU time.

    Raises:
        BoundedError: it did not come back; see `errors`.
        RuntimeError: the function raised something.
    """
    module, _, name = target.partition(":")
    left = _allowance.get()
    if left is None:
        result, _used = _pool.run(_Call(), _patience.get(), module, name, seconds, arguments)
        return result
    check_allowance()
    allowed = min(seconds, left[0])
    left[0] -= allowed  # unless it comes back and says that it took less
    result, used = _pool.run(_Call(), _patience.get(), module, name, allowed, arguments)
    left[0] += allowed - used
    return result


async def call_async(target: str, *arguments: object, seconds: float = SECONDS) -> Any:
    """Do the same while the event loop does other things; it waits for a worker's turn.

    Raises:
        BoundedError: it did not come back; see `errors`.
        RuntimeError: the function raised something.
    """
    module, _, name = target.partition(":")
    result, _used = await _pool.run_async(module, name, seconds, arguments)
    return result
