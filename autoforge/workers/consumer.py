"""huey's consumer, but that it stops well, and says that it lives.

huey waits for its tasks without an end at SIGINT, and cuts them at SIGTERM. Here both ask the
process to stop: each task comes to its end by itself (`core.stopping`), and no other is begun. The
second signal ends it at once.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from huey.api import Huey
from huey.consumer import Consumer, Scheduler, Worker
from huey.signals import SIGNAL_EXECUTING

from autoforge.workers.heartbeats import (
    BEAT_SECONDS,
    QueueError,
    ThreadState,
    open_store,
    write_beat,
)
from core.stopping import ENDING_SECONDS, STOP_SECONDS, end_at_once, stop_request
from evaluations.leases import worker_name

__all__ = ["QueueConsumer"]

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.1  # between two looks at the flag that huey sets soon after the request


class QueueWorker(Worker):  # type: ignore[misc]  # huey has no types
    """One thread that works on tasks; it takes none after the process was asked to stop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.task = ""
        self.since = time.monotonic()
        super().__init__(*arguments, **options)

    def loop(self, now: Any = None) -> None:
        """Take a task and work on it, or wait."""
        self.task, self.since = "", time.monotonic()
        if stop_request.is_asked:
            self.stop_flag.wait(IDLE_SECONDS)
            return
        _current.worker = self
        super().loop(now)


class QueueScheduler(Scheduler):  # type: ignore[misc]  # huey has no types
    """The thread that hands out what is due."""

    task = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.since = time.monotonic()
        super().__init__(*arguments, **options)

    def loop(self, now: Any = None) -> None:
        """Hand out what is due, and wait."""
        self.since = time.monotonic()
        super().loop(now)


_current = threading.local()


class QueueConsumer(Consumer):  # type: ignore[misc]  # huey has no types
    """The threads of one worker's process.

    Args:
        huey: the queue.
        workers: how many tasks at a time.
        stop_seconds: how long it may take to stop.
    """

    worker_class = QueueWorker
    scheduler_class = QueueScheduler

    def __init__(self, huey: Huey, *, workers: int, stop_seconds: float = STOP_SECONDS) -> None:
        self._stop_seconds = stop_seconds
        self._scheduler: QueueScheduler | None = None
        super().__init__(
            huey,
            workers=workers,
            check_worker_health=True,
            shutdown_timeout=stop_seconds - ENDING_SECONDS / 2,
        )
        self._name = worker_name()
        huey.signal(SIGNAL_EXECUTING)(_note_task)
        self._has_ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="Heartbeat", daemon=True)
        # Now, and not after the threads have begun: the first process of a container gets no
        # signal that it has no handler for.
        self._set_signal_handlers()

    def start(self) -> None:
        """Start the threads, then say that they live: one that has not begun is not a lost one."""
        super().start()
        self._beats.start()

    def run(self) -> None:
        """Work until a signal comes."""
        try:
            super().run()
        finally:
            self._end_beats()

    @property
    def is_at_rest(self) -> bool:
        """Whether all its threads have ended."""
        return not any(state.is_alive for state in self._list_threads())

    def _create_scheduler(self) -> QueueScheduler:
        self._scheduler = super()._create_scheduler()
        return self._scheduler

    def _list_threads(self) -> Iterator[ThreadState]:
        pairs = [*self.worker_threads, (self._scheduler, self.scheduler)]
        now = time.monotonic()
        for work, thread in pairs:
            yield ThreadState(
                name=thread.name,
                is_alive=self.environment.is_alive(thread),
                task=work.task,
                seconds=round(now - work.since, 1),
            )

    def _beat(self) -> None:
        """Say that this process lives, until it ends; a queue that is away is huey's to report."""
        store = None
        while not self._has_ended.is_set():
            try:
                store = store or open_store(self.huey)
                states = tuple(self._list_threads())
                write_beat(store, self._name, states, is_stopping=stop_request.is_asked)
            except QueueError as error:
                logger.debug("A heartbeat could not be written: %s", error)
            self._has_ended.wait(BEAT_SECONDS)
        if store is not None:
            try:
                store.remove(self._name)
            except QueueError as error:
                logger.debug("The heartbeat could not be removed: %s", error)

    def _end_beats(self) -> None:
        self._has_ended.set()
        if self._beats.is_alive():
            self._beats.join(ENDING_SECONDS / 2)

    def _handle_signal(self, signum: int, _frame: FrameType | None) -> None:
        if stop_request.is_asked:
            end_at_once(signum)
        stop_request.ask(self._stop_seconds)
        # huey's main loop reads these: a graceful stop, and after SIGHUP it begins anew.
        self._signum = signum
        self._graceful = True
        self._restart = signum == signal.SIGHUP


def _note_task(_signal: str, task: Any) -> None:
    """Note what this thread works on; huey calls it there."""
    worker: QueueWorker | None = getattr(_current, "worker", None)
    if worker is not None:
        worker.task, worker.since = _name_task(task), time.monotonic()


def _name_task(task: Any) -> str:
    """Return the function behind a task; for huey, those of django-tasks are calls of one."""
    first = task.args[0] if task.args else None
    path = first if isinstance(first, str) else str(task.name)
    return path.rpartition(".")[2]
