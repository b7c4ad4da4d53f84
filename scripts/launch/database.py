"""The local database of a launch: can it be used, is it new, who logs in.

Nothing is written where nothing is missing: a second launch leaves every row as it was.
"""

import os
import secrets
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

from core.private_files import keep_private
from launch.errors import LaunchError
from launch.terminal import step

__all__ = ["ADMIN", "Login", "check_file", "close", "new_password", "prepare"]

ADMIN: Final = "admin"
LETTERS: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no l, o, I, O, 0, 1
PASSWORD_GROUPS: Final = 4  # 20 characters of 56: 116 bits
GROUP_LENGTH: Final = 5


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who can log in now."""

    password: str | None
    """Password of the user `admin` if this launch made it; shown once, kept nowhere."""
    has_admin: bool
    """Whether there is a user `admin`."""

    def __repr__(self) -> str:
        return f"Login(has_admin={self.has_admin})"


def new_password() -> str:
    """Return 20 random characters in groups of five, none that is easily taken for another."""
    groups = []
    for _ in range(PASSWORD_GROUPS):
        letters = [secrets.choice(LETTERS) for _ in range(GROUP_LENGTH)]
        groups.append("".join(letters))
    return "-".join(groups)


def check_file(database: dict[str, Any], root: Path) -> None:
    """Refuse a SQLite file that could not be used, before anything is written.

    Args:
        database: Django's entry in DATABASES.
        root: the project's folder; a missing folder is made only inside of it.

    Raises:
        LaunchError: no permission, not a database, in memory, or in a folder that is not there.
    """
    if not database["ENGINE"].endswith("sqlite"):
        return
    if database["NAME"] == ":memory:":
        raise LaunchError(
            "DATABASE_URL is sqlite://:memory:, so every request would get an empty database. "
            "Use a file, such as sqlite:///./data/autoforge_dev.db."
        )
    path = Path(database["NAME"])
    _check_folder(path, root)
    if path.exists():
        keep_private(path)
        _check_content(path)


def _check_folder(path: Path, root: Path) -> None:
    folder = path.parent
    if not folder.exists() and not folder.is_relative_to(root):
        raise LaunchError(
            f"The database file is {path}, but the folder {folder} does not exist. Create it "
            f"with mkdir -p {folder}, or correct DATABASE_URL."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(
            f"The database folder {folder} cannot be created ({error.strerror}). Correct "
            "DATABASE_URL or the permissions."
        ) from error
    # SQLite writes its journal beside the file: the folder has to allow that as well.
    for target in (folder, path):
        if target.exists() and not os.access(target, os.R_OK | os.W_OK):
            raise LaunchError(
                f"No permission to write to {target}, which the database needs. Change its owner "
                "or permissions, or set another file in DATABASE_URL."
            )


def _check_content(path: Path) -> None:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise LaunchError(f"The database {path} cannot be read: {error}.") from error
        raise LaunchError(
            f"{path} is not a SQLite database. Move it away, or set another file in DATABASE_URL."
        ) from error
    finally:
        connection.close()


def prepare(shown_name: str) -> Login:
    """Bring the schema up to date, fill a new database, and make `admin` if there is nobody.

    Args:
        shown_name: the database as it is called in messages.

    Raises:
        LaunchError: the database refused it.
    """
    from django.db import DatabaseError  # Django is set up by now, not on import
    from django.db.migrations.exceptions import InconsistentMigrationHistory

    from core.database.outages import find_outage

    try:
        _migrate(shown_name)
        return _fill()
    except (DatabaseError, InconsistentMigrationHistory) as error:
        outage = find_outage(error)
        if outage is not None:
            raise LaunchError(f"Database error: {outage.sentence}.") from error
        raise LaunchError(
            f"The database {shown_name} could not be migrated ({error}). Inspect it with "
            ".venv/bin/python manage.py database_info, or move it away to start with a new one."
        ) from error


def close() -> None:
    """Fold SQLite's write-ahead log into the database file, so that a copy of it is whole.

    Where that fails, the next one that opens the database does it.
    """
    from django.db import DatabaseError, connection

    with suppress(DatabaseError):
        if connection.settings_dict["ENGINE"] == "core.sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def _migrate(shown_name: str) -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    connection.prepare_database()  # allows that the file is made
    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not pending:
        return
    is_new = not executor.loader.applied_migrations
    call_command("migrate", verbosity=0, interactive=False, stdout=StringIO())
    if is_new:
        step(f"Created the database {shown_name}")
    else:
        step(f"Applied {pending} migration{'s' if pending > 1 else ''} to {shown_name}")


def _fill() -> Login:
    from django.contrib.auth.models import User
    from django.db import transaction

    from autoforge.demo import load_demo

    if User.objects.exists():
        return Login(password=None, has_admin=User.objects.filter(username=ADMIN).exists())
    password = new_password()
    with transaction.atomic():  # both or neither: an interrupted launch begins anew
        if _is_empty():
            step(f"Demo content: {load_demo()}")
        User.objects.create_superuser(username=ADMIN, password=password)
    return Login(password=password, has_admin=True)


def _is_empty() -> bool:
    from evaluations.models import TestSuite
    from prompts.models import Prompt, PromptTemplate

    models = (Prompt, PromptTemplate, TestSuite)
    return not any(model.all_objects.exists() for model in models)  # the trash counts too
