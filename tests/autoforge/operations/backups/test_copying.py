"""A copy of a database that is killed on its way goes on, and is equal in the end."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from autoforge.operations.backups.copying import STATE, copy_database, list_unfinished_copies
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.reading import open_reader
from autoforge.operations.backups.schema import list_leftovers
from hrana_support.keyed_server import start_keyed_server
from tests.support.odd_database import hashes

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[4]


class Interrupted(Exception):
    """What stands for a kill at a certain row."""


def interrupt_at(stage: str, count: int):
    """Return a function that interrupts the work when a stage is told for the nth time."""
    told = []

    def show(step) -> None:
        if step.stage.startswith(stage):
            told.append(1)
            if len(told) == count:
                raise Interrupted

    return show


@pytest.mark.parametrize("way", ["up", "down", "across"])
def test_there_and_back(way, odd_file, on_server, libsql_server, tmp_path):
    before = hashes(odd_file)
    source, target = odd_file, on_server
    if way != "up":
        copy_database(odd_file, on_server, tmp_path / "work")
        source = on_server
        target = Location(engine="SQLite", name="t", path=tmp_path / "t.sqlite3")
    if way == "across":
        name = f"{on_server.name}x"
        libsql_server.create(name)
        target = Location(engine="libSQL", name=name, url=libsql_server.url, namespace=name)
    copied = copy_database(source, target, tmp_path / "work")
    assert not copied.was_resumed
    assert copied.tables == before == hashes(target)
    assert not (tmp_path / "work").exists()


def test_it_goes_on_where_it_was(odd_file, on_server, tmp_path):
    before = hashes(odd_file)
    work = tmp_path / "work"
    places = [("hashing", 3), ("writing prompt_search_folds", 1), ("writing no rowid", 2)]
    for place in [*places, ("writing computed", 1), ("hashing", 5), ("switching", 1)]:
        with pytest.raises(Interrupted):
            copy_database(odd_file, on_server, work, on_progress=interrupt_at(*place))
        with open_reader(on_server) as reader:
            assert reader.query("SELECT name FROM sqlite_master WHERE name = 'prompts'") == []
        if place != places[0]:  # the source may change from the snapshot on
            with closing(sqlite3.connect(odd_file.path)) as connection, connection:
                connection.execute("UPDATE prompts SET description = description || 'x'")
    written = []
    copied = copy_database(
        odd_file,
        on_server,
        work,
        on_progress=lambda step: written.append(step.stage),
    )
    assert copied.was_resumed
    assert hashes(on_server) == before
    assert [stage for stage in written if stage.startswith(("copying", "writing"))] == []
    with open_reader(on_server) as reader:
        assert list_leftovers(reader.query) == []


def test_it_may_be_killed_when_all_is_done(odd_file, on_server, tmp_path):
    work = tmp_path / "work"
    with pytest.raises(Interrupted):
        copy_database(odd_file, on_server, work, on_progress=interrupt_at("switching", 1))
    [folder] = work.iterdir()
    assert list_unfinished_copies(work) == [folder]
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    copy_database(odd_file, on_server, work)
    shutil.copytree(kept, folder)  # as if it had been killed before it removed the folder
    assert copy_database(odd_file, on_server, work).was_resumed
    assert not folder.exists()
    # Where somebody has worked with the target since, it is no half copy any more.
    shutil.copytree(kept, folder)
    with closing(sqlite3.connect(odd_file.path)) as connection, connection:
        connection.execute("CREATE TABLE later (x)")
    (folder / STATE).write_text((folder / STATE).read_text().replace('"rows":40', '"rows":41'))
    with pytest.raises(BackupError, match="is not empty") as told:
        copy_database(odd_file, on_server, work)
    assert f"is kept in {folder}: the same command goes on with it" in str(told.value)
    assert folder.is_dir()


def test_what_is_refused(odd_file, plain_file, tmp_path):
    with pytest.raises(BackupError, match="cannot be copied to itself"):
        copy_database(odd_file, odd_file, tmp_path / "work")
    with pytest.raises(BackupError, match=r"is not empty\. Copy to an empty database") as told:
        copy_database(odd_file, plain_file, tmp_path / "work")
    assert f"restore_database --to {plain_file} --replace team" in str(told.value)
    missing = Location(engine="SQLite", name="none", path=tmp_path / "none.sqlite3")
    target = Location(engine="SQLite", name="t", path=tmp_path / "t.sqlite3")
    with pytest.raises(BackupError, match="There is no database at"):
        copy_database(missing, target, tmp_path / "work")
    with pytest.raises(Interrupted):
        copy_database(odd_file, target, tmp_path / "work", on_progress=interrupt_at("hashing", 1))
    # Nobody could go on with any of these: nothing is left of them.
    assert not (tmp_path / "work").exists()


@pytest.mark.django_db
def test_the_command(odd_file, tmp_path, capsys):
    target = tmp_path / "t.sqlite3"
    urls = (f"sqlite:///{odd_file.path}", f"sqlite:///{target}")
    call_command("copy_database", *urls, "--work", str(tmp_path / "work"))
    out = capsys.readouterr().out
    assert out.startswith(f"Copied {odd_file.path} to {target}: 4")
    assert out.endswith(" rows, all equal.\n")
    target.unlink()
    call_command("copy_database", *urls, "--work", str(tmp_path / "work"), "--format", "json")
    assert json.loads(capsys.readouterr().out)["resumed"] is False
    with pytest.raises(CommandError, match="is not empty"):
        call_command("copy_database", *urls, "--work", str(tmp_path / "work"))


@pytest.mark.timeout(300)
def test_killed_on_its_way_it_ends_equal(odd_file, on_server, tmp_path):
    """kill -9 of the real command, twice, each time when rows arrive; the third gets through."""
    with closing(sqlite3.connect(odd_file.path)) as connection, connection:
        rows = [(f"k{number}", "x" * 3000, "2030-01-01") for number in range(8000)]
        connection.executemany(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)",
            rows,
        )
    before = hashes(odd_file)
    kills = 0
    arrived = 0
    for attempt in range(3):
        process = start(odd_file, on_server, tmp_path)
        while attempt < 2 and process.poll() is None:
            count = count_sessions(on_server)
            if count > arrived:
                process.kill()
                arrived = count
                kills += 1
                break
        out, _ = process.communicate()
    assert kills == 2
    assert process.returncode == 0
    assert out.startswith("Went on, and copied ")
    assert hashes(on_server) == before


def start(source: Location, target: Location, tmp_path: Path) -> subprocess.Popen[str]:
    """Start the command."""
    url = f"{target.url}?namespace={target.namespace}"
    command = [sys.executable, "manage.py", "copy_database", f"sqlite:///{source.path}", url]
    return subprocess.Popen(
        [*command, "--work", str(tmp_path / "work")],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/unused.sqlite3"},
        stdout=subprocess.PIPE,
        text=True,
    )


def count_sessions(target: Location) -> int:
    """Return how many rows of a large table are there, under whatever name."""
    with open_reader(target) as reader:
        names = [name for name in list_leftovers(reader.query) if name.endswith("django_session")]
        if not names:
            return 0
        [(count,)] = reader.query(f'SELECT count(*) FROM "{names[0]}"')
        return int(count)


def test_a_token_that_may_only_read_is_enough_for_the_source(odd_file, tmp_path):
    target = Location(engine="SQLite", name="t", path=tmp_path / "t.sqlite3")
    with start_keyed_server(tmp_path) as server:
        url = server.url
        there = Location(engine="libSQL", name="odd", url=url, token=server.token())
        copy_database(odd_file, there, tmp_path / "work")
        reading = Location(engine="libSQL", name="odd", url=url, token=server.token(access="ro"))
        copied = copy_database(reading, target, tmp_path / "work")
    assert copied.tables == hashes(odd_file) == hashes(target)
