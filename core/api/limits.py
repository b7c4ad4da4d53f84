"""How many requests a caller may send in a minute: counted in Redis, else in this process.

Minutes are those of the clock, so that every process counts the same ones.
"""

import threading
import time
from typing import Final, NamedTuple

from django.conf import settings
from django.core.cache import cache

from core.access.callers import Caller
from core.api.problems import LimitReachedError

__all__ = ["WINDOW_SECONDS", "Allowance", "count_request"]

WINDOW_SECONDS: Final = 60
MOST: Final = 10_000  # callers of one window in memory

_lock = threading.Lock()
_counts: dict[str, int] = {}
_window = 0


class Allowance(NamedTuple):
    """What a caller has left."""

    limit: int
    """Requests in a window; 0 where there is no limit."""
    remaining: int
    """Requests that are left of it."""
    reset_seconds: int
    """Seconds until the next window."""

    def as_headers(self) -> dict[str, str]:
        """Return the headers of the IETF's draft “RateLimit header fields for HTTP”."""
        if not self.limit:
            return {}
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"key";r={self.remaining};t={self.reset_seconds}',
        }


def count_request(caller: Caller) -> Allowance:
    """Count a request of a caller and return what is left.

    Raises:
        LimitReachedError: nothing was left before it.
    """
    limit = caller.requests_per_minute
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    reset_seconds = WINDOW_SECONDS - int(now % WINDOW_SECONDS)
    if not limit:
        return Allowance(0, 0, reset_seconds)
    count = _count_shared(caller.identity, window)
    if count is None:
        count = _count_here(caller.identity, window)
    if count > limit:
        raise LimitReachedError("api.limit-reached", limit=limit, seconds=reset_seconds)
    return Allowance(limit, limit - count, reset_seconds)


def _count_shared(identity: str, window: int) -> int | None:
    """Return the number of this request in the window, over all processes; None without Redis."""
    if not settings.HAS_REDIS:
        return None
    key = f"api:requests:{window}:{identity}"
    try:
        return int(cache.incr(key))
    except ValueError:  # the first of this window, or Redis is away
        if cache.add(key, 1, 2 * WINDOW_SECONDS):
            return 1
    try:
        return int(cache.incr(key))  # another process was first
    except ValueError:
        return None


def _count_here(identity: str, window: int) -> int:
    global _window  # noqa: PLW0603 (one window for the process)
    with _lock:
        if window != _window or len(_counts) >= MOST:
            _counts.clear()
            _window = window
        _counts[identity] = _counts.get(identity, 0) + 1
        return _counts[identity]
