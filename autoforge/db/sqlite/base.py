"""The database wrapper of SQLite files: Django's, but for what triggers need.

The files are for their owner alone.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.backends.sqlite3 import base as sqlite3
from django.db.backends.sqlite3.operations import DatabaseOperations as SQLiteOperations
from django.db.backends.sqlite3.schema import DatabaseSchemaEditor as SQLiteSchemaEditor

from autoforge.db.triggers import FlushesGuardedTables, KeepsTriggers
from autoforge.private_files import keep_private

__all__ = ["DatabaseWrapper"]


class DatabaseSchemaEditor(KeepsTriggers, SQLiteSchemaEditor):
    """Changes tables and keeps their triggers."""


class DatabaseOperations(FlushesGuardedTables, SQLiteOperations):
    """Flushes guarded tables too."""

    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        """Run the statements of a flush."""
        statements = list(sql_list)
        with (
            transaction.atomic(using=self.connection.alias, savepoint=True),
            self.without_guards(statements),
        ):
            super().execute_sql_flush(statements)


class DatabaseWrapper(sqlite3.DatabaseWrapper):
    """A connection to a SQLite file."""

    SchemaEditorClass = DatabaseSchemaEditor
    ops_class = DatabaseOperations

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open the file, which only its owner may read: prompts and password hashes are in it."""
        name = str(conn_params["database"])
        if name != ":memory:" and not name.startswith("file:"):
            keep_private(name)
        return super().get_new_connection(conn_params)
