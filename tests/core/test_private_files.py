"""Databases, what stands beside them and their copies: for their owner alone, by any umask."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from core.private_files import keep_private
from core.sqlite.base import DatabaseWrapper

ROOT = Path(__file__).resolve().parents[2]
OWNER_ONLY = 0o600
DEFAULTS = {"OPTIONS": {}, "TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False,
            "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False}  # fmt: skip


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


# Opens the database and the queue as the product does.
PROGRAM = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", "contenttypes", verbosity=0)
"""


def test_made_with_any_umask_and_tightened_where_it_was_open(tmp_path):
    for umask in (0o000, 0o022, 0o077, 0o777):
        before = os.umask(umask)
        try:
            path = tmp_path / f"{umask:o}.sqlite3"
            keep_private(path)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) in {OWNER_ONLY, OWNER_ONLY & ~umask}
    for ending in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"old{ending}").touch(mode=0o666)
        (tmp_path / f"old{ending}").chmod(0o666)
    (tmp_path / "old-notes").touch()
    (tmp_path / "old-notes").chmod(0o644)
    keep_private(tmp_path / "old")
    found = modes(tmp_path)
    assert {found[f"old{ending}"] for ending in ("", "-wal", "-shm", "-journal")} == {OWNER_ONLY}
    assert found["old-notes"] == 0o644


def test_a_link_is_followed_and_what_cannot_be_is_left(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    keep_private(tmp_path / "link")
    assert modes(tmp_path)["file"] == OWNER_ONLY
    keep_private(tmp_path / "no" / "such" / "folder")
    assert not (tmp_path / "no").exists()


def test_a_database_and_its_queue(tmp_path):
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "QUEUE": "sqlite"},
        umask=0,
        check=True,
        timeout=120,
    )
    assert {"db.sqlite3", "queue.sqlite3"} <= modes(tmp_path).keys()
    assert set(modes(tmp_path).values()) == {OWNER_ONLY}


def test_opening_tightens(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as writing:
        writing.execute("PRAGMA journal_mode=WAL")
        writing.execute("CREATE TABLE t (x)")
        for file in tmp_path.iterdir():
            file.chmod(0o666)
        wrapper = DatabaseWrapper(DEFAULTS | {"NAME": str(path)})
        opened = wrapper.get_new_connection(wrapper.get_connection_params())
        assert modes(tmp_path).keys() == {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"}
        assert set(modes(tmp_path).values()) == {OWNER_ONLY}
        opened.close()
