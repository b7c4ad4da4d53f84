"""Two whole schemas compared: whatever is in one and not in the other, or reads otherwise.

`core.database.drift` asks whether the product can work with a database and is lenient; this is
strict in both directions, for whoever has to know that two databases were made in the same way.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from core.database.ddl import Statement, parse
from core.database.drift import Difference, rank

__all__ = ["MIGRATION_RUNS", "SCHEMA", "Schema", "compare_schemas", "read_schema"]

SCHEMA: Final = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
"""The query whose rows `read_schema` takes; what SQLite makes by itself for UNIQUE has no SQL."""
MIGRATION_RUNS: Final = "migration_runs"
"""The table in which `migrate_safely` keeps its lock; no migration makes it."""
# What SQLite, libSQL and those who replicate them keep for themselves.
INTERNAL: Final = ("sqlite_", "libsql_", "_litestream_", "_cf_", MIGRATION_RUNS)
# The tables in which FTS5 keeps an index: each version of SQLite writes them in its own way.
SHADOWS: Final = ("data", "idx", "content", "docsize", "config")

Schema: TypeAlias = "Mapping[tuple[str, str], str]"
"""(kind, name) of a table, index, trigger or view → the statement that makes it."""


def read_schema(rows: Iterable[tuple[str, str]]) -> Schema:
    """Return the schema that rows (name, SQL) of `sqlite_master` describe."""
    schema = {}
    shadows = set()
    for name, sql in rows:
        statement = _parse_once(sql)
        if statement is None or name.lower().startswith(INTERNAL):
            continue
        if statement.kind == "virtual table":
            shadows |= {f"{statement.name}_{part}" for part in SHADOWS}
        schema[statement.kind.removeprefix("virtual "), name.lower()] = sql
    return {key: sql for key, sql in schema.items() if key[1] not in shadows}


def compare_schemas(expected: Schema, actual: Schema) -> tuple[Difference, ...]:
    """Return what differs, tables first; () where both are the same.

    White space, quotes, case and the order of columns make no difference.
    """
    differences = [*_compare_tables(expected, actual), *_compare_others(expected, actual)]
    return tuple(sorted(differences, key=rank))


def _parsed(schema: Schema, key: tuple[str, str]) -> Statement | None:
    return _parse_once(schema[key]) if key in schema else None


@lru_cache(maxsize=2_000)
def _parse_once(sql: str) -> Statement | None:
    """Parse a statement; a run of migrations compares most of them many times."""
    return parse(sql)


def _compare_tables(expected: Schema, actual: Schema) -> Iterator[Difference]:
    keys = {key for key in (*expected, *actual) if key[0] == "table"}
    for key in keys:
        declared, current = _parsed(expected, key), _parsed(actual, key)
        if declared is None or current is None or _is_other_table(declared, current):
            yield _difference(key[0], key[1], key[1], declared, current)
        else:
            yield from _compare_parts("column", key[1], declared.columns, current.columns)
            yield from _compare_parts("constraint", key[1], declared.rules, current.rules)


def _is_other_table(declared: Statement, current: Statement) -> bool:
    """Whether tables differ as a whole: one is virtual, or STRICT, or without rowids."""
    return declared.kind != current.kind or declared.body != current.body


def _compare_parts(
    kind: str, table: str, expected: Mapping[str, str], actual: Mapping[str, str]
) -> Iterator[Difference]:
    for name in {*expected, *actual}:
        declared, current = expected.get(name), actual.get(name)
        if declared == current:
            continue
        yield Difference(
            kind=kind,
            name=name,
            table=table,
            state=_state(declared, current),
            expected=declared or "",
            actual=current or "",
        )


def _compare_others(expected: Schema, actual: Schema) -> Iterator[Difference]:
    """Compare indexes, triggers and views; nothing is said of those of a table that is missing."""
    tables = {name for kind, name in actual if kind == "table"}
    keys = {key for key in (*expected, *actual) if key[0] != "table"}
    for key in keys:
        declared, current = _parsed(expected, key), _parsed(actual, key)
        statement = current if declared is None else declared
        if declared == current or statement is None:
            continue
        table = statement.table
        if current is None and key[0] != "view" and table not in tables:
            continue
        remedy = _remedy(key, expected.get(key, ""), declared, current)
        yield _difference(key[0], key[1], table, declared, current, remedy)


def _difference(
    kind: str,
    name: str,
    table: str,
    declared: Statement | None,
    current: Statement | None,
    remedy: str = "",
) -> Difference:
    return Difference(
        kind=kind,
        name=name,
        table=table,
        state=_state(declared, current),
        remedy=remedy,
        expected=declared.body if declared else "",
        actual=current.body if current else "",
    )


def _state(declared: object, current: object) -> str:
    if current is None:
        return "missing"
    return "unexpected" if declared is None else "other"


def _remedy(
    key: tuple[str, str], sql: str, declared: Statement | None, current: Statement | None
) -> str:
    """Return SQL that mends it, where no row can be in the way."""
    kind, name = key
    drop = f'DROP {kind.upper()} "{name}";'
    if declared is None:
        return drop
    if declared.is_unique:  # it may not come into being over rows that are there
        return ""
    create = f"{sql.rstrip(';')};"
    return f"{drop} {create}" if current is not None else create
