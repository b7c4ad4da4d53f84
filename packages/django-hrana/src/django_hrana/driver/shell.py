"""A small shell for SQL: `python -m django_hrana.driver.shell URL`. `manage.py dbshell` opens it.

The token comes from the environment variable LIBSQL_AUTH_TOKEN, never from the command line, which
every user of the machine can read.
"""

import argparse
import contextlib
import os
import sqlite3  # for its test whether a statement is complete
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from django_hrana.driver.connection import Connection, connect
from django_hrana.driver.cursor import Cursor
from django_hrana.driver.errors import Error
from django_hrana.driver.shell_commands import CommandError, Settings, run_command
from django_hrana.driver.shell_output import show

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, *, token: str | None = None) -> int:
    """Run the shell; return 0, or 1 if a statement from a file or a pipe failed.

    Args:
        arguments: those of the command line, if not this process's.
        token: the token, if not the one in LIBSQL_AUTH_TOKEN.
    """
    parser = argparse.ArgumentParser(prog="libsql shell", description="A shell for SQL.")
    parser.add_argument("url", help="libsql://host, https://host or http://host:port")
    parser.add_argument("--namespace", help="database on a server with many")
    parser.add_argument("--ca-file", help="PEM file of the certificate authorities to trust")
    parser.add_argument("-c", "--command", help="run this SQL or command and exit")
    options = parser.parse_args(arguments)
    token = token or os.environ.get("LIBSQL_AUTH_TOKEN") or None
    try:
        connection = connect(
            options.url,
            auth_token=token,
            namespace=options.namespace,
            ca_file=options.ca_file,
            autocommit=True,
        )
    except Error as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    with contextlib.closing(connection):
        shell = Shell(connection)
        if options.command is None:
            return shell.converse(sys.stdin)
        return 0 if shell.run(options.command) else 1


class Shell:
    """Statements and commands, one after the other, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._settings = Settings()
        self._has_ended = False

    def converse(self, source: TextIO) -> int:
        """Run what `source` has; return 0, or 1 if a statement of a file or a pipe failed."""
        is_terminal = source.isatty()
        if is_terminal:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 (gives input() history, where Python has it)
            print(f"{self._connection!r}\n.help lists the commands")
        for statement in _statements(source, is_terminal=is_terminal):
            succeeded = self.run(statement)
            if self._has_ended:
                break
            if not succeeded and not is_terminal:  # a script stops; a person goes on
                return 1
        return 0

    def run(self, statement: str) -> bool:
        """Run a statement or a command; return whether it succeeded."""
        try:
            if statement.startswith("."):
                goes_on = run_command(self._connection, self._settings, statement, self._run_file)
                self._has_ended |= not goes_on
            else:
                self._execute(statement)
        except (Error, CommandError) as error:
            print(f"Error: {error}", file=sys.stderr)
            return False
        return True

    def _run_file(self, path: Path) -> bool:
        with path.open(encoding="utf-8") as file:
            for statement in _statements(file, is_terminal=False):
                if not self.run(statement):
                    return False
                if self._has_ended:
                    break
        return True

    def _execute(self, statement: str) -> None:
        cursor: Cursor = self._connection.cursor(stream=True)
        cursor.execute(statement)
        if cursor.description:
            names = [column[0] or "" for column in cursor.description]
            show(self._settings.mode, names, cursor, headers=self._settings.headers)
        elif cursor.rowcount >= 0:
            print(f"{cursor.rowcount} rows changed")


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


if __name__ == "__main__":
    sys.exit(main())
