"""Which connections of Django's opened a transaction in the code that leads here.

An asynchronous query must know whether it stands inside of a transaction of a thread: it would not
see what that has not committed yet. asgiref carries context variables from threads to tasks and
back, so that what a thread has noted here, the tasks that it starts can read; a test's transaction,
for example, that surrounds an asynchronous test.
"""

import contextvars
import weakref
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["has_open_transaction", "is_in_transaction", "note_transaction"]

Noted = tuple["weakref.ref[BaseDatabaseWrapper]", ...]

NOTED: Final[contextvars.ContextVar[Noted]] = contextvars.ContextVar(
    "django_hrana_transactions", default=()
)


def note_transaction(wrapper: BaseDatabaseWrapper) -> None:
    """Remember a connection that begins a transaction; whether it is open, it says itself."""
    noted = NOTED.get()
    for reference in noted:
        if reference() is wrapper:
            return
    alive = [reference for reference in noted if reference() is not None]
    NOTED.set((*alive, weakref.ref(wrapper)))


def has_open_transaction(wrapper: BaseDatabaseWrapper) -> bool:
    """Whether the code that leads here has a transaction open, in any thread, on a database.

    Args:
        wrapper: a connection to the database. The transaction may be another alias's: a write
            would wait for it, and it for the write.
    """
    database = _find_database(wrapper)
    for reference in NOTED.get():
        other = reference()
        if other is None or not is_in_transaction(other):
            continue
        if other.alias == wrapper.alias or _find_database(other) == database:
            return True
    return False


def _find_database(wrapper: BaseDatabaseWrapper) -> tuple[object, object]:
    settings = wrapper.settings_dict
    return settings["NAME"], settings["OPTIONS"].get("namespace")


def is_in_transaction(wrapper: BaseDatabaseWrapper) -> bool:
    """Whether a connection is inside of `atomic`, or does not commit by itself."""
    is_connected = wrapper.connection is not None
    return wrapper.in_atomic_block or (is_connected and not wrapper.autocommit)
