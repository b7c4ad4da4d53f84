"""A damaged or foreign file where a backup is restored: what to move away, and then it works."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from autoforge.operations.backups.making import write_backup
from tests.autoforge.operations.backups.test_commands import run
from tests.support.odd_database import hashes

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def spoil(path, *, header: bool) -> None:
    """Damage a file: all of it, or the pages in its middle."""
    content = bytearray(path.read_bytes())
    if header:
        content[:100] = b"x" * 100
    else:
        content[100:4096] = b"\xff" * 3996  # the schema's own page
    path.write_bytes(content)


@pytest.mark.parametrize("beside", [(), ("-wal", "-shm")], ids=["alone", "beside"])
@pytest.mark.parametrize("replace", [False, True], ids=["new", "replace"])
@pytest.mark.parametrize("kind", ["text", "header", "schema"])
def test_it_says_what_to_move_away(kind, replace, beside, plain_file, tmp_path):
    backup = write_backup(plain_file, tmp_path / "b.zst").path
    target = tmp_path / "live.sqlite3"
    if kind == "text":
        target.write_bytes(b"This is no database, but somebody's notes. " * 100)
    else:
        shutil.copy(plain_file.path, target)
        spoil(target, header=kind == "header")
    files = [target]
    for ending in beside:
        path = tmp_path / f"live.sqlite3{ending}"
        path.write_bytes(b"left behind")
        files.append(path)
    before = target.read_bytes()
    arguments = ["restore_database", backup, "--to", f"sqlite:///{target}"]
    given = [*arguments, "--replace", "live"] if replace else arguments
    status, problem = run(*given)
    if replace and kind == "schema":  # all of its pages are written anew
        assert (status, problem) == (0, "")
        assert read(target) == read(plain_file.path)
        return
    assert status == 1
    assert problem.startswith(f"{target} is damaged or not a SQLite database (")
    assert "; nothing was changed. Stop what uses it, move " in problem
    assert target.read_bytes() == before
    listed = problem.partition(", move ")[2].partition(" to another folder")[0]
    assert str(target) in listed.replace(" and ", ", ").split(", ")
    away = tmp_path / "away"
    away.mkdir()
    for name in listed.replace(" and ", ", ").split(", "):
        shutil.move(name, away)
    assert run(*arguments) == (0, "")
    assert read(target) == read(plain_file.path)


def read(path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT id, title, content FROM prompts ORDER BY id").fetchall()


def test_a_foreign_database_is_not_damaged(plain_file, tmp_path):
    backup = write_backup(plain_file, tmp_path / "b.zst").path
    target = tmp_path / "music.sqlite3"
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("CREATE TABLE songs (title)")
    status, problem = run("restore_database", backup, "--to", f"sqlite:///{target}")
    assert (status, problem) == (
        1,
        f"{target} is not empty. To replace all that is in it, add --replace music.",
    )
    assert hashes(plain_file)["prompts"].rows == 40
