"""What is read when Prometheus asks: the state of database, queue, Redis, token and backups.

A scrape costs one statement, which is one round trip on libSQL (where backups are scheduled, one
more in another thread), and has its answer within seconds whatever is away: database and Redis are
asked in a thread that is left behind where it hangs, and none is started while one hangs. What
cannot be read is left out, and a number says so.
"""

import logging
import platform
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import django
from django.conf import settings
from django.db import connections
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from autoforge import __version__
from autoforge.metrics.database_state import DatabaseState, read_database
from autoforge.operations.backups.newest import scheduled_every
from core.token_expiry import read_token_expiry

__all__ = [
    "DATES",
    "Reader",
    "describe_build",
    "read_all",
    "read_dates",
    "read_queue",
    "read_redis",
    "read_state",
    "reader",
]

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 3.0  # Prometheus gives up after ten unless told otherwise
FRESH_SECONDS: Final = 1.0


def describe_build() -> Metric:
    """Return the versions, as labels of a number that is always 1."""
    family = GaugeMetricFamily(
        "autoforge_build_info",
        "Version of AutoForge, of Django and of Python.",
        labels=["version", "django", "python"],
    )
    family.add_metric([__version__, django.get_version(), platform.python_version()], 1)
    return family


def read_all() -> list[Metric]:
    """Return the state of everything, as it was within the last second."""
    return reader.read()


class _Attempt:
    """One reading in a thread of its own."""

    def __init__(self, read: Callable[[], list[Metric]], name: str) -> None:
        self.families: list[Metric] | None = None
        self._read = read
        self.thread = threading.Thread(target=self._work, name=f"metrics-{name}", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            self.families = self._read()
        except Exception:
            logger.exception("A number for Prometheus could not be read")
        finally:
            connections.close_all()  # of this thread


class Reader:
    """Asks each part at most once at a time, and no more often than every second."""

    def __init__(self, parts: dict[str, Callable[[], list[Metric]]]) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._running: dict[str, _Attempt] = {}
        self._families: list[Metric] = []
        self._read_at = float("-inf")

    def read(self) -> list[Metric]:
        """Return the state, without that of parts that do not answer in time."""
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._families = self._ask()
                self._read_at = time.monotonic()
            return self._families

    def forget(self) -> None:
        """Ask everything anew at the next scrape."""
        with self._lock:
            self._read_at = float("-inf")

    def _ask(self) -> list[Metric]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        hanging = set()
        for name, read in self._parts.items():
            attempt = self._running.get(name)
            if attempt is not None and attempt.thread.is_alive():
                hanging.add(name)  # it has had its time at an earlier scrape
            else:
                self._running[name] = _Attempt(read, name)
        families: list[Metric] = []
        for name in self._parts:
            attempt = self._running[name]
            if name not in hanging:
                attempt.thread.join(max(0.0, deadline - time.monotonic()))
            is_done = not attempt.thread.is_alive() and attempt.families is not None
            families += _list_families(name, attempt.families if is_done else None)
        return families


def _list_families(name: str, families: list[Metric] | None) -> list[Metric]:
    """Return what a part has answered; of one that has not, that it is away."""
    if families is not None:
        return families
    return AWAY[name]()


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"autoforge_{name}", documentation, value)


NEWEST_BACKUP: Final = "autoforge_backup_newest_good_timestamp_seconds"

# --- Database -------------------------------------------------------------------------------------


def _tell_database_up(value: float) -> Metric:
    return _gauge("database_up", "Whether the database answers, 1 or 0.", value)


def _read_database() -> list[Metric]:
    started = time.perf_counter()
    state = read_database()
    if state is None:
        return [_tell_database_up(0)]
    return read_state(state, time.perf_counter() - started)


def read_state(state: DatabaseState, seconds: float) -> list[Metric]:
    """Return the numbers of a database that answers, which took so many seconds."""
    runs = GaugeMetricFamily(
        "autoforge_runs", "Runs that have not ended, by status.", labels=["status"]
    )
    for status, count in state.open_runs.items():
        runs.add_metric([status], count)
    return [
        _tell_database_up(1),
        _gauge(
            "database_read_seconds", "Time that the statement behind these numbers took.", seconds
        ),
        runs,
        _gauge(
            "runs_abandoned",
            "Running runs whose worker has let its lease expire.",
            state.abandoned_runs,
        ),
        _gauge(
            "run_oldest_pending_age_seconds",
            "Age of the oldest run that waits for a worker; 0 where none waits.",
            state.oldest_pending_run_seconds,
        ),
        _gauge(
            "webhook_pending_deliveries",
            "Deliveries to enabled endpoints that wait for an attempt.",
            state.pending_deliveries,
        ),
        _gauge(
            "webhook_oldest_pending_age_seconds",
            "Age of the oldest delivery that waits for an attempt; 0 where none waits.",
            state.oldest_delivery_seconds,
        ),
        _gauge(
            "migrations_pending",
            "Migrations that the code has and the database has not.",
            state.pending_migrations,
        ),
        *_list_backup(state),
    ]


def _list_backup(state: DatabaseState) -> list[Metric]:
    """Return when the newest good backup was made; nothing where none is made or scheduled."""
    if state.newest_backup_seconds is None and scheduled_every() is None:
        return []
    text = "When the newest good backup was made, in seconds since 1970; 0: there is none."
    seconds = state.newest_backup_seconds or 0.0  # so that an alert on its age fires
    return [GaugeMetricFamily(NEWEST_BACKUP, text, seconds)]


# --- Queue and Redis ------------------------------------------------------------------------------


def _tell_queue_up(value: float) -> Metric:
    return _gauge("queue_up", "Whether the queue answers, 1 or 0.", value)


def read_queue() -> list[Metric]:
    """Return whether the queue answers, and how much is in it; nothing where there is none."""
    queue: Any = settings.HUEY
    if queue is None:  # the server's own threads work: there is no queue to look at
        return []
    try:
        pending, scheduled = queue.pending_count(), queue.scheduled_count()
    except Exception:  # noqa: BLE001 (of whichever storage)
        return [_tell_queue_up(0)]
    tasks = GaugeMetricFamily(
        "autoforge_queue_tasks", "Tasks in the queue, by state.", labels=["state"]
    )
    tasks.add_metric(["pending"], pending)
    tasks.add_metric(["scheduled"], scheduled)
    return [_tell_queue_up(1), tasks]


def _tell_redis_up(value: float) -> Metric:
    return _gauge("redis_up", "Whether Redis answers, 1 or 0; only where it is configured.", value)


def read_redis() -> list[Metric]:
    """Return whether Redis answers; nothing where none is configured."""
    if not settings.HAS_REDIS:
        return []
    from redis import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(
        settings.CACHES["default"]["LOCATION"],
        socket_timeout=PATIENCE_SECONDS / 2,
        socket_connect_timeout=PATIENCE_SECONDS / 2,
    )
    try:
        client.ping()
    except (RedisError, OSError):
        return [_tell_redis_up(0)]
    finally:
        client.close()
    return [_tell_redis_up(1)]


# --- Dates ----------------------------------------------------------------------------------------

EXPIRY: Final = "autoforge_database_token_expiry_timestamp_seconds"
DATES: Final = (EXPIRY,)


def read_dates() -> list[Metric]:
    """Return dates as they are: how far away they are is for Prometheus to say."""
    families: list[Metric] = []
    token = read_token_expiry()
    if token is not None and token.ends is not None:
        text = "When the database's token expires, in seconds since 1970."
        families.append(GaugeMetricFamily(EXPIRY, text, token.ends.timestamp()))
    return families


AWAY: Final[dict[str, Callable[[], list[Metric]]]] = {
    "database": lambda: [_tell_database_up(0)],
    "queue": lambda: [_tell_queue_up(0)],
    "redis": lambda: [_tell_redis_up(0)],
    "dates": list,
}
reader: Final = Reader(
    {
        "database": _read_database,
        "queue": read_queue,
        "redis": read_redis,
        "dates": read_dates,
    }
)
