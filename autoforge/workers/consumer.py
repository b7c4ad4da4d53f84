"""huey's consumer, but that SIGTERM and SIGINT let it stop well, and a second one at once.

huey waits for its tasks without an end at one signal, and cuts them at the other. Here both ask the
process to stop: each task comes to its end by itself (`core.stopping`), and no other is begun.
"""

import signal
from types import FrameType
from typing import Any

from huey.api import Huey
from huey.consumer import Consumer, Worker

from core.stopping import ENDING_SECONDS, STOP_SECONDS, end_at_once, stop_request

__all__ = ["QueueConsumer"]

IDLE_SECONDS = 0.1  # between two looks at the flag that huey sets soon after the request


class QueueWorker(Worker):  # type: ignore[misc]  # huey has no types
    """One thread that works on tasks; it takes none after the process was asked to stop."""

    def loop(self, now: Any = None) -> None:
        """Take a task and work on it, or wait."""
        if stop_request.is_asked:
            self.stop_flag.wait(IDLE_SECONDS)
            return
        super().loop(now)


class QueueConsumer(Consumer):  # type: ignore[misc]  # huey has no types
    """The threads of one worker's process.

    Args:
        huey: the queue.
        workers: how many tasks at a time.
        stop_seconds: how long it may take to stop.
    """

    worker_class = QueueWorker

    def __init__(self, huey: Huey, *, workers: int, stop_seconds: float = STOP_SECONDS) -> None:
        self._stop_seconds = stop_seconds
        super().__init__(
            huey,
            workers=workers,
            check_worker_health=True,
            shutdown_timeout=stop_seconds - ENDING_SECONDS / 2,
        )
        # Now, and not after the threads have begun: the first process of a container gets no
        # signal that it has no handler for.
        self._set_signal_handlers()

    @property
    def is_at_rest(self) -> bool:
        """Whether all its threads have ended."""
        threads = [thread for _worker, thread in self.worker_threads]
        return not any(map(self.environment.is_alive, [*threads, self.scheduler]))

    def _handle_signal(self, signum: int, _frame: FrameType | None) -> None:
        if stop_request.is_asked:
            end_at_once(signum)
        stop_request.ask(self._stop_seconds)
        # huey's main loop reads these: a graceful stop, and after SIGHUP it begins anew.
        self._signum = signum
        self._graceful = True
        self._restart = signum == signal.SIGHUP
