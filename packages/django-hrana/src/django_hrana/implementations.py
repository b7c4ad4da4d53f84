"""The register of SQL that stands in for Django's, by the class of the node that it compiles.

Django registers Python functions inside of the sqlite3 library; on a server there are only SQL and
what the server has built in. Nothing here changes Django's classes: `compiler` looks them up.
"""

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Final

__all__ = ["Compiled", "Implementation", "find_implementation", "implements", "known"]

Compiled = tuple[str, object]
Implementation = Callable[[object, object, object], Compiled]

IMPLEMENTATIONS: Final[dict[type, Implementation]] = {}


@lru_cache(maxsize=1024)
def find_implementation(kind: type) -> Implementation | None:
    """Return our SQL for nodes of a class; None where Django's is right.

    A subclass that brings SQL of its own keeps it.
    """
    for parent in kind.__mro__:
        if parent in IMPLEMENTATIONS:
            return IMPLEMENTATIONS[parent] if _is_same(kind, parent) else None
    return None


def _is_same(kind: type, parent: type) -> bool:
    for name in ("as_sqlite", "as_sql", "template", "function"):
        if getattr(kind, name, None) != getattr(parent, name, None):
            return False
    return True


def implements(*kinds: type) -> Callable[[Implementation], Implementation]:
    """Return a decorator that registers a function for some classes of nodes."""

    def register(implementation: Implementation) -> Implementation:
        IMPLEMENTATIONS.update(dict.fromkeys(kinds, implementation))
        return implementation

    return register


def known(module: ModuleType, *names: str) -> list[type]:
    """Return those of the named classes that the installed Django has."""
    return [getattr(module, name) for name in names if hasattr(module, name)]
