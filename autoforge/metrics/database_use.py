"""What a request asks of the database: statements, round trips, and the time it waits for them.

A libSQL connection counts its own HTTP requests and how long it waited for their answers, COMMIT
among them. SQLite has no round trips: there, the time is that of the statements.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["DatabaseUse", "Meter", "count_statements"]


class _StatementCounter:
    """Counts the statements of one connection, and times them: a wrapper of Django's cursors."""

    def __init__(self) -> None:
        self.statements = 0
        self.seconds = 0.0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any  # noqa: FBT001 (Django's)
    ) -> Any:  # fmt: skip
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.statements += 1
            self.seconds += time.perf_counter() - started


def count_statements(connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Count the statements of a connection from now on; a receiver of `connection_created`."""
    if _find_counter(connection) is None:
        # At the front: whoever adds a wrapper for a while takes the last one away again.
        connection.execute_wrappers.insert(0, _StatementCounter())


def _find_counter(connection: BaseDatabaseWrapper) -> _StatementCounter | None:
    for wrapper in connection.execute_wrappers:
        if isinstance(wrapper, _StatementCounter):
            return wrapper
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUse:
    """What was asked of the database in a while."""

    statements: int
    """How many were executed."""
    seconds: float
    """How long they were waited for."""
    round_trips: int | None
    """How many HTTP requests were sent; None: the database is a file."""


class Meter:
    """Measures from its making on what this thread asks of its database."""

    __slots__ = (
        "_connection",
        "_counter",
        "_driver",
        "_seconds",
        "_statements",
        "_trips",
        "_waited",
    )

    def __init__(self) -> None:
        self._connection = connections[DEFAULT_DB_ALIAS]
        self._counter = counter = _find_counter(self._connection)
        self._statements = 0 if counter is None else counter.statements
        self._seconds = 0.0 if counter is None else counter.seconds
        self._driver = self._connection.connection
        self._trips = getattr(self._driver, "round_trips", 0)
        self._waited = getattr(self._driver, "waited_seconds", 0.0)

    def read(self) -> DatabaseUse:
        """Return what was asked until now."""
        counter = self._counter or _find_counter(self._connection)
        if counter is None:  # there is no connection yet, so nothing was asked
            return NOTHING
        statements = counter.statements - self._statements
        driver = self._connection.connection
        trips = getattr(driver, "round_trips", None)
        if trips is None:
            seconds = counter.seconds - self._seconds
            return DatabaseUse(statements=statements, seconds=seconds, round_trips=None)
        seconds = driver.waited_seconds
        if driver is self._driver:  # else it was opened meanwhile, and began at zero
            trips -= self._trips
            seconds -= self._waited
        return DatabaseUse(statements=statements, seconds=seconds, round_trips=trips)


NOTHING: Final = DatabaseUse(statements=0, seconds=0.0, round_trips=None)
