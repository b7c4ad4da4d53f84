"""What a libSQL server dumps of our schema can be loaded: every table is equal, search works.

Other programs rely on the dump: Turso's shell (`.dump`), and whoever moves away.
"""

import sqlite3
import urllib.request
from contextlib import closing
from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import connection

from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.restoring import put_database
from prompts import services
from prompts.models import Prompt
from prompts.search import matching
from tests.support.odd_database import hashes

MATCH = "SELECT count(*) FROM prompt_search WHERE prompt_search MATCH ?"


@pytest.mark.once
def test_the_dump_of_a_server_loads_with_every_table_equal(plain_file, on_server, tmp_path):
    with closing(sqlite3.connect(plain_file.path)) as filling, filling:
        filling.execute("UPDATE prompts SET content = content || char(10) || 'it''s \"so\" \\n'")
    put_database(copy(plain_file, tmp_path), hashes(plain_file), on_server, replace=False)
    request = urllib.request.Request(f"{on_server.url}/dump")
    request.add_header("Host", f"{on_server.namespace}.localhost")
    with urllib.request.urlopen(request) as response:
        dump = response.read().decode()
    assert "CREATE VIRTUAL TABLE" in dump
    loaded = tmp_path / "loaded.sqlite3"
    with closing(sqlite3.connect(loaded)) as connection:
        connection.executescript(dump)
    with closing(sqlite3.connect(loaded)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute(MATCH, ["こんにちは"]).fetchone() == (40,)
        connection.execute("UPDATE prompts SET content = 'quite another'")  # the triggers work
        assert connection.execute(MATCH, ["quite another"]).fetchone() == (40,)
        connection.rollback()
    assert hashes(Location(engine="SQLite", name="l", path=loaded)) == hashes(plain_file)


def copy(location, tmp_path):
    path = tmp_path / "copy.sqlite3"
    path.write_bytes(location.path.read_bytes())
    return path


@pytest.fixture
def _up_again():
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.usefixtures("_up_again")
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_the_search_is_the_same_before_and_after_up_and_down():
    """On SQLite, and with TEST_DATABASE=libsql on a server."""
    prompt = services.create_prompt(title="Grüße", content="ＡＢＣ and こんにちは", tags=["t1"])
    other = services.create_prompt(title="Other", content="nothing of it")
    services.delete_prompt(prompt_id=other.pk)

    def read() -> tuple[object, ...]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rowid, * FROM prompt_search ORDER BY rowid")
            rows = cursor.fetchall()
            cursor.execute("SELECT term, doc FROM prompt_search_terms ORDER BY term")
            terms = cursor.fetchall()
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'prompt_search'")
            [(sql,)] = cursor.fetchall()
        return rows, terms, "'" in sql

    rows, terms, has_quotes = read()
    assert len(rows) == 2
    assert not has_quotes
    call_command("migrate", "prompts", "0010", verbosity=0)
    assert read() == (rows, terms, True)
    call_command("migrate", "prompts", verbosity=0)
    assert read() == (rows, terms, False)
    assert [row.pk for row in matching(Prompt.objects.all(), "abc")] == [prompt.pk]
    services.edit_prompt(prompt_id=prompt.pk, content="changed since")
    assert [row.pk for row in matching(Prompt.objects.all(), "changed since")] == [prompt.pk]
    migration = import_module("prompts.migrations.0011_search_that_dumps")
    assert all("'" not in sql for sql in migration.INDEX)
