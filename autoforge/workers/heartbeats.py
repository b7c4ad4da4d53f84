"""Workers say in the queue's own storage that they live, so that others can ask.

Each writes every few seconds when it was, and what its threads do. It is the queue that holds it
(Redis, or the queue's SQLite file) and not the database: a worker without its queue does nothing,
and each write to a database far away costs money.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from django.conf import settings

from evaluations.leases import describe_worker, is_dead, is_here

__all__ = [
    "BEAT_SECONDS",
    "LATE_SECONDS",
    "Heartbeat",
    "HeartbeatStore",
    "QueueError",
    "ThreadState",
    "list_workers",
    "open_store",
]

BEAT_SECONDS: Final = 5.0
LATE_SECONDS: Final = 20.0  # four beats
IDLE_SECONDS: Final = 120.0  # a thread without a task looks at the queue every ten seconds
FORGOTTEN_SECONDS: Final = 3600.0


class QueueError(Exception):
    """The queue does not answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadState:
    """What one thread of a worker does."""

    name: str
    """Worker-1, Worker-2 …, or Scheduler."""
    is_alive: bool
    """Whether it runs."""
    task: str
    """The task it works on; empty: none."""
    seconds: float
    """How long it has worked on that task, or since it last looked for one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What a worker said last."""

    worker: str
    """Host, process and when that began (`evaluations.leases.worker_name`)."""
    age_seconds: float
    """How long ago it said so, by the queue's clock."""
    is_stopping: bool
    """Whether it was asked to stop."""
    threads: tuple[ThreadState, ...]
    """Its threads."""

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine; in a container: in this one."""
        return is_here(self.worker)

    @property
    def problem(self) -> str:
        """Why it does not work as it should; empty where it does."""
        if self.age_seconds > LATE_SECONDS:
            return f"has not been heard from for {self.age_seconds:.0f} s"
        for thread in self.threads:
            if not thread.is_alive:
                return f"has lost its thread {thread.name}"
            if not thread.task and thread.seconds > IDLE_SECONDS and not self.is_stopping:
                return f"has not looked for work in {thread.name} for {thread.seconds:.0f} s"
        return ""

    @property
    def name(self) -> str:
        """Host and process, for people."""
        return describe_worker(self.worker)


class HeartbeatStore(Protocol):
    """Where heartbeats are; each method may raise QueueError."""

    def write(self, worker: str, beat: str) -> None:
        """Store what a worker says, with the time."""

    def read(self) -> dict[str, tuple[float, str]]:
        """Return worker → seconds since it said so, and what it said."""

    def remove(self, worker: str) -> None:
        """Forget a worker that has ended."""


def open_store(huey: Any) -> HeartbeatStore:
    """Return where the workers of a queue write their heartbeats."""
    if settings.QUEUE == "redis":
        return _RedisStore(huey.storage)
    return _FileStore(huey.storage)


class _RedisStore:
    """A hash beside the queue; Redis' own clock, since workers are on many machines."""

    def __init__(self, storage: Any) -> None:
        self._redis = storage.conn
        self._key = f"huey.workers.{storage.name}"

    def write(self, worker: str, beat: str) -> None:
        with _as_queue_errors():
            self._redis.hset(self._key, worker, json.dumps([self._now(), beat]))

    def read(self) -> dict[str, tuple[float, str]]:
        with _as_queue_errors():
            now = self._now()
            rows: Mapping[bytes, bytes] = self._redis.hgetall(self._key)
        beats = {}
        for worker, value in rows.items():
            written, beat = json.loads(value)
            beats[worker.decode()] = (max(0.0, now - written), beat)
        return beats

    def remove(self, worker: str) -> None:
        with _as_queue_errors():
            self._redis.hdel(self._key, worker)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1_000_000


class _FileStore:
    """A table in the queue's file, which one machine has."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        with _as_queue_errors():
            self._storage.sql(
                "CREATE TABLE IF NOT EXISTS workers "
                "(name TEXT PRIMARY KEY, written REAL NOT NULL, beat TEXT NOT NULL)",
                commit=True,
            )

    def write(self, worker: str, beat: str) -> None:
        statement = "INSERT OR REPLACE INTO workers (name, written, beat) VALUES (?, ?, ?)"
        with _as_queue_errors():
            self._storage.sql(statement, (worker, time.time(), beat), commit=True)

    def read(self) -> dict[str, tuple[float, str]]:
        with _as_queue_errors():
            rows = self._storage.sql("SELECT name, written, beat FROM workers", results=True)
        now = time.time()
        return {name: (max(0.0, now - written), beat) for name, written, beat in rows}

    def remove(self, worker: str) -> None:
        with _as_queue_errors():
            self._storage.sql("DELETE FROM workers WHERE name = ?", (worker,), commit=True)


@contextmanager
def _as_queue_errors() -> Iterator[None]:
    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
    if settings.QUEUE == "redis":
        from redis import RedisError  # only where there is one

        errors = (RedisError, OSError)
    try:
        yield
    except errors as error:
        # Not its text: a client may have written the URL into it.
        raise QueueError(f"the queue ({settings.QUEUE}) is not responding") from error


def write_beat(
    store: HeartbeatStore, worker: str, threads: tuple[ThreadState, ...], *, is_stopping: bool
) -> None:
    """Say that a worker lives.

    Raises:
        QueueError: the queue does not take it.
    """
    content = {"is_stopping": is_stopping, "threads": [asdict(thread) for thread in threads]}
    store.write(worker, json.dumps(content))


def list_workers() -> list[Heartbeat]:
    """Return the workers of this installation's queue that have not ended, also stuck ones.

    Those that died on this machine are left out, and those of other machines after an hour.

    Raises:
        QueueError: the queue does not answer.
    """
    if settings.HUEY is None:
        return []
    store = open_store(settings.HUEY)
    workers = []
    for name, (age_seconds, text) in sorted(store.read().items()):
        if age_seconds > FORGOTTEN_SECONDS or is_dead(name):
            store.remove(name)
            continue
        content = json.loads(text)
        threads = tuple(ThreadState(**thread) for thread in content["threads"])
        workers.append(
            Heartbeat(
                worker=name,
                age_seconds=age_seconds,
                is_stopping=content["is_stopping"],
                threads=threads,
            )
        )
    return workers
