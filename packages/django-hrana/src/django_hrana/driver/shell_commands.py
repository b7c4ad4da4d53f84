"""The commands of the shell that begin with a point, as sqlite3's shell has them.

Those that need the database's file, such as `.backup`, are not here: the file is the server's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from django_hrana.driver.connection import Connection
from django_hrana.driver.cursor import Cursor
from django_hrana.driver.shell_output import MODES, quote_literal

__all__ = ["CommandError", "Settings", "run_command"]

HELP: Final = """\
SQL statements end with a semicolon.
  .tables [PATTERN]      names of the tables and views; PATTERN as in LIKE
  .schema [PATTERN]      their definitions, with indexes and triggers
  .indexes [TABLE]       names of the indexes
  .dump [TABLE]          all of it as SQL
  .mode [MODE]           how results are shown: {modes}
  .headers on|off        whether the names of columns are shown
  .read FILE             run the statements of a file, up to the first that fails
  .help                  this text
  .quit, .exit           leave (or Ctrl-D)"""
OBJECTS: Final = (
    "SELECT name FROM sqlite_master WHERE type IN (SELECT value FROM json_each(?)) "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND {column} LIKE ? ORDER BY name"
)
SCHEMA: Final = (
    "SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name LIKE ? "
    "ORDER BY tbl_name, type <> 'table', name"
)
# Tables of full-text indexes and the like hold what their virtual table writes into them.
TABLES: Final = (
    "SELECT m.name, m.sql FROM sqlite_master AS m JOIN pragma_table_list(m.name) AS l "
    "ON l.schema = 'main' AND l.name = m.name "
    "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
    "AND l.type <> 'shadow' AND m.name LIKE ? ORDER BY m.rowid"
)
OTHERS: Final = (
    "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL "
    "AND tbl_name LIKE ? ORDER BY type = 'trigger', rowid"
)
HAS_SEQUENCE: Final = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
COLUMNS: Final = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0"  # not those that follow
MAX_FILES: Final = 20  # that read each other
SWITCH: Final = {"on": True, "yes": True, "1": True, "off": False, "no": False, "0": False}


class CommandError(Exception):
    """A command that is not there, or that has a wrong argument; a sentence for people."""


class Settings:
    """What `.mode` and `.headers` have set."""

    def __init__(self) -> None:
        self.mode = "table"
        self.headers = True
        self.files = 0
        """How many files are being read, one from within the other."""


def run_command(
    connection: Connection, settings: Settings, line: str, run_file: Callable[[Path], bool]
) -> bool:
    """Run a command; return whether the shell goes on.

    Args:
        connection: where to.
        settings: how results are shown, which it may change.
        line: as it was typed.
        run_file: runs the statements of a file, and returns whether all succeeded.

    Raises:
        CommandError: there is no such command, or its argument is not valid.
        Error: the server refused it.
    """
    name, _, argument = line.partition(" ")
    argument = argument.strip().strip("'\"")
    if name in {".quit", ".exit"}:
        return False
    if name == ".help":
        print(HELP.format(modes=", ".join(MODES)))
    elif name == ".mode":
        _set_mode(settings, argument)
    elif name == ".headers":
        settings.headers = _read_switch(argument)
    elif name == ".read":
        _read(settings, argument, run_file)
    elif name in LISTS:
        for text in LISTS[name](connection, argument or "%"):
            print(text)
    else:
        raise CommandError(f"there is no command {name} in this shell: .help lists them")
    return True


def _set_mode(settings: Settings, mode: str) -> None:
    if not mode:
        print(settings.mode)
    elif mode in MODES:
        settings.mode = mode
    else:
        raise CommandError(f"there is no mode {mode}: use one of {', '.join(MODES)}")


def _read_switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise CommandError("write .headers on or .headers off")
    return SWITCH[text.lower()]


def _read(settings: Settings, name: str, run_file: Callable[[Path], bool]) -> None:
    if not name:
        raise CommandError("write .read and the name of a file")
    if settings.files >= MAX_FILES:
        raise CommandError(f"{name} was not read: files that read each other have no end")
    settings.files += 1
    try:
        succeeded = run_file(Path(name).expanduser())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise CommandError(f"{name} cannot be read: {reason}") from error
    finally:
        settings.files -= 1
    if not succeeded:
        raise CommandError(f"{name} was left at the statement that failed")


def _list_tables(connection: Connection, pattern: str) -> Iterator[str]:
    sql = OBJECTS.format(column="name")
    yield from _read_texts(connection, sql, '["table", "view"]', pattern)


def _list_indexes(connection: Connection, pattern: str) -> Iterator[str]:
    sql = OBJECTS.format(column="tbl_name")
    yield from _read_texts(connection, sql, '["index"]', pattern)


def _list_schema(connection: Connection, pattern: str) -> Iterator[str]:
    yield from _read_texts(connection, SCHEMA, pattern)


def _dump(connection: Connection, pattern: str) -> Iterator[str]:
    """Yield statements that make the same database, as it is at one moment."""
    cursor: Cursor = connection.cursor()
    yield "PRAGMA foreign_keys=OFF;"
    yield "BEGIN TRANSACTION;"
    cursor.execute("BEGIN DEFERRED")  # one that reads keeps nobody from writing
    try:
        for name, sql in cursor.execute(TABLES, [pattern]).fetchall():
            yield f"{sql};"
            if sql.upper().startswith("CREATE VIRTUAL"):
                yield f"-- the rows of {_quote_name(name)} are not here: its module keeps them"
            else:
                yield from _dump_rows(connection, name)
        if pattern == "%" and cursor.execute(HAS_SEQUENCE).fetchone():
            yield "DELETE FROM sqlite_sequence;"
            yield from _dump_rows(connection, "sqlite_sequence")
        for (sql,) in cursor.execute(OTHERS, [pattern]).fetchall():
            yield f"{sql};"
    finally:
        connection.rollback()
    yield "COMMIT;"


def _dump_rows(connection: Connection, table: str) -> Iterator[str]:
    names = _read_texts(connection, COLUMNS, table)
    columns = ", ".join(map(_quote_name, names))
    head = f"INSERT INTO {_quote_name(table)} ({columns}) VALUES"
    rows: Cursor = connection.cursor(stream=True)
    for row in rows.execute(f"SELECT {columns} FROM {_quote_name(table)}"):
        yield f"{head}({','.join(map(quote_literal, row))});"


def _read_texts(connection: Connection, sql: str, *parameters: str) -> list[str]:
    """Return the texts of a result with one column."""
    cursor: Cursor = connection.cursor()
    return [str(text) for (text,) in cursor.execute(sql, parameters).fetchall()]


LISTS: Final[dict[str, Callable[[Connection, str], Iterator[str]]]] = {
    ".tables": _list_tables,
    ".indexes": _list_indexes,
    ".indices": _list_indexes,
    ".schema": _list_schema,
    ".dump": _dump,
}


def _quote_name(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
