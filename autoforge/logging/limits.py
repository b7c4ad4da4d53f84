"""How often the same thing is logged: a line a minute for each process, with what was held back.

Plain Python, and no other part of ours: the cache, the filters of the log and the request log use
one limit, so that a Redis that is away is one line a minute in all.
"""

import threading
import time
from collections.abc import Hashable
from typing import Final

__all__ = ["LOG_EVERY_SECONDS", "REDIS", "Limits", "held_back_words", "limits"]

LOG_EVERY_SECONDS: Final = 60.0
MOST_KEYS: Final = 1_000  # beyond it the oldest are forgotten: a key may hold a text from outside
REDIS: Final = "redis"  # the key under which everything that a dead Redis causes is counted


class Limits:
    """Counts what is logged under each key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Hashable, float] = {}
        self._held_back: dict[Hashable, int] = {}

    def take(self, key: Hashable) -> int | None:
        """Return how many lines were held back since the last one; None: hold back this one too."""
        now = time.monotonic()
        with self._lock:
            if now < self._next.get(key, now):
                self._held_back[key] = self._held_back.get(key, 0) + 1
                return None
            # Put at the end, so that the first key is the one that was logged longest ago.
            self._next.pop(key, None)
            self._next[key] = now + LOG_EVERY_SECONDS
            while len(self._next) > MOST_KEYS:
                oldest = next(iter(self._next))
                del self._next[oldest]
                self._held_back.pop(oldest, None)
            return self._held_back.pop(key, 0)

    def forget(self) -> None:
        """Begin anew: the next line of every key is logged."""
        with self._lock:
            self._next.clear()
            self._held_back.clear()


limits = Limits()


def held_back_words(count: int) -> str:
    """Return what ends a message after `count` lines were held back; nothing for none."""
    if not count:
        return ""
    return f" ({count} more since the last line)"
