"""The commands: what they print, what they refuse, and with which status."""

import json
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pyrage
import pytest
import zstandard
from django.core.management import CommandError, call_command

from autoforge.operations.backups.container import HEAD, SKIPPABLE
from autoforge.operations.backups.keeping import back_up_to
from tests.support.odd_database import hashes

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def run(*arguments: object) -> tuple[int, str]:
    """Run a command; return its status, and what it refused with."""
    try:
        call_command(*map(str, arguments))
    except CommandError as error:
        return error.returncode, str(error)
    return 0, ""


def test_a_backup_into_a_folder_and_its_restoration(in_use, tmp_path, capsys):
    folder = tmp_path / "backups"
    assert run("backup_database", "--output", f"{folder}/", "--format", "json") == (0, "")
    answer = json.loads(capsys.readouterr().out)
    [path] = folder.iterdir()
    assert answer["path"] == str(path)
    assert answer["manifest"]["tables"]["prompts"]["rows"] == 40
    assert answer["encrypted"] is False
    assert path.name.startswith(f"team-{in_use.identity}-20")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("verify_backup", path, "--format", "json") == (0, "")
    verified = json.loads(capsys.readouterr().out)
    assert verified["good"]
    assert verified["pending"] == verified["not_checked"] == []
    target = tmp_path / "new.sqlite3"
    assert run("restore_database", path, "--to", f"sqlite:///{target}") == (0, "")
    assert capsys.readouterr().out.startswith(f"Restored {target}: ")
    assert hashes(in_use) == hashes(replace(in_use, path=target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_what_is_printed_for_people(in_use, tmp_path, capsys):
    assert run("backup_database", tmp_path / "b.zst") == (0, "")
    out = capsys.readouterr().out
    assert f"Wrote {tmp_path}/b.zst (" in out
    assert "  checked integrity: every page" in out
    assert run("verify_backup", tmp_path / "b.zst") == (0, "")
    out = capsys.readouterr().out
    assert "b.zst is good: team (SQLite) as of 20" in out
    assert "  checked schema: " in out


def test_an_older_backup_says_what_comes_next(in_use, tmp_path, capsys):
    with closing(sqlite3.connect(in_use.path)) as connection, connection:
        connection.execute("DELETE FROM django_migrations WHERE name = '0010_name_index'")
    assert run("backup_database", tmp_path / "old.zst") == (0, "")
    assert run("verify_backup", tmp_path / "old.zst") == (0, "")
    out = capsys.readouterr().out
    assert "not checked schema: the backup has other migrations than this version" in out
    assert "1 migrations are newer than the backup: prompts.0010_name_index" in out
    target = f"sqlite:///{tmp_path}/t.sqlite3"
    assert run("restore_database", tmp_path / "old.zst", "--to", target) == (0, "")
    out = capsys.readouterr().out
    assert "1 migrations are pending (prompts.0010_name_index)" in out
    assert "Run `manage.py migrate_safely` next" in out
    assert run(
        "restore_database",
        tmp_path / "old.zst",
        "--to",
        target,
        "--replace",
        "t",
        "--format",
        "json",
    ) == (0, "")
    answer = json.loads(capsys.readouterr().out)
    assert answer["pending"] == ["prompts.0010_name_index"]


def test_a_newer_backup_is_refused(in_use, tmp_path, capsys):
    with closing(sqlite3.connect(in_use.path)) as connection, connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('prompts', '9999_x', '')"
        )
    assert run("backup_database", tmp_path / "new.zst") == (0, "")
    assert run("verify_backup", tmp_path / "new.zst") == (0, "")
    assert "1 migrations are unknown to this version: prompts.9999_x" in capsys.readouterr().out
    target = tmp_path / "t.sqlite3"
    status, problem = run("restore_database", tmp_path / "new.zst", "--to", f"sqlite:///{target}")
    assert status == 1
    assert "is of a newer version" in problem
    assert not target.exists()


def test_only_the_name_of_the_database_lets_it_be_replaced(in_use, backup, tmp_path):
    with closing(sqlite3.connect(in_use.path)) as connection, connection:
        connection.execute("UPDATE prompts SET description = 'later'")
    later = hashes(in_use)
    status, problem = run("restore_database", backup)
    assert (
        status,
        "is not empty. To replace all that is in it, add --replace team." in problem,
    ) == (1, True)
    status, problem = run("restore_database", backup, "--replace", "prod")
    assert status == 1
    assert "which is team, not prod; nothing was changed" in problem
    assert hashes(in_use) == later
    assert run("restore_database", backup, "--replace", "team") == (0, "")
    assert hashes(in_use) != later


def encrypted(backup: Path, identity) -> bytes:
    return pyrage.encrypt(backup.read_bytes(), [identity.to_public()])


def with_manifest(backup: Path, change) -> bytes:
    """Return a backup whose manifest says something else."""
    content = backup.read_bytes()
    _magic, length = HEAD.unpack(content[: HEAD.size])
    manifest = json.loads(content[HEAD.size : HEAD.size + length])
    change(manifest)
    body = json.dumps(manifest).encode()
    return HEAD.pack(SKIPPABLE, len(body)) + body + content[HEAD.size + length :]


def flip(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 0x10
    return bytes(changed)


def no_database(backup: Path) -> bytes:
    import hashlib

    text = b"This is no database." * 50
    packed = zstandard.compress(text)
    manifest = json.loads(
        backup.read_bytes()[HEAD.size :][: HEAD.unpack(backup.read_bytes()[:8])[1]]
    )
    manifest |= {
        "size_bytes": len(text),
        "sha256": hashlib.sha256(text).hexdigest(),
        "packed_bytes": len(packed),
    }
    body = json.dumps(manifest).encode()
    return HEAD.pack(SKIPPABLE, len(body)) + body + packed


BROKEN = {
    "empty": (lambda backup: b"", 2, "is empty or only a few bytes long: it is not a backup"),
    "other": (lambda backup: b"SQLite format 3\0" * 9, 2, "is not a backup that backup_database"),
    "plain": (lambda backup: zstandard.compress(b"x" * 999), 2, "compressed with zstd, but has no"),
    "product": (
        lambda backup: with_manifest(backup, lambda m: m.update(product="Other")),
        2,
        "is not a backup of AutoForge, but of Other",
    ),
    "format": (
        lambda backup: with_manifest(backup, lambda m: m.update(format=2, version="9.9", new=[])),
        2,
        "has format 2 of AutoForge 9.9; this version reads format 1: install that version",
    ),
    "head": (lambda backup: backup.read_bytes()[:500], 1, "truncated: it ends within its manifest"),
    "cut": (lambda backup: backup.read_bytes()[:-20000], 1, "is truncated: of"),
    "end": (lambda backup: backup.read_bytes()[:-1], 1, "is truncated: of"),
    "more": (lambda backup: backup.read_bytes() + b"x", 1, "something follows after its end"),
    "manifest": (lambda backup: flip(backup.read_bytes(), 9), 1, "its manifest cannot be read"),
    "bit": (lambda backup: flip(backup.read_bytes(), -5000), 1, "is damaged: "),
    "checksum": (
        lambda backup: with_manifest(backup, lambda m: m.update(sha256="0" * 64)),
        1,
        "its content does not have the checksum it had",
    ),
    "size": (
        lambda backup: with_manifest(backup, lambda m: m.update(size_bytes=4096)),
        1,
        "it is longer than it says",
    ),
    "rows": (
        lambda backup: with_manifest(backup, lambda m: m["tables"]["prompts"].update(rows=41)),
        1,
        "the table prompts is not what its manifest says",
    ),
    "table": (
        lambda backup: with_manifest(backup, lambda m: m["tables"].pop("prompts")),
        1,
        "the table prompts is not what its manifest says",
    ),
    "migrations": (
        lambda backup: with_manifest(backup, lambda m: m["migrations"].pop()),
        1,
        "its migrations are not those that its manifest lists",
    ),
    "content": (no_database, 1, "its content is no database"),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_each_damage_is_one_sentence(name, backup, tmp_path, capsys):
    make, status, sentence = BROKEN[name]
    path = tmp_path / "broken.zst"
    path.write_bytes(make(backup))
    actual, problem = run("verify_backup", path)
    assert (actual, problem.count("\n")) == (status, 0)
    assert sentence in problem
    assert run("verify_backup", path, "--format", "json")[0] == status
    out = capsys.readouterr().out
    if status == 1:  # the answer; of what cannot be asked, `manage.py` says it
        assert json.loads(out) == {"good": False, "status": status, "problem": problem}
    else:
        assert out == ""
    target = tmp_path / "t.sqlite3"
    assert run("restore_database", path, "--to", f"sqlite:///{target}") == (1, problem)
    assert not target.exists()


def test_a_database_that_is_damaged_itself_is_told(in_use, tmp_path):
    with closing(sqlite3.connect(in_use.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("INSERT INTO auth_user_groups (user_id, group_id) VALUES (77, 77)")
    status, problem = run("backup_database", tmp_path / "b.zst")
    assert status == 1
    assert "rows whose foreign keys lead nowhere: auth_user_groups → auth_" in problem
    assert "This is the database's own state" in problem
    assert [path.name for path in tmp_path.iterdir() if "b.zst" in path.name] == []


def test_encrypted_for_those_who_hold_the_identity(
    in_use, identity, identity_file, tmp_path, capsys
):
    path = tmp_path / "b.zst.age"
    public = str(identity.to_public())
    assert run("backup_database", path, "--recipient", public) == (0, "")
    assert "encrypted; checked before that" in capsys.readouterr().out
    assert path.read_bytes().startswith(b"age-encryption.org/v1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("verify_backup", path, "--identity", identity_file) == (0, "")
    status, problem = run("verify_backup", path)
    assert (status, "is encrypted; name the file of the identity" in problem) == (2, True)
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    status, problem = run("verify_backup", path, "--identity", other)
    assert status == 2
    assert "it is for another identity, or damaged at its beginning" in problem
    (tmp_path / "cut.age").write_bytes(path.read_bytes()[:-30])
    assert run("verify_backup", tmp_path / "cut.age", "--identity", identity_file)[0] in {1, 2}
    target = tmp_path / "t.sqlite3"
    arguments = ("--to", f"sqlite:///{target}", "--identity", identity_file)
    assert run("restore_database", path, *arguments) == (0, "")
    assert [name.name for name in tmp_path.iterdir() if name.name.startswith(".backup")] == []


@pytest.mark.parametrize(
    ("recipient", "sentence"),
    [
        ("age1nonsense", "'age1nonsense' is not a recipient; use the public key"),
        ("AGE-SECRET-KEY-1QQQQ", "A recipient is a secret key; use the public one"),
    ],
)
def test_recipients_that_are_none(in_use, tmp_path, recipient, sentence):
    status, problem = run("backup_database", tmp_path / "b", "--recipient", recipient)
    assert status == 1
    assert sentence in problem
    assert "QQQQ" not in problem


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("# nothing\n", "contains no identity"),
        ("hello\n", "contains a line that is no identity"),
        (None, "The identity cannot be read from"),
    ],
)
def test_identities_that_are_none(in_use, identity, backup, tmp_path, content, sentence):
    path = tmp_path / "b.age"
    path.write_bytes(encrypted(backup, identity))
    file = tmp_path / "i.txt"
    if content is not None:
        file.write_text(content)
    status, problem = run("verify_backup", path, "--identity", file)
    assert status == 2
    assert sentence in problem


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{}/none/b.zst"], "The folder {}/none does not exist; create it first."),
        (["{}/team.sqlite3"], "{}/team.sqlite3 is the database itself; specify another file."),
        (["{}/taken"], "{}/taken already exists; specify another file, or add --replace."),
        (["{}/b.zst", "--keep", "3"], "--keep needs a folder; {}/b.zst is a file."),
        (["--output", "{}/", "--keep", "0"], "--keep must be an integer of at least 1"),
        (["{}/a", "--output", "{}/b"], "Name one place: FILE, or --output."),
    ],
    ids=range(6),
)
def test_places_that_are_refused(in_use, tmp_path, arguments, sentence):
    (tmp_path / "taken").write_text("x")
    filled = [argument.format(tmp_path) for argument in arguments]
    status, problem = run("backup_database", *filled)
    assert status == (2 if sentence.startswith("Name one place") else 1)
    assert sentence.format(tmp_path) in problem
    assert (tmp_path / "taken").read_text() == "x"


def test_an_older_file_is_replaced_when_it_is_asked_for(in_use, tmp_path):
    (tmp_path / "taken").write_text("x")
    (tmp_path / "taken").chmod(0o644)
    assert run("backup_database", tmp_path / "taken", "--replace") == (0, "")
    assert run("verify_backup", tmp_path / "taken") == (0, "")
    assert stat.S_IMODE((tmp_path / "taken").stat().st_mode) == 0o600


def test_only_older_ones_of_ours_are_deleted(in_use, tmp_path, capsys):
    folder = tmp_path / "backups"
    for _number in range(2):
        assert run("backup_database", "--output", f"{folder}/") == (0, "")
    [older, newer] = sorted(folder.iterdir())
    kept = {
        "notes.txt",
        "team-20200101T000000000000Z.backup.zst",
        "team2-20200101T000000000000Z.backup.zst",
    }
    for name in kept:
        (folder / name).write_text("not a backup")
    (folder / "other-20200101T000000000000Z.backup.zst").write_bytes(older.read_bytes())
    capsys.readouterr()
    assert run("backup_database", "--output", folder, "--keep", "2", "--format", "json") == (0, "")
    assert json.loads(capsys.readouterr().out)["deleted"] == [str(older)]
    names = {path.name for path in folder.iterdir()}
    assert names > kept
    assert newer.name in names
    assert "other-20200101T000000000000Z.backup.zst" in names
    assert older.name not in names


def test_where_it_goes_by_default(in_use, settings, tmp_path, identity, capsys):
    settings.BASE_DIR = tmp_path
    settings.BACKUP_TO = "mine/"
    settings.BACKUP_AGE_RECIPIENTS = (str(identity.to_public()),)
    assert run("backup_database") == (0, "")
    [path] = (tmp_path / "mine").iterdir()
    assert path.name.endswith(".backup.zst.age")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://x/y", "is not the URL of a database; use sqlite:///path"),
        ("sqlite:///", "names no file"),
        ("libsql://h?authToken=secret", "A token in a URL can be read by every user"),
        ("http://h?other=1", "cannot be used"),
        ("sqlite:////no/such/folder/t.db", "The folder /no/such/folder does not exist"),
    ],
)
def test_targets_that_are_refused(backup, url, sentence):
    status, problem = run("restore_database", backup, "--to", url)
    assert status == 1
    assert sentence in problem
    assert "secret" not in problem.replace("A token in a URL", "")


def test_files_that_are_not_there(tmp_path, backup):
    assert run("verify_backup", tmp_path / "none") == (2, f"There is no file {tmp_path}/none.")
    assert "is a folder; name a backup in it" in run("verify_backup", tmp_path)[1]
    token = tmp_path / "token"
    arguments = ("--to", "http://127.0.0.1:9", "--token-file", token)
    assert "The token cannot be read from" in run("restore_database", backup, *arguments)[1]
    token.write_text(" \n")
    assert "is empty; it must contain the token" in run("restore_database", backup, *arguments)[1]
    token.write_text("t")
    status, problem = run("restore_database", backup, *arguments)
    assert status == 1
    assert problem.startswith("http://127.0.0.1:9: ")


def test_the_manifest_is_plain_json(backup):
    content = backup.read_bytes()
    _magic, length = HEAD.unpack(content[: HEAD.size])
    manifest = msgspec.json.decode(content[HEAD.size : HEAD.size + length])
    assert manifest["product"] == "AutoForge"
    assert manifest["format"] == 1
    assert len(manifest["tables"]["prompts"]["sha256"]) == 64


def test_a_namesake_keeps_its_backups(plain_file, tmp_path):
    """Two databases of one name, one folder: each counts its own."""
    other = replace(plain_file, path=tmp_path / "elsewhere" / plain_file.path.name)
    other.path.parent.mkdir()
    other.path.write_bytes(plain_file.path.read_bytes())
    folder = f"{tmp_path}/shared/"
    first = back_up_to(folder, source=plain_file, keep=1)
    second = back_up_to(folder, source=other, keep=1)
    third = back_up_to(folder, source=other, keep=1)
    assert third.deleted == (second.place,)
    assert sorted(map(str, Path(folder).iterdir())) == sorted([first.place, third.place])
