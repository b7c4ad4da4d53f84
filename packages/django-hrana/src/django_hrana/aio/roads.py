"""Which way an asynchronous query takes: the event loop's own, or Django's, in a thread."""

from typing import Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_hrana.base import DatabaseWrapper
from django_hrana.checks import ASYNC_CONNECTIONS
from django_hrana.contexts import has_open_transaction, is_in_transaction

__all__ = ["find_wrapper"]

NO_CONNECTIONS: Final = 0


def find_wrapper(alias: str) -> DatabaseWrapper | None:
    """Return Django's connection of this thread by which a query is compiled; None: Django's way.

    It is not opened. Django's way is taken by

    - databases of other backends, SQLite for example;
    - whatever stands inside of a transaction, whose rows only its own connection sees;
    - databases with a replica, which is read faster than a loop could wait;
    - tests whose runner forbids queries: it says so itself.
    """
    wrapper = connections[alias]
    if not isinstance(wrapper, DatabaseWrapper):
        return None
    options = wrapper.settings_dict["OPTIONS"]
    if options.get("replica") or options.get(ASYNC_CONNECTIONS) == NO_CONNECTIONS:
        return None
    if is_in_transaction(wrapper) or has_open_transaction(wrapper):
        return None
    return None if _is_forbidden() else wrapper


def _is_forbidden() -> bool:
    """Whether somebody, pytest-django for one, has put something in the place of connecting."""
    return BaseDatabaseWrapper.ensure_connection.__module__ != BaseDatabaseWrapper.__module__
