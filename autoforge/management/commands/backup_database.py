"""`manage.py backup_database`: a whole copy of a SQLite database, while it is in use."""

import os
import sqlite3
import tempfile
from argparse import ArgumentParser
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.private_files import list_database_files

PAGES_AT_A_TIME: Final = 1_000  # so that writers get their turn


class Command(BaseCommand):
    """Copies the database into a file that only its owner may read."""

    help = (
        "Copies the whole SQLite database to a file, even while it is in use. Only you can read "
        "the copy."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path, help="path of the copy")
        parser.add_argument("--replace", action="store_true", help="overwrite an existing file")

    def handle(self, *_arguments: object, **options: Any) -> None:
        """Write the copy beside its place and move it there when it is whole."""
        entry = settings.DATABASES["default"]
        if entry["ENGINE"] != "core.sqlite":
            raise CommandError(
                "The database is on a libSQL server; use `turso db shell NAME .dump`, or the "
                "server's replication."
            )
        source, target = Path(entry["NAME"]), options["file"]
        if not source.is_file():
            raise CommandError(f"There is no database at {source}; run `manage.py migrate` first.")
        _check_target(target, source, replace=options["replace"])
        try:
            size = _copy(source, target)
        except (OSError, sqlite3.Error) as error:
            raise CommandError(f"The copy could not be written to {target}: {error}.") from error
        self.stdout.write(f"Copied {source.name} to {target} ({size:,} bytes)")


def _check_target(target: Path, source: Path, *, replace: bool) -> None:
    if target.is_dir():
        raise CommandError(f"{target} is a folder; specify a file in it.")
    if not target.parent.is_dir():
        raise CommandError(f"The folder {target.parent} does not exist; create it first.")
    if target.exists() and any(target.samefile(file) for file in list_database_files(source)):
        raise CommandError(f"{target} is the database itself; specify another file.")
    if target.exists() and not replace:
        raise CommandError(f"{target} already exists; specify another file, or add --replace.")


def _copy(source: Path, target: Path) -> int:
    """Copy the database; return its size in bytes."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".backup-")  # mode 600, always
    os.close(handle)
    temporary = Path(name)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(temporary)) as writing,
        ):
            reading.backup(writing, pages=PAGES_AT_A_TIME, sleep=0.01)
            # One file, not one and a -wal beside it.
            writing.execute("PRAGMA journal_mode=DELETE")
            [verdict] = writing.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"the copy is damaged ({verdict})")
        temporary.replace(target)
        return target.stat().st_size
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
