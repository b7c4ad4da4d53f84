"""The real schema, without its rows, in the database in memory: what people added to it by hand.

The database in memory has what the migrations made, with the rows that they wrote. Only what the
real one has otherwise is changed in it, so that Python code of a migration finds those rows.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from autoforge.operations.migrating.scratch import Scratch
from core.database.ddl import parse
from core.database.drift import Difference
from core.database.schemas import Schema, compare_schemas

__all__ = ["Thing", "find_things", "imitate", "put"]

Thing: TypeAlias = tuple[str, str]
"""Kind (table, index, trigger or view) and name of what one statement makes."""

ORDER: Final = ("table", "view", "index", "trigger")  # a trigger may be one of a view


def find_things(expected: Schema, actual: Schema) -> Mapping[Thing, tuple[Difference, ...]]:
    """Return what is not the same in two schemas → how it differs; tables first."""
    things: dict[Thing, tuple[Difference, ...]] = {}
    for each in compare_schemas(expected, actual):
        is_part = each.kind in ("column", "constraint")
        thing = ("table", each.table) if is_part else (each.kind, each.name)
        things[thing] = (*things.get(thing, ()), each)
    return dict(sorted(things.items(), key=lambda item: ORDER.index(item[0][0])))


def imitate(scratch: Scratch, actual: Schema) -> Mapping[Thing, str]:
    """Give the database in memory another schema.

    Args:
        scratch: with what the migrations made.
        actual: the schema of the real database.

    Returns:
        What this SQLite cannot make, such as an index by a function of libSQL alone → why; it
        is left as the migrations made it.
    """
    expected = scratch.read_schema()
    left_out = {}
    for thing in find_things(expected, actual):
        try:
            put(scratch, thing, actual)
        except sqlite3.Error as error:
            left_out[thing] = str(error)
            put(scratch, thing, expected)
    return left_out


def put(scratch: Scratch, thing: Thing, schema: Schema) -> None:
    """Make one thing as it is in a schema, or remove it where it is not in it.

    Raises:
        sqlite3.Error: this SQLite cannot make it.
    """
    scratch.wrapper.ensure_connection()
    # The driver's own connection: no % of a statement is a parameter here.
    database: sqlite3.Connection = scratch.wrapper.connection
    # With foreign keys on, DROP TABLE would delete rows first, and triggers might refuse that.
    scratch.wrapper.disable_constraint_checking()
    try:
        if thing[0] == "table":
            _put_table(database, thing, schema)
        else:
            kind, name = thing
            database.execute(f"DROP {kind} IF EXISTS {_quote(name)}")
            if thing in schema:
                database.execute(schema[thing])
    finally:
        scratch.wrapper.enable_constraint_checking()


def _put_table(database: sqlite3.Connection, thing: Thing, schema: Schema) -> None:
    name = thing[1]
    rows = _read_rows(database, name)
    database.execute(f"DROP TABLE IF EXISTS {_quote(name)}")
    if thing not in schema:
        return
    database.execute(schema[thing])
    _write_rows(database, name, rows)
    for (kind, other), sql in schema.items():
        statement = parse(sql) if kind in ("index", "trigger") else None
        if statement is not None and statement.table == name:
            database.execute(f"DROP {kind} IF EXISTS {_quote(other)}")
            with suppress(sqlite3.Error):  # then it is left out itself, and the table is not
                database.execute(sql)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """The rows that migrations have written into a table."""

    columns: tuple[str, ...]
    """Their columns, in small letters."""
    values: tuple[tuple[Any, ...], ...]
    """Their values."""


def _read_rows(database: sqlite3.Connection, table: str) -> _Rows:
    try:
        cursor = database.execute(f"SELECT * FROM {_quote(table)}")  # noqa: S608 (quoted)  # nosec B608
    except sqlite3.Error:  # there is no such table
        return _Rows(columns=(), values=())
    columns = tuple(column[0].lower() for column in cursor.description)
    return _Rows(columns=columns, values=tuple(cursor.fetchall()))


def _write_rows(database: sqlite3.Connection, table: str, rows: _Rows) -> None:
    """Write rows into a table that may have other columns; as many of them as it takes."""
    here = {column.lower() for column in _read_rows(database, table).columns}
    positions = [number for number, name in enumerate(rows.columns) if name in here]
    if not positions or not rows.values:
        return
    names = ", ".join(_quote(rows.columns[number]) for number in positions)
    marks = ", ".join("?" for _position in positions)
    insert = f"INSERT OR IGNORE INTO {_quote(table)} ({names}) VALUES ({marks})"  # noqa: S608 (quoted)  # nosec B608
    database.executemany(insert, [[row[number] for number in positions] for row in rows.values])


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
