"""What interrupted work leaves behind: nothing in plain text, and nothing for long."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autoforge.operations.backups import restoring
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.making import write_backup
from autoforge.operations.backups.reading import open_reader
from autoforge.operations.backups.restoring import restore_into
from autoforge.operations.backups.schema import list_leftovers
from autoforge.operations.backups.scratch import PREFIX, list_abandoned
from autoforge.operations.backups.verifying import verify
from tests.support.odd_database import hashes

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[4]
AGE = b"age-encryption.org/v1\n"
# What a backup is made of, and what it is made of where it is not encrypted.
PLAIN = (b"SQLite format 3\0", b"\x5b\x2a\x4d\x18", b"Prompt 3")
PROGRAM = """
import os, sys
from pathlib import Path
import django
django.setup()
from autoforge.operations.backups.locations import parse_location
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.making import write_backup
from autoforge.operations.backups.verifying import verify

source, path, stage, number, recipient, identity = sys.argv[1:]

def end(step):
    if step.stage.startswith(stage):
        os.kill(os.getpid(), int(number))

if identity:
    verify(Path(path), identities=[Path(identity)], on_progress=end)
else:
    write_backup(
        parse_location(f"sqlite:///{source}"), Path(path), recipients=[recipient], on_progress=end
    )
"""


def interrupt(number: int, stage: str, *arguments: object, folder: Path) -> int:
    """Run a backup or its verification; end it with a signal when it comes to a stage."""
    source, path, recipient, identity = map(str, arguments)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, source, path, stage, str(number), recipient, identity],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "autoforge.settings", "TMPDIR": str(folder)},
        capture_output=True,
        check=False,
    )
    return done.returncode


def list_plain_files(*folders: Path) -> list[Path]:
    """Return files that hold something of a database that can be read."""
    plain = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and any(mark in path.read_bytes() for mark in PLAIN):
                plain.append(path)
    return plain


@pytest.mark.parametrize("stage", ["copying", "hashing", "checksum", "compress", "decompress"])
def test_a_killed_encrypted_backup_leaves_nothing_that_can_be_read(
    stage, plain_file, identity, tmp_path
):
    folder, temporary = tmp_path / "backups", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    path = folder / "b.zst.age"
    public = identity.to_public()
    status = interrupt(signal.SIGKILL, stage, plain_file.path, path, public, "", folder=temporary)
    assert status == -signal.SIGKILL
    assert list_plain_files(folder, temporary) == []
    [left] = list_abandoned(folder)
    assert left.name.startswith(PREFIX)
    assert list(temporary.iterdir()) == []
    # Reading a backup removes it as making one does.
    write_backup(plain_file, tmp_path / "other.zst")
    (tmp_path / "other.zst").rename(folder / "other.zst")
    verify(folder / "other.zst")
    assert [path.name for path in folder.iterdir()] == ["other.zst"]


def test_a_killed_verification_leaves_nothing_that_can_be_read(
    plain_file, identity, identity_file, tmp_path
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    path = tmp_path / "b.zst.age"
    write_backup(plain_file, path, recipients=[str(identity.to_public())])
    assert path.read_bytes().startswith(AGE)
    for stage in ("decompress", "checking", "hashing"):
        status = interrupt(
            signal.SIGKILL, stage, plain_file.path, path, "", identity_file, folder=temporary
        )
        assert status == -signal.SIGKILL
        assert list_plain_files(temporary) == []


@pytest.mark.parametrize("stage", ["copying", "hashing", "compress", "decompress"])
def test_ctrl_c_leaves_nothing(stage, plain_file, identity, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    public = identity.to_public()
    path = folder / "b.age"
    status = interrupt(signal.SIGINT, stage, plain_file.path, path, public, "", folder=folder)
    assert status in {-signal.SIGINT, 130}
    assert list(folder.iterdir()) == []


def test_who_stops_within_the_encryption_is_not_told_of_an_error(plain_file, identity, tmp_path):
    """The library turns whatever a file raises into an error of its own."""

    class Stopping:
        def read(self, _size: int) -> bytes:
            raise KeyboardInterrupt

    from autoforge.operations.backups.encryption import decrypt_stream, encrypt_stream

    (tmp_path / "identity").write_text(str(identity))
    with (tmp_path / "out").open("wb") as out:
        with pytest.raises(KeyboardInterrupt):
            encrypt_stream(Stopping(), out, [str(identity.to_public())])
        with pytest.raises(KeyboardInterrupt):
            decrypt_stream(Stopping(), out, [tmp_path / "identity"], name="b")


@pytest.mark.parametrize("stage", ["hashing", "writing prompts", "switching"])
def test_ctrl_c_within_a_restoration_leaves_nothing_on_a_server(
    stage, plain_file, on_server, tmp_path
):
    backup = write_backup(plain_file, tmp_path / "b.zst").path

    def stop(step) -> None:
        if step.stage.startswith(stage):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_into(backup, on_server, on_progress=stop)
    with open_reader(on_server) as reader:
        assert list_leftovers(reader.query) == []
    restore_into(backup, on_server)
    before = hashes(on_server)
    assert before == hashes(plain_file)
    with pytest.raises(KeyboardInterrupt):
        restore_into(backup, on_server, replace=True, on_progress=stop)
    with open_reader(on_server) as reader:
        assert list_leftovers(reader.query) == []
    assert hashes(on_server) == before


def test_ctrl_c_within_a_restoration_leaves_no_file(plain_file, tmp_path, monkeypatch):
    monkeypatch.setattr(restoring, "PAGES_AT_A_TIME", 10)
    backup = write_backup(plain_file, tmp_path / "b.zst").path
    target = Location(engine="SQLite", name="t", path=tmp_path / "t.sqlite3")

    def stop(step) -> None:
        if step.stage == "switching":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_into(backup, target, on_progress=stop)
    assert list(tmp_path.glob("t.*")) == []


def test_a_folder_without_a_lock_goes_when_it_is_old(tmp_path):
    folder = tmp_path / f"{PREFIX}abc"
    folder.mkdir()
    assert list_abandoned(tmp_path) == []  # somebody may be about to lock it
    os.utime(folder, (0, 0))
    assert list_abandoned(tmp_path) == [folder]
    assert list_abandoned(tmp_path / "none") == []


def write_two_at_once(source: Location, path: Path, *, replace: bool) -> list[str]:
    """Write two backups to one file, both of which find its name free; return how they ended."""
    barrier = threading.Barrier(2)
    endings = []

    def meet(step) -> None:
        if step.stage == "decompressing" and step.done == step.total:
            barrier.wait(30)

    def work() -> None:
        try:
            write_backup(source, path, replace=replace, on_progress=meet)
        except BackupError as error:
            endings.append(str(error))
        else:
            endings.append("written")

    threads = [threading.Thread(target=work) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(endings)


def test_of_two_backups_to_one_new_file_one_is_written(plain_file, tmp_path):
    path = tmp_path / "b.zst"
    refused, written = write_two_at_once(plain_file, path, replace=False)
    assert written == "written"
    assert refused.startswith(f"{path} was made by another process meanwhile, and stays as it is")
    assert verify(path).manifest.tables == hashes(plain_file)
    assert write_two_at_once(plain_file, path, replace=True) == ["written", "written"]
    assert verify(path).manifest.tables == hashes(plain_file)
    assert list(tmp_path.glob(".*")) == []
