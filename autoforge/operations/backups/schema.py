"""What a database consists of: tables that hold rows, and the SQL of all the rest.

Read through one function that runs a query, so that it is the same for SQLite and libSQL. Tables
inside of a full-text index are left out: the index is read and written as the table that it is.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autoforge.operations.backups.errors import BackupError

__all__ = ["STAGING", "Query", "Schema", "Table", "list_leftovers", "quote", "read_schema"]

Query = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]

STAGING: Final = "_restoring_"
"""How the names of tables begin that are no one's yet: a restoration that is not finished."""

# SQLite's own, those of the server, and those that tools of the server's replication leave.
INTERNAL: Final = ("sqlite_", "libsql_", "_litestream_", STAGING)
OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid"
# `hidden`: 0 a column that is written, 1 of a virtual table, 2 and 3 a generated one.
COLUMNS: Final = (
    "SELECT m.name, x.name, x.type, x.pk, x.hidden "
    "FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS x "
    "WHERE m.type = 'table' ORDER BY m.name, x.cid"
)
VIRTUAL: Final = re.compile(
    r"\s*CREATE\s+VIRTUAL\s+TABLE\b.*?\bUSING\s+(\w+)", re.IGNORECASE | re.DOTALL
)
WITHOUT_ROWID: Final = re.compile(r"\)[^)]*\bWITHOUT\s+ROWID\b[^)]*\Z", re.IGNORECASE)
SHADOWS: Final = ("data", "idx", "content", "docsize", "config")  # of FTS5
FOREIGN_CONTENT: Final = re.compile(r"\bcontent\s*=", re.IGNORECASE)
ROWID_NAMES: Final = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table with rows, and how to go through them."""

    name: str
    """Its name."""
    sql: str
    """What creates it."""
    columns: tuple[str, ...]
    """Columns that are written; generated ones are not."""
    key: tuple[str, ...]
    """What its rows are ordered by: the rowid, or the primary key where there is none."""
    has_rowid: bool
    """Whether `key` is a number beside the columns, read in front of them."""
    is_virtual: bool
    """Whether it is a full-text index."""
    keeps_rowid: bool
    """Whether the rowid has to be written beside the columns: no column has it."""

    @property
    def is_hashed_with_rowid(self) -> bool:
        """Whether the rowid means something: of a full-text index, other tables refer to it."""
        return self.is_virtual


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """All that is in a database but its rows."""

    tables: tuple[Table, ...]
    """Tables with rows, in the order in which they were created."""
    empty_tables: Mapping[str, str]
    """Virtual tables without rows of their own: name → SQL."""
    indexes: Mapping[str, str]
    """Name → SQL."""
    views: Mapping[str, str]
    """Name → SQL."""
    triggers: Mapping[str, str]
    """Name → SQL."""
    has_sequences: bool
    """Whether a table counts by AUTOINCREMENT."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.tables or self.empty_tables or self.views)


def quote(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"{}"'.format(name.replace('"', '""'))


def read_schema(query: Query) -> Schema:
    """Return what is in a database.

    Raises:
        BackupError: there is a virtual table of a kind that cannot be carried over.
    """
    objects = query(OBJECTS, ())
    modules: dict[str, str] = {}
    for kind, name, _table, sql in objects:
        match = VIRTUAL.match(sql or "") if kind == "table" else None
        if match is not None and not name.startswith(INTERNAL):
            modules[name] = _check_module(name, match[1].lower(), sql)
    shadows = _list_shadows(modules)
    columns = _group_columns(query(COLUMNS, ()))
    tables: list[Table] = []
    empty: dict[str, str] = {}
    others: dict[str, dict[str, str]] = {"index": {}, "view": {}, "trigger": {}}
    for kind, name, table, sql in objects:
        if name.startswith(INTERNAL) or table.startswith(STAGING) or sql is None:
            continue
        if kind != "table":
            others[kind][name] = sql
        elif modules.get(name) == "fts5vocab":
            empty[name] = sql
        elif name not in shadows:
            tables.append(_describe(name, sql, columns[name], is_virtual=name in modules))
    # The table is there for ever once a table has counted, also when that is gone.
    has_sequences = any(name == "sqlite_sequence" for _kind, name, *_rest in objects) and any(
        "AUTOINCREMENT" in table.sql.upper() for table in tables
    )
    return Schema(
        tables=tuple(tables),
        empty_tables=empty,
        indexes=others["index"],
        views=others["view"],
        triggers=others["trigger"],
        has_sequences=has_sequences,
    )


def list_leftovers(query: Query) -> list[str]:
    """Return the tables that a restoration has left which never ended, those of an index last.

    An index takes the tables inside of it along when it is dropped.
    """
    rows = query(OBJECTS, ())
    names, inner = [], set()
    for kind, name, _table, sql in rows:
        if kind == "table" and name.startswith(STAGING):
            names.append(name)
            if VIRTUAL.match(sql or ""):
                inner |= _list_shadows({name: "fts5"})
    return [name for name in names if name not in inner]


def _check_module(name: str, module: str, sql: str) -> str:
    if module == "fts5" and FOREIGN_CONTENT.search(sql):
        raise BackupError(
            f"The full-text index {name} has its content elsewhere (content=), which backups do "
            "not support; drop it, and create it again afterwards."
        )
    if module not in ("fts5", "fts5vocab"):
        raise BackupError(
            f"The virtual table {name} is of the kind {module}, which backups do not support; "
            "drop it, and create it again afterwards."
        )
    return module


def _list_shadows(modules: Mapping[str, str]) -> set[str]:
    shadows = set()
    for name, module in modules.items():
        if module == "fts5":
            shadows |= {f"{name}_{ending}" for ending in SHADOWS}
    return shadows


def _group_columns(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[tuple[str, str, int, int]]]:
    columns: dict[str, list[tuple[str, str, int, int]]] = {}
    for table, name, kind, position, hidden in rows:
        columns.setdefault(table, []).append((name, kind, int(position), int(hidden)))
    return columns


def _describe(
    name: str, sql: str, columns: Sequence[tuple[str, str, int, int]], *, is_virtual: bool
) -> Table:
    written = tuple(column for column, _kind, _position, hidden in columns if hidden == 0)
    primary = [(position, column, kind) for column, kind, position, _h in columns if position]
    primary.sort()
    if not is_virtual and WITHOUT_ROWID.search(sql):
        return Table(
            name=name,
            sql=sql,
            columns=written,
            key=tuple(column for _position, column, _kind in primary),
            has_rowid=False,
            is_virtual=False,
            keeps_rowid=False,
        )
    taken = {column.lower() for column, *_rest in columns}
    free = [candidate for candidate in ROWID_NAMES if candidate not in taken]
    is_column = len(primary) == 1 and primary[0][2].upper() == "INTEGER"
    if is_column:
        key = primary[0][1]
    elif free:
        key = free[0]
    else:
        raise BackupError(f"The table {name} has columns that hide its rowid; rename one of them.")
    return Table(
        name=name,
        sql=sql,
        columns=written,
        key=(key,),
        has_rowid=True,
        is_virtual=is_virtual,
        keeps_rowid=not is_column,
    )
