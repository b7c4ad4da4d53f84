"""Triggers that outlive what Django does to their tables, on SQLite and on libSQL alike.

Django changes a table by copying it into a new one and dropping the old one, and the triggers go
with the old one. A flush empties every table, and a trigger that guards rows refuses that.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from django.db import DatabaseError

__all__ = ["FlushesGuardedTables", "KeepsTriggers", "set_aside"]

TRIGGERS: Final = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
EVENT: Final = re.compile(
    r"\b(INSERT|DELETE|UPDATE)\b(?:\s+OF\s+([\w\s,\"]+?))?\s+ON\b", re.IGNORECASE
)
# An AFTER trigger acts on what has happened; a BEFORE trigger can refuse it.
GUARD: Final = re.compile(r"\A\s*CREATE\s+TRIGGER\s+\S+\s+BEFORE\b", re.IGNORECASE)


class Trigger(NamedTuple):
    """A trigger as the database describes it."""

    name: str
    table: str
    sql: str

    def concerns(self, table: str) -> bool:
        """Whether it hangs on the table or mentions it."""
        mention = rf"(?<!\w){re.escape(table)}(?!\w)"
        return self.table == table or re.search(mention, self.sql) is not None

    @property
    def is_guard(self) -> bool:
        """Whether it looks at a write before it happens, and so may refuse it."""
        return GUARD.match(self.sql) is not None

    @property
    def occasion(self) -> str:
        """A statement that sets it off and touches no row."""
        match = EVENT.search(self.sql)
        if match is None or match[1].upper() == "DELETE":
            return f'DELETE FROM "{self.table}"'
        if match[1].upper() == "INSERT":
            return f'INSERT INTO "{self.table}" DEFAULT VALUES'
        columns = match[2] or "rowid"  # without OF, any column does
        changes = []
        for column in columns.split(","):
            name = column.strip()
            changes.append(f"{name} = {name}")
        return f'UPDATE "{self.table}" SET {", ".join(changes)}'


@contextmanager
def set_aside(connection: Any, triggers: Iterable[Trigger]) -> Iterator[None]:
    """Drop the triggers and create them again; the caller holds a transaction.

    Raises:
        DatabaseError: one does not fit its table any more.
    """
    aside = list(triggers)
    with connection.cursor() as cursor:
        for trigger in aside:
            cursor.execute(f"DROP TRIGGER {connection.ops.quote_name(trigger.name)}")
    yield
    with connection.cursor() as cursor:
        for trigger in aside:
            try:
                cursor.execute(trigger.sql)
                # SQLite takes a trigger as it is and reads it when a statement sets it off, which
                # EXPLAIN makes it do without running the statement.
                cursor.execute(f"EXPLAIN {trigger.occasion}")
            except DatabaseError as error:
                raise DatabaseError(
                    f"the trigger {trigger.name} does not match the changed table: drop it with "
                    f"RunSQL before this operation and create a new one after it ({error})"
                ) from error


def _find(connection: Any) -> list[Trigger]:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        return [Trigger(*row) for row in cursor.fetchall()]


class KeepsTriggers:
    """A schema editor whose remakes of a table leave its triggers in place."""

    connection: Any
    collect_sql: bool

    def _remake_table(self, model: Any, *args: object, **kwargs: object) -> None:
        remake = super()._remake_table  # type: ignore[misc]  # Django's schema editor follows
        if self.collect_sql:  # sqlmigrate: nothing is run
            remake(model, *args, **kwargs)
            return
        # Those that only mention it too: the rename at the end reads the whole schema.
        table = model._meta.db_table
        concerned = [trigger for trigger in _find(self.connection) if trigger.concerns(table)]
        with set_aside(self.connection, concerned):
            remake(model, *args, **kwargs)


class FlushesGuardedTables:
    """Operations whose flush empties tables that guard their rows."""

    connection: Any

    @contextmanager
    def without_guards(self, statements: Iterable[str]) -> Iterator[None]:
        """Set aside what would refuse the DELETEs; the caller holds a transaction."""
        text = "\n".join(statements)
        quote = self.connection.ops.quote_name
        guards = [trigger for trigger in _find(self.connection) if trigger.is_guard]
        concerned = [guard for guard in guards if quote(guard.table) in text]
        with set_aside(self.connection, concerned):
            yield
