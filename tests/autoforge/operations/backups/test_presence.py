"""A backup that is recorded as good, and whose file is not as it was: who sees it."""

import os
import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from autoforge.doctor.findings import Options, State
from autoforge.doctor.records import check_backups
from autoforge.health.errors import ProbeError
from autoforge.health.probes import backups as probe_backups
from autoforge.operations.backups import presence
from autoforge.operations.backups.encryption import AGE
from autoforge.operations.backups.newest import NewestBackup
from autoforge.operations.backups.presence import check_place, find_problem
from autoforge.operations.backups.services.records import record_backup
from tests.autoforge.operations.backups.test_commands import run
from tests.support.disks import mounted_for_reading
from tests.support.fake_s3 import ACCESS_KEY, FakeS3

pytestmark = [pytest.mark.once, pytest.mark.django_db]
CONTENT = AGE + b"x" * 1000
HOUR = timedelta(hours=1)
OPTIONS = Options(root=Path())


@pytest.fixture
def scheduled(settings, tmp_path):
    settings.BACKUP_TO = f"{tmp_path}/backups/"
    settings.BACKUP_EVERY_HOURS = 24
    settings.BASE_DIR = tmp_path
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


@pytest.fixture
def s3(monkeypatch):
    with FakeS3() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        yield server


def note(path, *, age=HOUR, content=CONTENT):
    """Record a good backup, and write what stands for its file."""
    path.write_bytes(content)
    record_backup(started_at=timezone.now() - age, place=str(path), size_bytes=path.stat().st_size)
    return path


def describe(path) -> str:
    record = NewestBackup(made_at=timezone.now(), place=str(path), size_bytes=len(CONTENT))
    return find_problem(record)


def remove(path):
    path.unlink()
    return f"{path} is gone"


def truncate(path):
    os.truncate(path, 500)
    return f"{path} has 500 bytes instead of 1,022"


def empty(path):
    path.write_bytes(b"")
    return f"{path} has 0 bytes instead of 1,022"


def fill_with_zeros(path):
    path.write_bytes(b"\0" * len(CONTENT))
    return f"{path} is no backup any more: it begins with something else"


def put_a_folder(path):
    path.unlink()
    path.mkdir()
    return f"{path} cannot be read: Is a directory"


def lose_the_folder(path):
    path.parent.rename(path.parent.with_name("unmounted"))
    return f"{path} is gone"


DAMAGES = [remove, truncate, empty, fill_with_zeros, put_a_folder, lose_the_folder]


@pytest.mark.django_db(transaction=True)  # a probe has a connection of its own
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_health_and_doctor_see_it(damage, scheduled):
    note(scheduled / "older", age=2 * HOUR)
    path = note(scheduled / "newest")
    assert "not checked: its content" in probe_backups.probe()
    [finding] = check_backups(OPTIONS)
    assert finding.state is State.OK
    problem = damage(path)
    with pytest.raises(ProbeError, match="is recorded as good, and ") as told:
        probe_backups.probe()
    assert str(told.value).endswith(f" UTC is recorded as good, and {problem}")
    assert told.value.hint.startswith("Make a new one with `manage.py backup_database`")
    [finding] = check_backups(OPTIONS)
    assert (finding.state, finding.text) == (State.PROBLEM, str(told.value))


def test_a_file_that_may_not_be_read(scheduled):
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    path = note(scheduled / "newest")
    path.chmod(0)
    assert describe(path) == f"{path} cannot be read: Permission denied"


@pytest.mark.django_db(transaction=True)  # a probe has a connection of its own
def test_who_made_one_by_hand_may_move_it(scheduled, tmp_path):
    kept = note(scheduled / "kept", age=2 * HOUR)
    moved = note(tmp_path / "by-hand")
    moved.unlink()
    text, _, hint = probe_backups.probe().partition("\n")
    assert f" UTC: {kept}, as large as recorded" in text
    assert text.endswith(f"; newer, and made by hand: {moved} is gone")
    assert "backup_database" in hint
    [finding] = check_backups(OPTIONS)
    assert finding.state is State.WARNING
    kept.unlink()  # now there is none
    with pytest.raises(ProbeError, match="by-hand is gone"):
        probe_backups.probe()


@pytest.mark.django_db(transaction=True)  # a probe has a connection of its own
def test_without_a_schedule_the_doctor_looks_all_the_same(settings, tmp_path):
    settings.BACKUP_TO = None
    assert len(list(check_backups(OPTIONS))) == 1
    path = note(tmp_path / "by-hand")
    assert len(list(check_backups(OPTIONS))) == 1
    path.unlink()
    _, finding = check_backups(OPTIONS)
    assert finding.state is State.WARNING
    assert finding.text == f"the newest backup is recorded as good, and {path} is gone"


def test_a_relative_name_is_recorded_whole(in_use, tmp_path, monkeypatch):
    from autoforge.operations.backups.newest import newest_good_backup

    monkeypatch.chdir(tmp_path)
    assert run("backup_database", "mine.zst") == (0, "")
    assert newest_good_backup().place == f"{tmp_path}/mine.zst"


# --- where the next one goes


def test_a_place_that_takes_no_backup(scheduled, tmp_path):
    path = note(scheduled / "newest")
    assert check_place(f"{scheduled}/", 1000) == ""
    assert check_place(f"{tmp_path}/not/there/yet/", 1000) == ""
    assert check_place("s3://team/folder/", 1000) == ""
    assert check_place(f"{path}/", 1000) == f"{path} is a file, where {path} should be a folder"
    problem = check_place(f"{scheduled}/", 1 << 60)
    assert problem.startswith(f"{scheduled} has ")
    assert problem.endswith(f" bytes free, and the next backup needs about {1 << 60:,}")


def test_health_sees_a_place_that_takes_none(scheduled, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.BACKUP_TO = f"{tmp_path}/file/"
    with pytest.raises(
        ProbeError, match=r"the next backup cannot be written: .* is a file"
    ) as told:
        probe_backups.probe()
    assert "BACKUP_TO" in told.value.hint


def test_a_disk_that_can_only_be_read(scheduled):
    with mounted_for_reading(scheduled):
        assert check_place(f"{scheduled}/", 0) == f"{scheduled} cannot be written to"


# --- S3


def test_a_bucket_is_asked_for_the_head_alone(scheduled, settings, s3):
    settings.BACKUP_TO = "s3://team/b/"
    s3.objects["b/newest"] = CONTENT
    place = "s3://team/b/newest"
    record_backup(started_at=timezone.now(), place=place, size_bytes=len(CONTENT))
    assert probe_backups.probe().endswith(
        "not checked: its content (`manage.py verify_backup` checks it), and whether "
        "s3://team/b/ can be written to"
    )
    s3.objects["b/newest"] = CONTENT[:-1]
    assert describe(place) == f"{place} has 1,021 bytes instead of 1,022"
    del s3.objects["b/newest"]
    with pytest.raises(ProbeError, match="s3://team/b/newest is gone"):
        probe_backups.probe()


def test_a_bucket_that_refuses(s3, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    problem = describe("s3://team/b/newest")
    assert problem.startswith("s3://team/b/newest cannot be looked at: s3://team cannot be asked")
    assert "very-secret" not in problem


def test_a_bucket_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(presence, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        problem = describe("s3://team/b/newest")
    assert problem.startswith("s3://team/b/newest ")
    assert "did not answer within 0.3 s" in problem or "cannot be looked at" in problem


def test_a_disk_that_never_answers_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(presence, "SECONDS", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # to open it waits for who writes, as a network disk waits for its server
    assert describe(pipe) == f"{pipe} did not answer within 0.2 s"
    with pipe.open("wb"):  # the thread that waits can end
        pass
    for thread in threading.enumerate():
        if thread.name == "look-at-backup":
            thread.join(10)
