"""A migrated database of its own for a test that migrates, on SQLite and on libSQL."""

import importlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.conftest import LIBSQL
from tests.support import migrated

LAST = "0010_name_index"
numbers = itertools.count(1)
# The shared database may have been migrated back and forth by other tests: the order is made anew.
LAST_APPLIED = (
    "UPDATE django_migrations SET id = (SELECT max(id) + 1 FROM django_migrations)"
    " WHERE app = 'sessions' AND name = '0001_initial'"
)
PROMPTS = [
    "INSERT INTO prompts (id, title, name, content, kind, syntax, status, description, tags,"
    " metadata, variables, config, includes, current_version, user_id)"
    f" VALUES ('{number:032x}', 'Prompt {number}', 'prompt-{number}', 'ＡＢＣ', 'text', 'plain',"
    " 'draft', '', '[]', '{}', '[]', '{}', '[]', 1, 'someone')"
    for number in range(3)
]


class Said(NamedTuple):
    """What a command has printed."""

    status: int
    out: str
    errors: str

    @property
    def report(self) -> dict[str, Any]:
        """Its JSON."""
        return json.loads(self.out)


@pytest.fixture
def own_database(django_db_blocker, django_db_setup, tmp_path: Path) -> Iterator[None]:
    """Put a migrated database with three prompts in the place of the one that tests share."""
    settings = connection.settings_dict
    name = settings["NAME"]
    with django_db_blocker.unblock():
        connection.close()
        if LIBSQL is None:
            settings["NAME"] = str(tmp_path / "own.sqlite3")
            migrated.copy_file(Path(settings["NAME"]))
        else:
            namespace = f"migrating-{next(numbers)}"
            LIBSQL.admin("POST", f"/v1/namespaces/{migrated.NAMESPACE}/fork/{namespace}")
            settings["NAME"] = f"{LIBSQL.url}?namespace={namespace}"
        try:
            run_sql(LAST_APPLIED, *PROMPTS)
            yield
        finally:
            connection.close()
            settings["NAME"] = name
            shutil.rmtree(tmp_path / "backups", ignore_errors=True)


def run_sql(*statements: str) -> list[tuple[Any, ...]]:
    """Run statements; return the rows of the last one."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def migrate(own_database, tmp_path: Path) -> Callable[..., Said]:
    """Return what runs `migrate_safely`."""

    def run(*arguments: str) -> Said:
        out, errors = StringIO(), StringIO()
        folder = tmp_path / "backups"
        folder.mkdir(exist_ok=True)
        try:
            call_command(
                "migrate_safely",
                "--backup-to",
                str(folder),
                *arguments,
                stdout=out,
                stderr=errors,
            )
        except SystemExit as end:
            return Said(int(end.code or 0), out.getvalue(), errors.getvalue())
        except CommandError as error:
            return Said(error.returncode, "", str(error))
        raise AssertionError("it says how it ended")

    return run


@pytest.fixture
def plant(monkeypatch):
    """Return what gives the last migration of prompts other operations."""
    module = importlib.import_module(f"prompts.migrations.{LAST}")

    def change(*operations, **attributes):
        monkeypatch.setattr(
            module.Migration, "operations", [*module.Migration.operations, *operations]
        )
        for name, value in attributes.items():
            monkeypatch.setattr(module.Migration, name, value, raising=False)

    return change
