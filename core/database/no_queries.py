"""A stretch of code in which this thread's databases are not asked, whatever is called in it.

For writing a log line or an error page: the `repr` of a lazy user or of a query would ask the
database, which may be what has just failed, and the answer would wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from django.db import connections

__all__ = ["QueryRefusedError", "no_queries"]

# What every query goes through, on both of our backends: opening comes before executing, and it is
# opening that waits for a server which is away.
DOORS: Final = ("ensure_connection", "cursor", "chunked_cursor")


class QueryRefusedError(RuntimeError):
    """A query was made where none may be."""


def _refuse(*_arguments: object, **_named: object) -> NoReturn:
    raise QueryRefusedError(
        "The database is not queried while a log line or an error page is written."
    )


@contextmanager
def no_queries() -> Iterator[None]:
    """Raise `QueryRefusedError` in whatever asks a database inside of the block."""
    # Looking a connection up makes its object, and opens nothing.
    wrappers = [connections[alias] for alias in connections]
    closed: list[tuple[dict[str, object], str, object]] = []
    for wrapper in wrappers:
        attributes = vars(wrapper)
        for door in DOORS:
            closed.append((attributes, door, attributes.get(door)))
            attributes[door] = _refuse
    try:
        yield
    finally:
        for attributes, door, before in reversed(closed):
            if before is None:
                attributes.pop(door, None)
            else:
                attributes[door] = before
