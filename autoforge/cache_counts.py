"""Hits, misses and errors of the cache, told to whoever counts them; mostly to nobody."""

from collections.abc import Callable
from typing import Any, Final, Literal

from django.core.cache.backends.locmem import LocMemCache

__all__ = ["CountedMemoryCache", "Outcome", "set_listener", "tell"]

Outcome = Literal["hit", "miss", "error"]
Listener = Callable[[Outcome, int], None]

_listeners: Final[list[Listener]] = []
NOTHING: Final = object()


def set_listener(listener: Listener | None) -> None:
    """Have somebody told of every value that is asked for: what became of how many."""
    _listeners[:] = [] if listener is None else [listener]


def tell(outcome: Outcome, count: int = 1) -> None:
    """Tell of values that were asked for."""
    if count:
        for listener in _listeners:
            listener(outcome, count)


class CountedMemoryCache(LocMemCache):
    """Django's cache in this process's memory, which tells what it had."""

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        """Return the value, or `default`."""
        value = super().get(key, NOTHING, version)
        if value is NOTHING:
            tell("miss")
            return default
        tell("hit")
        return value
