"""What goes wrong while a database is replaced, and the rarer ways of tables and servers."""

import io
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from django.core.management.base import OutputWrapper

from autoforge.operations.backups import restoring
from autoforge.operations.backups.errors import BackupError, SwitchUnknown
from autoforge.operations.backups.locations import Location, find_location, parse_location
from autoforge.operations.backups.making import write_backup
from autoforge.operations.backups.progress import Progress
from autoforge.operations.backups.reading import open_reader
from autoforge.operations.backups.restoring import check_target, put_database
from autoforge.operations.backups.schema import list_leftovers, read_schema
from autoforge.operations.backups.scratch import PREFIX, scratch_folder
from autoforge.operations.backups.staging import Staging, rename_in_sql
from core.management.progress_bar import ProgressBar
from django_hrana import driver
from hrana_support.keyed_server import start_keyed_server
from tests.support.odd_database import hashes

pytestmark = pytest.mark.once


def copy(location: Location, tmp_path) -> object:
    path = tmp_path / "copy.sqlite3"
    shutil.copy(location.path, path)
    return path


# --- SQLite


def test_who_holds_the_lock_is_waited_for_and_then_told(plain_file, tmp_path, monkeypatch):
    monkeypatch.setattr(restoring, "LOCK_SECONDS", 0.3)
    new = copy(plain_file, tmp_path)
    with closing(sqlite3.connect(plain_file.path, isolation_level=None)) as other:
        other.execute("UPDATE prompts SET title = 'theirs'")
        before = hashes(plain_file)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackupError, match=r"Another program holds the lock on .*; nothing was"):
            put_database(new, {}, plain_file, replace=True)
        other.execute("COMMIT")
    assert hashes(plain_file) == before


def test_a_file_with_other_pages_keeps_them(plain_file, tmp_path):
    target = tmp_path / "pages.sqlite3"
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE old (x)")
    before = hashes(plain_file)
    location = Location(engine="SQLite", name="pages", path=target)
    put_database(copy(plain_file, tmp_path), before, location, replace=True)
    assert hashes(location) == before
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (8192,)


def test_a_table_that_somebody_made_meanwhile_stays(plain_file, tmp_path):
    target = Location(engine="SQLite", name="t", path=tmp_path / "t.sqlite3")
    check_target(target, replace=False)
    with closing(sqlite3.connect(target.path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(BackupError, match="is not empty any more; nothing was changed"):
        put_database(copy(plain_file, tmp_path), {}, target, replace=False)
    assert list(hashes(target)) == ["theirs"]


# --- libSQL


def test_a_table_that_somebody_made_on_the_server_meanwhile_stays(plain_file, on_server, tmp_path):
    with Staging(on_server, copy(plain_file, tmp_path), "0123abcd") as staging:
        staging.fill()
        staging.query("CREATE TABLE theirs (x)")
        with pytest.raises(BackupError, match="is not empty any more; nothing was changed"):
            staging.switch(into_empty=True)
    assert list(hashes(on_server)) == ["theirs"]


def test_rows_that_arrive_otherwise_are_not_taken(plain_file, on_server, tmp_path):
    with Staging(on_server, copy(plain_file, tmp_path), "0123abcd") as staging:
        staging.fill()
        staging.query("DELETE FROM _restoring_0123abcd_prompts WHERE title = 'Prompt 3'")
        with pytest.raises(BackupError, match=r"prompts was not stored .*39 rows instead of 40"):
            staging.check(hashes(plain_file))
        assert staging.is_empty()
        assert staging.drop_leftovers() > 30
    with open_reader(on_server) as reader:
        assert reader.query("SELECT name FROM sqlite_master") == [("sqlite_sequence",)]


class Losing(Staging):
    """A restoration whose last answer does not come."""

    answers = True

    def _has_switched(self) -> bool:
        if not self.answers:
            self._connection.close()
        return super()._has_switched()


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("answers", [False, True])
def test_a_switch_without_an_answer(is_done, answers, plain_file, on_server, tmp_path, monkeypatch):
    with Losing(on_server, copy(plain_file, tmp_path), "0123abcd") as staging:
        staging.fill()
        staging.answers = answers
        commit = staging._connection.commit

        def lose() -> None:
            if is_done:
                commit()
            else:
                staging._connection.rollback()
            raise driver.OutcomeUnknown("no answer")

        monkeypatch.setattr(staging._connection, "commit", lose)
        if not answers:
            with pytest.raises(SwitchUnknown, match="all of the old content or all of the new"):
                staging.switch(into_empty=True)
        elif is_done:
            staging.switch(into_empty=True)
        else:
            with pytest.raises(BackupError, match="did not answer, and has changed nothing"):
                staging.switch(into_empty=True)
    assert hashes(on_server) == (hashes(plain_file) if is_done else {})


def test_rows_of_megabytes_go_up_and_come_down(on_server, tmp_path):
    """More at once than an answer of the server may have, and than a request should."""
    path = tmp_path / "large.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE large (a INTEGER PRIMARY KEY, b BLOB)")
        rows = [(number, os.urandom(3_000_000)) for number in range(9)]
        connection.executemany("INSERT INTO large VALUES (?, ?)", rows)
    before = hashes(Location(engine="SQLite", name="large", path=path))
    put_database(path, before, on_server, replace=False)
    assert hashes(on_server) == before
    assert write_backup(on_server, tmp_path / "b.zst").manifest.tables == before


def test_a_transaction_that_the_server_takes_away(plain_file, on_server, tmp_path, monkeypatch):
    with Staging(on_server, copy(plain_file, tmp_path), "0123abcd") as staging:
        staging.fill()

        def take_away(*_arguments: object, **_options: object) -> None:
            raise driver.TransactionLost("taken")

        monkeypatch.setattr(staging._connection, "run", take_away)
        with pytest.raises(BackupError, match="Stop web and workers, and try again"):
            staging.switch(into_empty=True)
    with pytest.raises(ValueError, match="eight hexadecimal digits"):
        Staging(on_server, plain_file.path, "x")


def test_a_server_that_asks_for_a_token(plain_file, tmp_path):
    with start_keyed_server(tmp_path) as server:
        (tmp_path / "token").write_text(f"{server.token()}\n")
        (tmp_path / "other").write_text("eyJhbGciOiJFZERTQSJ9.e30.c2ln")
        good = parse_location(server.url, token_file=tmp_path / "token")
        bad = parse_location(server.url, token_file=tmp_path / "other")
        assert server.token() not in repr(good)
        before = hashes(plain_file)
        put_database(copy(plain_file, tmp_path), before, good, replace=False)
        assert write_backup(good, tmp_path / "b.zst").manifest.tables == before
        with pytest.raises(
            BackupError, match=r"rejected the token.* add --token-file FILE"
        ) as refusal:
            write_backup(bad, tmp_path / "c.zst")
        assert "eyJ" not in str(refusal.value)
        (tmp_path / "reading").write_text(server.token(access="ro"))
        (tmp_path / "blank").write_text("a b")
        for name, cause in (
            (None, "requires a token"),
            ("reading", f"the token for {server.url} is read-only"),
            ("blank", "the token contains white space"),
        ):
            file = None if name is None else tmp_path / name
            there = parse_location(server.url, token_file=file, token_option="--to-token-file")
            with pytest.raises(
                BackupError, match=f"{cause}.*; .* add --to-token-file FILE"
            ) as told:
                put_database(copy(plain_file, tmp_path), before, there, replace=True)
            assert "auth_token" not in str(told.value)
        by_environment = replace(parse_location(server.url), token_option="")
        with pytest.raises(BackupError, match=r"correct the token .*TURSO_AUTH_TOKEN"):
            check_target(by_environment, replace=False)


# --- schemas


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("CREATE VIRTUAL TABLE v USING rtree(id, a, b)", "v is of the kind rtree, which backups"),
        ("CREATE VIRTUAL TABLE v USING fts5(a, content='t')", "v has its content elsewhere"),
        ("CREATE TABLE v (rowid, oid, _rowid_)", "v has columns that hide its rowid"),
    ],
)
def test_tables_that_cannot_be_carried_over(sql, sentence):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)
        with pytest.raises(BackupError, match=sentence):
            read_schema(lambda query, _parameters: connection.execute(query).fetchall())


@pytest.mark.parametrize(
    ("sql", "renamed"),
    [
        ("CREATE TABLE a (x)", 'CREATE TABLE "n" (x)'),
        ('CREATE TABLE "a" ("a" text)', 'CREATE TABLE "n" ("a" text)'),
        ("CREATE TABLE a (a CHECK (a.a > 'a' AND a > 0))", None),
        ('CREATE TABLE b (x REFERENCES "a" (a), y REFERENCES a)', None),
        ("CREATE TABLE IF NOT EXISTS a -- a\n(x /* a */)", None),
        ("CREATE VIRTUAL TABLE a USING fts5(a, tokenize = trigram)", None),
    ],
    ids=range(6),
)
def test_names_in_sql(sql, renamed):
    expected = {
        2: 'CREATE TABLE "n" (a CHECK ("n".a > \'a\' AND a > 0))',
        3: 'CREATE TABLE "m" (x REFERENCES "n" (a), y REFERENCES "n")',
        4: 'CREATE TABLE IF NOT EXISTS "n" -- a\n(x /* a */)',
        5: 'CREATE VIRTUAL TABLE "n" USING fts5(a, tokenize = trigram)',
    }
    result = rename_in_sql(sql, {"a": "n", "b": "m"})
    assert result == renamed or result in expected.values()


def test_the_database_of_the_settings(settings, monkeypatch):
    from django.db import connections

    entry = connections["default"].settings_dict
    monkeypatch.setitem(entry, "ENGINE", "django_hrana")
    monkeypatch.setitem(entry, "NAME", "libsql://team-org.turso.io")
    monkeypatch.setitem(entry, "OPTIONS", {"auth_token": "secret", "timeout": 5})
    location = find_location()
    assert (location.engine, location.name, location.timeout_seconds) == ("libSQL", "team-org", 5)
    assert str(location) == "libsql://team-org.turso.io"
    # Its own URL on a command line needs no token again.
    assert parse_location("libsql://team-org.turso.io/").token == "secret"
    assert parse_location("libsql://other-org.turso.io").token is None
    assert not location.is_same(Location(engine="SQLite", name="x", path=settings.BASE_DIR / "x"))


def test_a_database_in_memory_has_no_backup(monkeypatch):
    from django.db import connections

    monkeypatch.setattr(type(connections["default"]), "is_in_memory_db", lambda _self: True)
    monkeypatch.setitem(connections["default"].settings_dict, "ENGINE", "core.sqlite")
    with pytest.raises(BackupError, match="in memory: there is nothing to back up"):
        find_location()


# --- what is left behind


def test_what_a_killed_process_left_is_removed(tmp_path):
    program = (
        "import os, sys; from pathlib import Path;"
        "from autoforge.operations.backups.scratch import scratch_folder;"
        f"made = scratch_folder(Path({str(tmp_path)!r})); folder = made.__enter__();"
        "(folder / 'database').write_bytes(b'x' * 1000); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    [left] = tmp_path.iterdir()
    assert left.name.startswith(PREFIX)
    with scratch_folder(tmp_path) as mine:
        assert list(tmp_path.iterdir()) == [mine]  # theirs is gone
        assert stat.S_IMODE(mine.stat().st_mode) == 0o700
        with scratch_folder(tmp_path) as second:  # mine is in use
            assert {path.name for path in tmp_path.iterdir()} == {mine.name, second.name}
    assert list(tmp_path.iterdir()) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_alone():
    for stream in (Terminal(), io.StringIO()):
        with ProgressBar(OutputWrapper(stream)) as bar:
            bar.show(Progress(stage="reading prompts", done=5, total=10))
            bar.show(Progress(stage="checking", done=0, total=0))
        assert (stream.getvalue() != "") == stream.isatty()


def test_leftovers_name_an_index_and_not_what_is_inside(on_server):
    connection = driver.connect(on_server.url, namespace=on_server.namespace, autocommit=True)
    for sql in (
        "CREATE TABLE _restoring_0123abcd_a (x)",
        "CREATE VIRTUAL TABLE _restoring_0123abcd_s USING fts5(x)",
    ):
        connection.cursor().execute(sql)
    connection.close()
    with open_reader(on_server) as reader:
        assert list_leftovers(reader.query) == ["_restoring_0123abcd_a", "_restoring_0123abcd_s"]
