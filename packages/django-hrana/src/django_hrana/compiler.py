"""Compilers that look for our own SQL before they ask a node for its SQL for SQLite.

Django finds these classes through `DatabaseOperations.compiler_module`.
"""

from typing import Any

from django.db.models.sql import compiler

from django_hrana import aggregates, functions, patterns  # noqa: F401 (they register their SQL)
from django_hrana.implementations import find_implementation

__all__ = [
    "SQLAggregateCompiler",
    "SQLCompiler",
    "SQLDeleteCompiler",
    "SQLInsertCompiler",
    "SQLUpdateCompiler",
]


class SQLCompiler(compiler.SQLCompiler):
    """Compiles queries."""

    def compile(self, node: Any) -> tuple[str, Any]:
        """Return the SQL of a node, and its parameters."""
        kind: type = type(node)
        implementation = find_implementation(kind)
        if implementation is not None:
            return implementation(node, self, self.connection)
        # As `compile_for_sqlite`, which would be one more call for each node of each query.
        compile_node = getattr(node, "as_sqlite", None) or node.as_sql
        return compile_node(self, self.connection)  # type: ignore[no-any-return]  # as Django's

    def compile_for_sqlite(self, node: Any, **context: object) -> tuple[str, object]:
        """Return the SQL that Django has for SQLite."""
        compile_node = getattr(node, "as_sqlite", None) or node.as_sql
        return compile_node(self, self.connection, **context)  # type: ignore[no-any-return]  # as Django's


class SQLInsertCompiler(compiler.SQLInsertCompiler, SQLCompiler):
    """Compiles INSERT."""


class SQLDeleteCompiler(compiler.SQLDeleteCompiler, SQLCompiler):
    """Compiles DELETE."""


class SQLUpdateCompiler(compiler.SQLUpdateCompiler, SQLCompiler):
    """Compiles UPDATE."""


class SQLAggregateCompiler(compiler.SQLAggregateCompiler, SQLCompiler):
    """Compiles aggregates over subqueries."""
