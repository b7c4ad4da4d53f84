"""A small shell for SQL: `python -m django_hrana.driver.shell URL`. `manage.py dbshell` opens it.

The token comes from the environment variable LIBSQL_AUTH_TOKEN, never from the command line, which
every user of the machine can read.
"""

import argparse
import contextlib
import os
import sqlite3  # for its test whether a statement is complete
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TextIO

from django_hrana.driver.connection import Connection, connect
from django_hrana.driver.cursor import Cursor
from django_hrana.driver.errors import Error

__all__ = ["main"]

HELP: Final = """\
SQL statements end with a semicolon.
  .tables          names of the tables and views
  .schema [TABLE]  their definitions
  .help            this text
  .quit            leave (or Ctrl-D)"""
TABLES: Final = (
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)
SCHEMA: Final = "SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL"
MAX_WIDTH: Final = 60  # columns of the terminal for one value
MAX_ROWS: Final = 10_000  # all are held, to know how wide the columns are


def main(arguments: Sequence[str] | None = None, *, token: str | None = None) -> int:
    """Run the shell; return 0, or 1 if a statement from a file or a pipe failed.

    Args:
        arguments: those of the command line, if not this process's.
        token: the token, if not the one in LIBSQL_AUTH_TOKEN.
    """
    parser = argparse.ArgumentParser(prog="libsql shell", description="A shell for SQL.")
    parser.add_argument("url", help="libsql://host, https://host or http://host:port")
    parser.add_argument("--namespace", help="database on a server with many")
    parser.add_argument("-c", "--command", help="run this SQL and exit")
    options = parser.parse_args(arguments)
    token = token or os.environ.get("LIBSQL_AUTH_TOKEN") or None
    try:
        connection = connect(
            options.url, auth_token=token, namespace=options.namespace, autocommit=True
        )
    except Error as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    with contextlib.closing(connection):
        if options.command is None:
            return _converse(connection, sys.stdin)
        succeeded = _run(connection, options.command)
        return 0 if succeeded else 1


def _converse(connection: Connection, source: TextIO) -> int:
    is_terminal = source.isatty()
    if is_terminal:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 (gives input() history, where Python has it)
        print(f"{connection!r}\n.help lists the commands")
    succeeded = True
    for statement in _statements(source, is_terminal=is_terminal):
        if statement == ".quit":
            break
        succeeded = _run(connection, statement)
        if not succeeded and not is_terminal:  # a script stops; a person goes on
            return 1
    return 0


def _statements(source: TextIO, *, is_terminal: bool) -> Iterator[str]:
    """Yield each statement or command, once it is complete."""
    waiting = ""
    for line in _lines(source, is_terminal=is_terminal):
        if not waiting and line.strip().startswith("."):
            yield line.strip()
            continue
        waiting += f"{line}\n"
        if sqlite3.complete_statement(waiting):
            yield waiting.strip()
            waiting = ""
    if waiting.strip():
        yield waiting.strip()


def _lines(source: TextIO, *, is_terminal: bool) -> Iterator[str]:
    if not is_terminal:
        for line in source:
            yield line.rstrip("\n")
        return
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            yield input("libsql> ")


def _run(connection: Connection, statement: str) -> bool:
    """Run a statement or a command; return whether it succeeded."""
    try:
        _show(connection, statement)
    except Error as error:
        print(f"Error: {error}", file=sys.stderr)
        return False
    return True


def _show(connection: Connection, statement: str) -> None:
    command, _, argument = statement.partition(" ")
    cursor: Cursor = connection.cursor()
    if command == ".tables":
        cursor.execute(TABLES)
        print("\n".join(name for (name,) in cursor))
    elif command == ".schema":
        if argument:
            cursor.execute(f"{SCHEMA} AND tbl_name = ?", [argument.strip()])
        else:
            cursor.execute(SCHEMA)
        print("\n".join(sql for (sql,) in cursor))
    elif command.startswith("."):
        print(HELP)
    else:
        cursor.execute(statement)
        if cursor.description:
            _print_table([column[0] or "" for column in cursor.description], cursor)
        elif cursor.rowcount >= 0:
            print(f"{cursor.rowcount} rows changed")


def _print_table(names: list[str], rows: Iterator[tuple[object, ...]]) -> None:
    table = [list(map(_format_value, row)) for row in islice(rows, MAX_ROWS)]
    widths = [max(map(_width, column)) for column in zip(names, *table, strict=True)]
    rules = ["-" * width for width in widths]
    for line in (names, rules, *table):
        print("  ".join(map(_padded, line, widths)).rstrip())
    if next(rows, None) is None:
        print(f"({len(table)} rows)")
    else:
        print(f"({len(table)} rows, only the first {MAX_ROWS} shown)")


def _format_value(value: object) -> str:
    if value is None:
        return "NULL"
    text = f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)
    text = " ".join(text.split())
    if len(text) > MAX_WIDTH:
        return f"{text[: MAX_WIDTH - 1]}…"
    return text


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal."""
    # Wide and full-width characters take two columns (Unicode Standard Annex 11).
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


if __name__ == "__main__":
    sys.exit(main())
