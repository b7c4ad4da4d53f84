"""Redis as Django's cache, so that pages work while Redis does not.

A cache that is down answers like an empty one. After a failure Redis is left alone for a moment,
so that a page with twenty cache calls waits once, not twenty times; then it is asked again, and
so heals by itself. One line a minute (and process) goes to the log, with how many were held back.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django_redis.cache import RedisCache as DjangoRedisCache
from django_redis.exceptions import ConnectionInterrupted
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from autoforge.cache_counts import NOTHING, tell
from autoforge.logging.limits import REDIS, held_back_words, limits

__all__ = ["RedisCache", "explain_failure", "server_name"]

REST_SECONDS = 1.0
SCAN_SIZE = 1000
AWAY = object()  # instead of a value: Redis has not answered

logger = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


def server_name(url: str) -> str:
    """Return host, port and database of a Redis URL, without user and password."""
    return url.rpartition("@")[2].rpartition("://")[2]


def explain_failure(url: str, error: BaseException) -> tuple[str, str]:
    """Return why Redis cannot be used, and how to mend it.

    Args:
        url: the server's; user and password are not shown.
        error: of redis, or django-redis's with it as its cause.
    """
    cause = error.__cause__ or error
    name = server_name(url)
    for kind, start, fault, remedy in FAULTS:
        if isinstance(cause, kind) and str(cause).startswith(start):
            return f"Redis at {name} {fault}", remedy
    return f"Redis at {name} is not responding ({type(cause).__name__})", START


START: Final = "Start Redis, or correct REDIS_URL or REDIS_HOST; pages work without a cache."
# The error, how its text begins where the class says too little, what it means, and what to do.
FAULTS: Final[tuple[tuple[type[Exception], str, str, str], ...]] = (
    (
        AuthenticationError,
        "",
        "is not responding (AuthenticationError)",
        "Correct REDIS_PASSWORD, or the password in REDIS_URL.",
    ),
    (
        NoPermissionError,
        "",
        "lets this user do less than is needed",
        "Give the user of REDIS_URL all keys and commands, or use another one.",
    ),
    (
        OutOfMemoryError,
        "",
        "has no memory left and takes nothing more",
        "Raise its maxmemory, or set maxmemory-policy to allkeys-lru.",
    ),
    (
        ReadOnlyError,
        "",
        "is a replica, which can only be read",
        "Correct REDIS_URL or REDIS_HOST: name the primary server.",
    ),
    (BusyLoadingError, "", "is still loading its data", "Wait until it has started."),
    (
        ResponseError,
        "DB index is out of range",
        "has no database of that number",
        "Correct REDIS_DB, or the number at the end of REDIS_URL.",
    ),
    (
        ResponseError,
        "MISCONF",
        "cannot save to its disk and takes nothing more",
        "Free space on its disk, and look at its log.",
    ),
)


class Circuit:
    """Whether one Redis server is worth asking now; shared by the threads of a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._ask_again_at = 0.0

    def is_open(self) -> bool:
        """Whether the server failed a moment ago."""
        return time.monotonic() < self._ask_again_at

    def record_failure(self, error: Exception) -> None:
        """Leave the server alone for a moment; log it once a minute."""
        with self._lock:
            self._ask_again_at = time.monotonic() + REST_SECONDS
        held_back = limits.take(REDIS)
        if held_back is None:
            return
        logger.warning(
            "Redis at %s is not responding (%s); pages are served without a cache%s",
            self.name,
            type(error).__name__,
            held_back_words(held_back),
        )


class RedisCache(DjangoRedisCache):  # type: ignore[misc]  # django-redis has no types
    """django-redis that never raises because the server is away."""

    _circuits: dict[str, Circuit] = {}

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        # One try over a new connection, for the one in the pool that a restart has closed. More
        # would keep a page waiting for a server that is away.
        pool = {"retry": Retry(NoBackoff(), 1)}
        options = params.get("OPTIONS", {}) | {"CONNECTION_POOL_KWARGS": pool}
        super().__init__(server, params | {"OPTIONS": options})
        self._circuit = self._circuits.setdefault(server, Circuit(server_name(server)))

    def _attempt(self, call: Callable[[], ResultT], *, instead: ResultT) -> ResultT:
        if self._circuit.is_open():
            return instead
        try:
            return call()
        except (RedisError, ConnectionInterrupted, OSError) as error:
            self._circuit.record_failure(error)
            return instead

    def get(self, key: Any, default: Any = None, version: Any = None, client: Any = None) -> Any:
        """Return the value, or `default` while Redis is away."""
        value = self._attempt(
            lambda: super(RedisCache, self).get(key, NOTHING, version, client), instead=AWAY
        )
        if value is AWAY:
            tell("error")
            return default
        if value is NOTHING:
            tell("miss")
            return default
        tell("hit")
        return value

    def get_many(self, keys: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the values that are there; none while Redis is away."""
        keys = list(keys)
        values = self._attempt(
            lambda: super(RedisCache, self).get_many(keys, *args, **kwargs), instead=None
        )
        if values is None:
            tell("error", len(keys))
            return {}
        tell("hit", len(values))
        tell("miss", len(keys) - len(values))
        return values

    def set(self, *args: Any, **kwargs: Any) -> Any:
        """Store the value; return whether it was stored."""
        return self._attempt(lambda: super(RedisCache, self).set(*args, **kwargs), instead=False)

    def set_many(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Store the values; return the keys that were not."""
        return self._attempt(
            lambda: super(RedisCache, self).set_many(data, *args, **kwargs) or [],
            instead=list(data),
        )

    def add(self, *args: Any, **kwargs: Any) -> Any:
        """Store the value if there is none; return whether it was stored."""
        return self._attempt(lambda: super(RedisCache, self).add(*args, **kwargs), instead=False)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        """Give the key a new time to live; return whether it is there."""
        return self._attempt(lambda: super(RedisCache, self).touch(*args, **kwargs), instead=False)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Remove the key; return whether it was there."""
        return self._attempt(lambda: super(RedisCache, self).delete(*args, **kwargs), instead=False)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        """Remove the keys; return how many there were."""
        return self._attempt(
            lambda: super(RedisCache, self).delete_many(*args, **kwargs), instead=0
        )

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        """Return whether the key is there; it is not while Redis is away."""
        return self._attempt(
            lambda: super(RedisCache, self).has_key(*args, **kwargs), instead=False
        )

    def incr(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Add to a number.

        Raises:
            ValueError: there is none of that key, or Redis is away.
        """
        return self._number(key, lambda: super(RedisCache, self).incr(key, *args, **kwargs))

    def decr(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Subtract from a number.

        Raises:
            ValueError: there is none of that key, or Redis is away.
        """
        return self._number(key, lambda: super(RedisCache, self).decr(key, *args, **kwargs))

    def _number(self, key: Any, call: Callable[[], int]) -> int:
        value = self._attempt(call, instead=None)
        if value is None:
            raise ValueError(f"Key {key!r} not found")
        return value

    def clear(self) -> bool:
        """Remove the keys under our prefix, and no other application's.

        django-redis would empty the whole database of the server.
        """
        removed = self._attempt(
            lambda: self.client.delete_pattern("*", itersize=SCAN_SIZE), instead=None
        )
        return removed is not None
