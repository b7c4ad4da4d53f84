"""A migrated database with odd tables, and a real libSQL server for backups to go to."""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
from launch.sqld import Server

from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.making import write_backup
from tests.support import migrated
from tests.support.odd_database import add_odd_tables

numbers = itertools.count(1)
PROMPT = """
INSERT INTO prompts (id, title, name, content, kind, syntax, status, description, tags, metadata,
                     variables, config, includes, current_version, user_id)
VALUES (?, ?, ?, ?, 'text', 'plain', 'draft', '', '[]', '{}', '[]', '{}', '[]', 1, 'someone')
"""


@pytest.fixture(scope="session")
def _made_once(tmp_path_factory, django_db_blocker) -> Path:
    """A migrated file with a prompt in its search index."""
    path = tmp_path_factory.mktemp("made") / "team.sqlite3"
    with django_db_blocker.unblock():
        migrated.copy_file(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(40):
            connection.execute(
                PROMPT,
                (
                    f"{number:032x}",
                    f"Prompt {number}",
                    f"prompt-{number}",
                    f"ＡＢＣ こんにちは {number}",
                ),
            )
    return path


@pytest.fixture
def plain_file(_made_once, tmp_path) -> Location:
    """A database as AutoForge has it."""
    path = tmp_path / "team.sqlite3"
    shutil.copy(_made_once, path)
    return Location(engine="SQLite", name="team", path=path)


@pytest.fixture
def odd_file(_made_once, tmp_path) -> Location:
    """One with odd tables beside ours."""
    path = tmp_path / "odd.sqlite3"
    shutil.copy(_made_once, path)
    add_odd_tables(path)
    return Location(engine="SQLite", name="odd", path=path)


@pytest.fixture(scope="session")
def libsql_server(tmp_path_factory) -> Iterator[Server]:
    """A real server with many databases."""
    with Server(tmp_path_factory.mktemp("sqld"), namespaces=True) as server:
        yield server


@pytest.fixture
def on_server(libsql_server) -> Location:
    """An empty database on it."""
    name = f"backups{next(numbers)}"
    libsql_server.create(name)
    return Location(engine="libSQL", name=name, url=libsql_server.url, namespace=name)


@pytest.fixture
def in_use(plain_file, settings, monkeypatch):
    """Make the database that of the settings, as far as commands look."""
    from django.db import connections

    monkeypatch.setitem(connections["default"].settings_dict, "NAME", str(plain_file.path))
    return plain_file


@pytest.fixture(scope="session")
def identity():
    """Who can read encrypted backups."""
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def identity_file(identity, tmp_path) -> Path:
    """The file of who can."""
    path = tmp_path / "identity.txt"
    path.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n")
    return path


@pytest.fixture
def backup(plain_file, tmp_path) -> Path:
    """A good backup."""
    return write_backup(plain_file, tmp_path / "good.zst").path
