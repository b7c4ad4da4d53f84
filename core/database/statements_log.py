"""With DEBUG, Django keeps the last 9,000 statements with their values: megabytes each, here.

They are kept where somebody asks for them: tests and tools by `force_debug_cursor`, people by the
level DEBUG of the log `django.db.backends`.
"""

import logging
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["keep_on_demand"]

LOG = logging.getLogger("django.db.backends")


def keep_on_demand(connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Make a connection keep its statements on demand alone; a receiver of `connection_created`."""
    keeping = type(connection).make_debug_cursor

    def make_debug_cursor(cursor: Any) -> Any:
        if connection.force_debug_cursor or LOG.isEnabledFor(logging.DEBUG):
            return keeping(connection, cursor)
        return connection.make_cursor(cursor)

    connection.make_debug_cursor = make_debug_cursor  # type: ignore[method-assign]  # of this one
