"""How the database differs from what models and migrations say that it is.

Tables, columns, constraints and indexes are the models'; triggers, and tables without a model, are
those that migrations make by SQL (`RunSQL`). One query reads the whole schema, on SQLite and on
libSQL. More than is asked for is no fault, unless it can refuse a row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.apps import apps
from django.db import connection, migrations, models, router
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from core.database.ddl import Statement, parse

__all__ = ["Difference", "compare_schema", "count_expected", "find_differences", "rank"]

KINDS: Final = ("table", "column", "constraint", "index", "trigger", "view")
# An index that SQLite makes by itself, for UNIQUE or PRIMARY KEY, has no SQL.
SCHEMA: Final = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing that is not as it is expected."""

    kind: str
    """table, column, constraint, index, trigger or view."""
    name: str
    """Its name; of a constraint without one its text."""
    table: str
    """The table that it belongs to."""
    state: str
    """missing, other, or unexpected."""
    remedy: str = ""
    """SQL that mends it, where no row can be in the way; else empty."""
    expected: str = ""
    """What it should be, as `core.database.ddl` writes it; empty where it should not be."""
    actual: str = ""
    """What it is; empty where it is missing."""

    def __str__(self) -> str:
        if self.kind in ("table", "view"):
            return f"the {self.kind} {self.name} is {self.state}"
        return f"the {self.kind} {self.name} of {self.table} is {self.state}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A statement with the SQL that it was read from."""

    statement: Statement
    sql: str


def find_differences() -> tuple[Difference, ...]:
    """Return what is missing or other in the database, tables first; () where all is well.

    Raises:
        DatabaseError: the database does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        rows = cursor.fetchall()
    return compare_schema(sql for (sql,) in rows)


def compare_schema(statements: Iterable[str]) -> tuple[Difference, ...]:
    """Return what is missing or other in a schema, as `find_differences` does for the database.

    Args:
        statements: the SQL of its tables, indexes and triggers.
    """
    actual = []
    for sql in statements:
        statement = parse(sql)
        if statement is not None:
            actual.append(statement)
    differences = _compare(_expected(), actual)
    return tuple(sorted(differences, key=rank))


def rank(difference: Difference) -> tuple[int, str, str]:
    """Return a key that sorts first what the rest may follow from."""
    return KINDS.index(difference.kind), difference.table, difference.name


def count_expected() -> Mapping[str, int]:
    """Return how many tables, indexes and triggers are expected."""
    counts = {"table": 0, "index": 0, "trigger": 0}
    for item in _expected():
        kind = item.statement.kind.removeprefix("virtual ")
        counts[kind] = counts.get(kind, 0) + 1
    return counts


# --- what is expected


@lru_cache(maxsize=1)
def _expected() -> tuple[Expected, ...]:
    by_name: dict[str, Expected] = {}
    # In this order, so that what a migration writes by SQL replaces what a model would make.
    for sql in (*_statements_of_models(), *_statements_of_migrations()):
        statement = parse(sql)
        if statement is not None:
            by_name[statement.name] = Expected(statement=statement, sql=sql)
        elif sql.lower().startswith("drop "):
            by_name.pop(sql.split()[-1].strip('"').lower(), None)
    return tuple(by_name.values())


def _statements_of_models() -> Iterator[str]:
    """Return the statements that would make every table anew; nothing is run."""
    editor: Any = connection.SchemaEditorClass(connection, collect_sql=True, atomic=False)
    # What entering the editor does, without its questions to the database.
    editor.deferred_sql = []
    for model in _models():
        editor.create_model(model)
    yield from editor.collected_sql
    yield from map(str, editor.deferred_sql)


def _models() -> Iterator[type[models.Model]]:
    yield MigrationRecorder.Migration
    # The table of a many-to-many field comes with the model that has the field.
    for model in apps.get_models():
        options = model._meta
        if options.swapped or not options.can_migrate(connection):
            continue
        if router.allow_migrate_model(connection.alias, model):
            yield model


def _statements_of_migrations() -> Iterator[str]:
    """Return the statements of every `RunSQL`, in the order of the migrations."""
    loader = MigrationLoader(None)
    seen: set[tuple[str, str]] = set()
    for leaf in loader.graph.leaf_nodes():
        for key in loader.graph.forwards_plan(leaf):
            if key not in seen:
                seen.add(key)
                yield from _statements_of(loader.graph.nodes[key].operations)


def _statements_of(operations: Iterable[object]) -> Iterator[str]:
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from _statements_of(operation.database_operations)
        if not isinstance(operation, migrations.RunSQL):
            continue
        if isinstance(operation.sql, str):
            yield operation.sql.strip()
            continue
        for part in operation.sql:
            sql = part if isinstance(part, str) else part[0]  # else with its parameters
            yield sql.strip()


# --- how it compares


def _compare(expected: Sequence[Expected], actual: Sequence[Statement]) -> Iterator[Difference]:
    by_name = {(item.kind, item.name): item for item in actual}
    bodies = {(item.kind, item.table, item.body) for item in actual}
    tables = {item.name for item in actual if item.kind.endswith("table")}
    for item in expected:
        statement = item.statement
        current = by_name.get((statement.kind, statement.name))
        if statement.kind == "table" and current is not None:
            yield from _compare_tables(statement, current)
        elif statement.kind.endswith("table"):
            if current is None or current.body != statement.body:
                yield _difference(statement, current)
        # Of a table that is missing itself nothing more is said.
        elif statement.table in tables and _is_other(statement, current, bodies):
            yield _difference(statement, current, item.sql)
    yield from _unexpected_unique_indexes(expected, actual)


def _is_other(
    statement: Statement, current: Statement | None, bodies: set[tuple[str, str, str]]
) -> bool:
    if current is not None:
        return current.body != statement.body or current.is_unique != statement.is_unique
    if statement.kind != "index":
        return True
    # Django makes up names of some indexes: one that does the same under another name will do.
    return ("index", statement.table, statement.body) not in bodies


def _difference(statement: Statement, current: Statement | None, sql: str = "") -> Difference:
    kind = statement.kind.removeprefix("virtual ")
    remedy = ""
    # A unique index may not come into being over rows that are there.
    if sql and kind in ("index", "trigger") and not statement.is_unique:
        remedy = f"{sql.rstrip(';')};"
        if current is not None:
            remedy = f"DROP {kind.upper()} {statement.name}; {remedy}"
    return Difference(
        kind=kind,
        name=statement.name,
        table=statement.table,
        state="missing" if current is None else "other",
        remedy=remedy,
    )


def _compare_tables(expected: Statement, actual: Statement) -> Iterator[Difference]:
    for kind, declared, current in (
        ("column", expected.columns, actual.columns),
        ("constraint", expected.rules, actual.rules),
    ):
        for name, text in declared.items():
            if current.get(name) != text:
                state = "other" if name in current else "missing"
                yield Difference(kind=kind, name=name, table=expected.name, state=state)
        for name in current.keys() - declared.keys():
            # A column more is a fault only where it refuses the rows that we write.
            if kind == "constraint" or _is_required(current[name]):
                yield Difference(kind=kind, name=name, table=expected.name, state="unexpected")


def _is_required(definition: str) -> bool:
    """Whether no row can be written without a value for a column that the models do not know."""
    return "not null" in definition and "default" not in definition


def _unexpected_unique_indexes(
    expected: Iterable[Expected], actual: Iterable[Statement]
) -> Iterator[Difference]:
    statements = [item.statement for item in expected]
    tables = {item.name for item in statements if item.kind == "table"}
    known = {(item.table, item.body) for item in statements if item.is_unique}
    names = {item.name for item in statements}
    # Others only take time: those that an administrator has added are left in peace.
    for item in actual:
        if not item.is_unique or item.table not in tables:
            continue
        if (item.table, item.body) not in known and item.name not in names:
            yield Difference(kind="index", name=item.name, table=item.table, state="unexpected")
