"""What stands in an env file is read by the Turso commands as it is by the settings."""

import os

import pytest

from autoforge.operations.env_files.writing import write_variable
from autoforge.operations.turso.destinations import open_env_file

TOKENS = ["plain.token-1_", 'with"quote', "with'quote", r"back\slash", "with#hash", "a$b"]


@pytest.mark.parametrize(
    "token", TOKENS, ids=["plain", "double", "single", "slash", "hash", "dollar"]
)
def test_a_token_is_read_back_as_it_was_written(tmp_path, token):
    path = tmp_path / ".env"
    path.write_text("APP_ENV=staging\n")
    path.chmod(0o600)
    write_variable(path, "TURSO_STAGING_AUTH_TOKEN", token)
    assert open_env_file(path).read_token() == token


def test_a_file_that_cannot_be_read_holds_no_token(tmp_path):
    assert open_env_file(tmp_path / "none.env", "staging").read_token() == ""


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("folder", "is a folder, and no file"),
        ("pipe", "is a named pipe, and no file"),
        ("device", "is a device, and no file"),
        ("binary", "is not valid UTF-8"),
    ],
)
def test_what_is_no_env_file_is_refused_before_a_token_is_made(turso, fake, home, kind, sentence):
    fake.add_database("stage")
    path = home / "thing"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(b"\xff\xfe")
    for action in ("create", "rotate", "revoke"):
        arguments = ["token", action, "stage", "--write-to", str(path), "--for", "staging"]
        said = turso(*arguments, *(["--yes", "stage"] if action == "revoke" else []))
        assert said.status == 2
        assert said.errors.startswith(f"{path} {sentence}")
    assert not any(method == "POST" for method, _path in fake.requests)
