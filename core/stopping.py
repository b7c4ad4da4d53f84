"""Whether this process has been asked to stop, and how long it may still take.

A signal handler asks; whoever works looks now and then. Nothing here takes a lock: a handler runs
between any two steps of the main thread, which may hold the lock already.

    asked ──── models are waited for ──── what came is stored ──── the process ends
    0 s                               −STORING_SECONDS        −ENDING_SECONDS      `seconds`
"""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = [
    "ENDING_SECONDS",
    "SHORTEST_STOP_SECONDS",
    "SIGNALLED",
    "STOP_SECONDS",
    "StopAskedError",
    "StopRequest",
    "end_at_once",
    "give_way",
    "stop_on_signals",
    "stop_request",
]

STOP_SECONDS: Final = 20.0  # below what orchestrators allow by default (Kubernetes: 30)
STORING_SECONDS: Final = 6.0  # for answers that wait for the database, and for giving back leases
ENDING_SECONDS: Final = 2.0  # for the interpreter: threads, connections
SHORTEST_STOP_SECONDS: Final = 10.0  # below it nothing would be left for the models
SIGNALLED: Final = 128  # a shell's status of a program that a signal ended: this plus its number


class StopRequest:
    """Says that the process is to end, and which of its work may still go on."""

    def __init__(self) -> None:
        self._ends_at: float | None = None
        self._look: Callable[[], bool] = lambda: False

    def ask(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the process to end within so many seconds; the first time counts."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + seconds

    def watch(self, look: Callable[[], bool]) -> None:
        """Let a server say it: the process is asked as soon as `look` returns True."""
        self._look = look

    def forget(self) -> None:
        """Take the request back: what was to be stopped has stopped, and the process goes on."""
        self._ends_at = None

    @property
    def is_asked(self) -> bool:
        """Whether nothing new may begin."""
        if self._ends_at is None and self._look():
            self.ask()
        return self._ends_at is not None

    @property
    def seconds_left(self) -> float:
        """Until the process has to be gone; endless while nobody has asked."""
        if not self.is_asked or self._ends_at is None:
            return math.inf
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def seconds_for_calls(self) -> float:
        """How long the answers of models may still be waited for."""
        return max(0.0, self.seconds_left - STORING_SECONDS)

    @property
    def seconds_for_storing(self) -> float:
        """How long the database may still be waited for."""
        return max(0.0, self.seconds_left - ENDING_SECONDS)


stop_request: Final = StopRequest()
"""The request of this process."""


class StopAskedError(Exception):
    """The process has been asked to stop, and what can wait for the next one waits."""


def give_way() -> None:
    """Go on, unless the process has been asked to stop: for long work, between two steps.

    Raises:
        StopAskedError: it has.
    """
    if stop_request.is_asked:
        raise StopAskedError


def end_at_once(signal_number: int) -> None:
    """End the process as a kill would: what is stored stays, what is in flight is lost.

    As the first process of a container it cannot be ended by the signal itself, which the kernel
    drops there.
    """
    os._exit(SIGNALLED + signal_number)


@contextmanager
def stop_on_signals(message: str, seconds: float = STOP_SECONDS) -> Iterator[list[int]]:
    """Let SIGINT and SIGTERM ask the process to stop, and a second one end it at once.

    Args:
        message: what is written to standard error at the first signal.
        seconds: how long the work inside may still take.

    Yields:
        The signals that have come; none in any thread but the main one, which alone gets signals.
    """
    signals: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop_request.is_asked:
            end_at_once(number)
        stop_request.ask(seconds)
        signals.append(number)
        # A database that hangs would hold this process up: no error comes, nothing ends.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        # Not by a stream: the signal may have come while the main thread writes to the same one.
        os.write(2, f"\n{message}\n".encode())

    def give_up(_number: int, _frame: FrameType | None) -> None:
        os.write(2, b"Not everything could be stored in time.\n")
        end_at_once(signals[0])

    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    # What a script starts in the background ignores Ctrl-C, which is meant for what is in front.
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, handle) for number in numbers}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, give_up)
    try:
        yield signals
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        stop_request.forget()
