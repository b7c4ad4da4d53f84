"""A disk that is full: what is said, and with which status.

A small tmpfs is a disk that is really full; where mounting is not allowed, the limit on the size of
files that the system keeps for each process (`ulimit -f`) stands for it, and is tried everywhere.
"""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from autoforge.operations.backups.copying import copy_database
from autoforge.operations.backups.errors import BackupError, NoRoom
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.making import write_backup
from autoforge.operations.backups.restoring import put_database
from tests.autoforge.operations.backups.test_commands import run
from tests.support.disks import mounted_for_reading
from tests.support.fake_s3 import ACCESS_KEY, FakeS3
from tests.support.odd_database import hashes

pytestmark = [pytest.mark.once, pytest.mark.django_db]
TMPFS_BYTES = 128 << 10
LIMIT_BYTES = 96 << 10


@contextmanager
def small_files() -> Iterator[None]:
    """Let this process write no file of more than some kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["disk", "limit"])
def full(request, tmp_path) -> Iterator[tuple[Path, Callable[[], AbstractContextManager[None]]]]:
    """Give a folder that takes no database, and what makes it so while something is written."""
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "limit":
        yield folder, small_files
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "small", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a disk; the limit on files is tried instead")
    try:
        yield folder, nullcontext
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("command", ["verify_backup", "restore_database"])
def test_no_room_to_unpack_is_no_damage(command, full, backup, tmp_path, monkeypatch):
    folder, filling = full
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    target = tmp_path / "t.sqlite3"
    arguments = [command, backup]
    if command == "restore_database":
        arguments += ["--to", f"sqlite:///{target}"]
    with filling():
        status, problem = run(*arguments)
    assert status == (2 if command == "verify_backup" else 1)
    assert problem.startswith(f"{folder} has no room for the unpacked backup good.zst (")
    assert ": about " in problem
    assert " bytes are needed, " in problem
    assert " bytes are free. Free some there, or set TMPDIR to a folder on another disk." in problem
    assert list(folder.iterdir()) == []
    assert not target.exists()


@pytest.mark.parametrize(
    "recipients", [(), ("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",)]
)
def test_a_full_disk_of_backups_is_not_the_databases_fault(recipients, full, plain_file):
    folder, filling = full
    with filling(), pytest.raises(NoRoom) as told:
        write_backup(plain_file, folder / "b.zst", recipients=recipients)
    size = plain_file.path.stat().st_size
    assert str(told.value).startswith(f"{folder} has no room for a backup of {plain_file} (")
    assert f": about {size:,} bytes are needed, " in str(told.value)
    assert "Free some there, or write it to another disk." in str(told.value)
    assert list(folder.iterdir()) == []


def test_no_room_for_what_goes_to_s3(full, in_use, monkeypatch):
    folder, filling = full
    with FakeS3() as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        s3.objects["large.zst"] = os.urandom(1 << 20)
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        with filling():
            status, problem = run("backup_database", "s3://team/b.zst")
            assert (status, problem.startswith(f"{folder} has no room for a backup of")) == (
                1,
                True,
            )
            status, problem = run("verify_backup", "s3://team/large.zst")
        assert status == 2
        assert problem.startswith(f"{folder} has no room for a copy of s3://team/large.zst (")
        assert "set TMPDIR" in problem
        assert list(s3.objects) == ["large.zst"]
    assert list(folder.iterdir()) == []


def test_no_room_for_the_database_itself(full, plain_file):
    folder, filling = full
    target = Location(engine="SQLite", name="t", path=folder / "t.sqlite3")
    before = hashes(plain_file)
    with filling(), pytest.raises(NoRoom, match=r"has no room for the new content of t\.sqlite3"):
        put_database(plain_file.path, before, target, replace=False)
    assert not target.path.exists()


def test_no_room_for_a_copy(full, plain_file, tmp_path):
    folder, filling = full
    target = Location(engine="SQLite", name="t", path=tmp_path / "t.sqlite3")
    with filling(), pytest.raises(BackupError, match="has no room for a snapshot of") as told:
        copy_database(plain_file, target, folder / "work")
    assert "name a folder on another disk with --work" in str(told.value)
    assert list(folder.iterdir()) == []
    assert not target.path.exists()


def test_a_folder_that_takes_no_files(backup, plain_file, tmp_path, monkeypatch):
    folder = tmp_path / "reading"
    folder.mkdir()
    with mounted_for_reading(folder):
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        status, problem = run("verify_backup", backup)
        assert status == 2
        assert problem.startswith(f"{folder} takes no files for the unpacked backup good.zst (")
        assert problem.endswith("write access, or set TMPDIR to a folder on another disk.")
        with pytest.raises(BackupError, match=r"takes no files for a backup of .* another disk"):
            write_backup(plain_file, folder / "b.zst")
