"""Released prompts in memory: in Redis where there is one, else beside a local SQLite file.

What is kept is never older than the last write, on every process:

- Redis holds a generation beside the values. A write changes it twice, inside its transaction and
  when it is committed, and what was read under another generation counts for nothing.
- Without Redis a process keeps values for each connection to a SQLite file as long as SQLite's own
  counter of commits (PRAGMA data_version, no I/O) says that nobody has written.
- A remote database without Redis has nothing that says so for less than a round trip, and that
  round trip may as well bring the row: then nothing is kept.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction

__all__ = ["forget_releases", "remember"]

ValueT = TypeVar("ValueT")
GENERATION: Final = "prompts:releases:generation"
PREFIX: Final = "prompts:releases:"
TTL_SECONDS: Final = 60  # bounds what a process leaves behind that dies between commit and word
GENERATION_SECONDS: Final = 7 * 24 * 60 * 60  # far longer than a value, which needs it
LOADING_SECONDS: Final = 5  # then others load for themselves: who began may be dead
POLL_SECONDS: Final = 0.01  # about what the query takes that they wait for
MOST_LOCAL: Final = 1000  # values; then the process begins anew

_local = threading.local()
_own_writes = 0


def remember(key: str, load: Callable[[], ValueT]) -> ValueT:
    """Return the value of `key`, from memory or from `load`, which many callers share."""
    if connection.in_atomic_block:  # it may see what nobody else does, and never will
        return load()
    if settings.HAS_REDIS:
        return _remember_shared(PREFIX + key, load)
    if connection.vendor == "sqlite" and connection.settings_dict["ENGINE"].endswith("sqlite"):
        return _remember_local(key, load)
    return load()


def forget_releases() -> None:
    """Let nobody see what was kept before this transaction."""
    if settings.HAS_REDIS:
        _next_generation()
        transaction.on_commit(_next_generation)
    transaction.on_commit(_count_own_write)


def _next_generation() -> None:
    cache.set(GENERATION, uuid.uuid4().hex, GENERATION_SECONDS)


def _count_own_write() -> None:
    global _own_writes  # noqa: PLW0603 (one number for the process)
    _own_writes += 1


def _remember_shared(key: str, load: Callable[[], ValueT]) -> ValueT:
    deadline = time.monotonic() + LOADING_SECONDS
    while True:
        cached = cache.get_many([GENERATION, key])  # one round trip
        generation = cached.get(GENERATION) or _first_generation()
        entry = cached.get(key)
        if entry is not None and entry[0] == generation:
            value: ValueT = entry[1]
            return value
        # One process loads, the others wait for it: when a label moves, all of them ask at once.
        lock = f"{key}:loading:{generation}"
        if cache.add(lock, 1, LOADING_SECONDS) or time.monotonic() > deadline:
            return _load_shared(key, generation, lock, load)
        if GENERATION not in cached and cache.get(GENERATION) is None:
            return load()  # Redis is away
        time.sleep(POLL_SECONDS)


def _load_shared(key: str, generation: str, lock: str, load: Callable[[], ValueT]) -> ValueT:
    try:
        entry = cache.get(key)  # loaded by another while this one went for the lock
        if entry is not None and entry[0] == generation:
            cached: ValueT = entry[1]
            return cached
        value = load()
        # With the generation of before the query: a write since then has made another.
        cache.set(key, (generation, value), TTL_SECONDS)
        return value
    finally:
        with contextlib.suppress(Exception):  # it runs out by itself
            cache.delete(lock)


def _first_generation() -> str:
    cache.add(GENERATION, uuid.uuid4().hex, GENERATION_SECONDS)  # of several processes one wins
    return str(cache.get(GENERATION) or "")


def _remember_local(key: str, load: Callable[[], ValueT]) -> ValueT:
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # SQLite's own cursor: Django's takes ten times as long, on the way of every request.
        (commits,) = connection.connection.execute("PRAGMA data_version").fetchone()
    # data_version counts the commits of other connections; our own are counted besides.
    state = (id(connection.connection), commits, _own_writes)
    values: dict[str, Any] = getattr(_local, "values", {})
    if getattr(_local, "state", None) != state or len(values) > MOST_LOCAL:
        values = {}
        _local.values = values
        _local.state = state
    if key not in values:
        values[key] = load()
    value: ValueT = values[key]
    return value
