"""Backups in S3-compatible storage: a fake of S3, real HTTP, and the real client."""

import json
import os

import pytest
from django.core.management import CommandError, call_command

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.storage import PART_BYTES, S3, Bucket
from tests.support.fake_s3 import ACCESS_KEY, FakeS3
from tests.support.odd_database import hashes

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def s3(monkeypatch):
    with FakeS3() as server:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        yield server


@pytest.fixture
def in_use(plain_file, monkeypatch):
    from django.db import connections

    monkeypatch.setitem(connections["default"].settings_dict, "NAME", str(plain_file.path))
    return plain_file


def test_written_listed_kept_and_restored(s3, in_use, tmp_path, capsys):
    call_command("backup_database", "--output", "s3://team/folder/", "--keep", "2")
    [first] = s3.objects
    assert first.startswith(f"folder/team-{in_use.identity}-20")
    s3.objects["folder/notes.txt"] = b"mine"
    s3.objects["folder/sub/team-20200101T000000000000Z.backup.zst"] = b"elsewhere"
    call_command("backup_database", "--output", "s3://team/folder/", "--keep", "2")
    capsys.readouterr()
    call_command(
        "backup_database", "--output", "s3://team/folder/", "--keep", "2", "--format", "json"
    )
    answer = json.loads(capsys.readouterr().out)
    assert answer["deleted"] == [f"s3://team/{first}"]
    assert len(s3.objects) == 4
    assert answer["path"].removeprefix("s3://team/") in s3.objects
    call_command("verify_backup", answer["path"])
    target = tmp_path / "t.sqlite3"
    call_command("restore_database", answer["path"], "--to", f"sqlite:///{target}")
    assert "Restored" in capsys.readouterr().out
    call_command("backup_database", "s3://team/one.zst")
    before = s3.objects["one.zst"]
    s3.objects["one.zst"] = b"theirs"
    with pytest.raises(CommandError, match=r"one\.zst already exists; .* add --replace"):
        call_command("backup_database", "s3://team/one.zst")
    assert s3.objects["one.zst"] == b"theirs"
    call_command("backup_database", "s3://team/one.zst", "--replace")
    assert len(s3.objects["one.zst"]) >= len(before) - 1000
    assert hashes(in_use)["prompts"].rows == 40


def test_a_large_file_goes_and_comes_in_parts(s3, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(2 * PART_BYTES + 5))
    bucket = Bucket(S3.parse("s3://team/x"))
    bucket.put("x", path)
    assert s3.parts == 3
    bucket.get("x", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["backup_database", "s3:///key"], "names no bucket; write s3://bucket/key"),
        (["backup_database", "s3://other/k"], "there is no such bucket or object"),
        (["backup_database", "s3://team/k", "--keep", "1"], "--keep needs a folder"),
        (["verify_backup", "s3://team/none"], "there is no such bucket or object"),
        (["verify_backup", "s3://team/folder/"], "is a folder; name a backup in it"),
    ],
    ids=range(5),
)
def test_what_cannot_be_is_one_sentence(s3, in_use, arguments, sentence):
    with pytest.raises(CommandError, match=sentence) as refusal:
        call_command(*arguments)
    assert "very-secret" not in str(refusal.value)
    assert s3.objects == {}


def test_keys_that_are_refused(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    (tmp_path / "f").write_text("x")
    with pytest.raises(BackupError, match="the keys are refused; check AWS_ACCESS_KEY_ID"):
        Bucket(S3.parse("s3://team/x")).put("x", tmp_path / "f")


@pytest.mark.parametrize("address", ["not a url", "s3.example.com", "ftp://host", "http://"])
def test_an_address_that_is_none(s3, monkeypatch, address):
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(BackupError, match="AWS_ENDPOINT_URL must be a URL such as https://"):
        Bucket(S3.parse("s3://team/"))


def test_a_server_that_fails(s3, monkeypatch, tmp_path):
    monkeypatch.setattr("autoforge.operations.backups.storage.RETRY_SECONDS", 0)
    s3.fails_at = "PUT"
    (tmp_path / "f").write_text("x")
    with pytest.raises(BackupError, match=r"s3://team cannot be written \(x\): "):
        Bucket(S3.parse("s3://team/x")).put("x", tmp_path / "f")
