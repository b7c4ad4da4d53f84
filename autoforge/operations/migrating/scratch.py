"""An empty SQLite database in memory, in the place of the real one, to try migrations on.

What migrations make is found out by running them, in two seconds: also what they make by SQL or
Python, which no model tells.
"""

import sqlite3
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django.db.utils import ConnectionHandler

from autoforge.operations.migrating.steps import Step, build_state, list_in_order, run_step
from core.database.applied import Key
from core.database.schemas import SCHEMA, Schema, read_schema

__all__ = ["Scratch", "open_scratch"]


_images: Final[deque[tuple[list[Any], bytes]]] = deque(maxlen=4)
"""Databases that were made already: operations → file, half a megabyte each. A process that plans
again, since another runner came first, does not wait for the same two seconds again."""


class Scratch:
    """The database in memory."""

    def __init__(self, wrapper: Any) -> None:
        """Nothing is applied yet."""
        self.wrapper = wrapper

    def apply_all(self, loader: MigrationLoader, applied: Collection[Key]) -> ProjectState:
        """Apply these migrations; return the models after them."""
        migrations = [
            migration
            for migration in list_in_order(loader)
            if (migration.app_label, migration.name) in applied
        ]
        # Operations are compared themselves: the same ones make the same database.
        operations = [operation for migration in migrations for operation in migration.operations]
        for known, image in _images:
            if known == operations:
                self.wrapper.ensure_connection()
                self.wrapper.connection.deserialize(image)
                return build_state(loader, applied)
        MigrationRecorder(self.wrapper).ensure_schema()
        state = build_state(loader, ())
        for migration in migrations:
            state = run_step(self.wrapper, Step(migration=migration, is_backwards=False), state)
        _images.append((operations, self.wrapper.connection.serialize()))
        return state

    def copy(self) -> sqlite3.Connection:
        """Return another database in memory with the same in it."""
        other = sqlite3.connect(":memory:")
        self.wrapper.ensure_connection()
        self.wrapper.connection.backup(other)
        return other

    def take_copy(self, other: sqlite3.Connection) -> None:
        """Have what another database has, and nothing else.

        By SQLite's backup: `deserialize` frees what statements of this connection still read.
        """
        other.backup(self.wrapper.connection)

    def read_schema(self) -> Schema:
        """Return what is in it now."""
        with self.wrapper.cursor() as cursor:
            cursor.execute(SCHEMA)
            return read_schema(cursor.fetchall())


@contextmanager
def open_scratch() -> Iterator[Scratch]:
    """Put an empty database in the place of the real one, for this thread and this block.

    Migrations that ask for "the" connection get it too, so that none of them can reach the real
    database by mistake.
    """
    entry = {"ENGINE": "core.sqlite", "NAME": ":memory:"}
    wrapper = ConnectionHandler({DEFAULT_DB_ALIAS: entry}).create_connection(DEFAULT_DB_ALIAS)
    real = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = wrapper
    try:
        yield Scratch(wrapper)
    finally:
        connections[DEFAULT_DB_ALIAS] = real
        # Django's close() leaves a database in memory open.
        BaseDatabaseWrapper.close(wrapper)
