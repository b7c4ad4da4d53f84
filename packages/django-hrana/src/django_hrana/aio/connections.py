"""The asynchronous connections of each event loop, one for each database, and statements on them.

They are closed when their loop shuts down, as `asyncio.run` and servers do at the end. Another loop
has others.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

from django.db.backends.utils import CursorDebugWrapper

from django_hrana import driver
from django_hrana.base import CONVERTERS, DatabaseWrapper, to_qmark
from django_hrana.driver import aio

__all__ = ["close_connections", "run_statement"]

Key = tuple[str, str, str | None]


class LoopConnections:
    """The connections of one event loop."""

    def __init__(self) -> None:
        self._connections: dict[Key, aio.AsyncConnection] = {}
        self._guard: AsyncGenerator[None, None] | None = None

    def find(self, wrapper: DatabaseWrapper) -> aio.AsyncConnection:
        """Return the connection to a database; the first one also watches for the loop's end."""
        settings = wrapper.settings_dict
        # Tests change where an alias leads to.
        key = (wrapper.alias, settings["NAME"], settings["OPTIONS"].get("namespace"))
        connection = self._connections.get(key)
        if connection is None or connection.closed:
            connection = self._connections[key] = _connect(wrapper)
            self._watch()
        return connection

    async def close(self) -> None:
        """Close them all."""
        while self._connections:
            _key, connection = self._connections.popitem()
            await connection.close()

    def _watch(self) -> None:
        """Have `close` called when the loop shuts its asynchronous generators down."""
        if self._guard is not None:
            return
        self._guard = self._until_shutdown()
        with contextlib.suppress(StopIteration):  # it has come to its `yield`
            self._guard.__anext__().send(None)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._guard = None
            await self.close()
            LOOPS.pop(asyncio.get_running_loop(), None)


LOOPS: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopConnections]] = (
    weakref.WeakKeyDictionary()
)


def _connect(wrapper: DatabaseWrapper) -> aio.AsyncConnection:
    parameters = wrapper.get_connection_params()
    parameters.pop("transaction_mode")
    limit = wrapper.settings_dict["OPTIONS"].get("async_connections")
    parameters["max_connections"] = limit or aio.DEFAULT_MAX_CONNECTIONS
    with wrapper.wrap_database_errors:
        return aio.connect(**parameters, converters=CONVERTERS)


async def run_statement(wrapper: DatabaseWrapper, sql: str, parameters: Any) -> driver.Cursor:
    """Run a statement of Django's; return a cursor with its result.

    Args:
        wrapper: Django's own connection to the database in this thread, which is never opened: its
            settings, its log of queries and its errors count.
        sql: with Django's placeholders.
        parameters: None where % is just a %.

    Raises:
        django.db.Error: as Django's cursors raise them.
    """
    loops = LOOPS.setdefault(asyncio.get_running_loop(), LoopConnections())
    connection = loops.find(wrapper)
    with _logged(wrapper, sql, parameters), wrapper.wrap_database_errors:
        if parameters is None:
            return await connection.execute(sql)
        return await connection.execute(to_qmark(sql, parameters), parameters)


async def close_connections() -> None:
    """Close the asynchronous connections of the running loop; the next query opens others."""
    loops = LOOPS.get(asyncio.get_running_loop())
    if loops is not None:
        await loops.close()


@contextlib.contextmanager
def _logged(wrapper: DatabaseWrapper, sql: str, parameters: Any) -> Iterator[None]:
    """Log as Django logs, where it does."""
    if not wrapper.queries_logged:
        yield
        return
    with CursorDebugWrapper(None, wrapper).debug_sql(sql, parameters, use_last_executed_query=True):
        yield
