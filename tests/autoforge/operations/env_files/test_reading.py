"""What is no file of variables is said to be what it is, in every command that is given one."""

import os
import socket
from pathlib import Path

import pytest

from autoforge.operations.env_files.command import main
from autoforge.operations.env_files.errors import EnvFileError
from autoforge.operations.env_files.reading import MOST_BYTES, read_file
from autoforge.operations.env_files.writing import write_private, write_secret_file

KINDS = {
    "folder": " is a folder, and no file; name a file.",
    "pipe": " is a named pipe, and no file; name a file.",
    "socket": " is a socket, and no file; name a file.",
    "device": " is a device, and no file; name a file.",
    "binary": " is not valid UTF-8 at byte 1; save it as UTF-8.",
    "nul": " is no text (NUL at byte 2); name another file.",
    "large": " is too large for a file of variables; name another file.",
}
READERS = {
    "check": ("check", "staging", "--file", "{path}"),
    "check template": ("check", "staging", "--template", "--file", "{path}"),
    "render values": ("render", "staging", "--values", "{path}"),
    "render template": ("render", "staging", "--template", "{path}"),
    "diff file": ("diff", "staging", "table", "--file", "{path}"),
    "diff other": ("diff", "local", "{path}", "--file", "{good}"),
    "secrets": ("secrets", "staging", "--output", "{path}"),
}
WRITERS = {
    "init": ("init", "local", "--replace", "--output"),
    "init template": ("init", "staging", "--replace", "--output"),
    "render": ("render", "staging", "--output"),
    "secrets": ("secrets", "local", "--output"),
}
NO_FILES = ("folder", "pipe", "socket", "device")


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return what makes a thing of a kind."""
    sockets = []
    monkeypatch.chdir(tmp_path)  # the name of a socket is short

    def make(kind: str) -> Path:
        path = tmp_path / "thing"
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            sockets.append(socket.socket(socket.AF_UNIX))
            sockets[-1].bind("thing")
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            contents = {"binary": b"\xff\xfe", "nul": b"A\0=1", "large": b"#" * (MOST_BYTES + 1)}
            path.write_bytes(contents[kind])
        return path

    yield make
    for each in sockets:
        each.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_read(make, tmp_path, capsys, reader, kind):
    path = make(kind)
    good = tmp_path / "good.env"
    good.write_text("PORT=8000\n")
    arguments = [word.format(good=good, path=path) for word in READERS[reader]]
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"{path}{KINDS[kind]}\n"


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_written_to(make, tmp_path, capsys, monkeypatch, writer, kind):
    path = make(kind)
    before = os.lstat(path)
    arguments = [*WRITERS[writer], str(path)]
    if writer == "render":
        values = tmp_path / "values"
        assert main(["secrets", "staging", "--output", str(values)]) == 0
        fill(values)
        arguments += ["--values", str(values)]
    capsys.readouterr()
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"{path}{KINDS[kind]}\n"
    assert os.lstat(path) == before
    assert list(tmp_path.glob("*.writing")) == []


def fill(values: Path) -> None:
    """Fill in what a person would."""
    text = values.read_text()
    for name, value in (
        ("STAGING_ALLOWED_HOSTS", "example.com"),
        ("STAGING_TURSO_DATABASE_URL", "libsql://x.turso.io"),
        ("STAGING_TURSO_AUTH_TOKEN", "a.b.c"),
    ):
        text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    values.write_text(text)


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_device_is_not_replaced_by_a_secret(make, kind):
    path = make(kind)
    for write in (write_private, write_secret_file):
        with pytest.raises(EnvFileError, match="and no file"):
            write(path, "secret")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path):
    path = tmp_path / "closed"
    path.write_text("A=1")
    path.chmod(0)
    with pytest.raises(EnvFileError, match=r"cannot be read \(Permission denied\)"):
        read_file(path)


def test_names_that_no_file_has(tmp_path):
    with pytest.raises(EnvFileError, match="cannot be read"):
        read_file(tmp_path / "a\0b")
    with pytest.raises(EnvFileError, match=r"cannot be read \(File name too long\)"):
        read_file(tmp_path / ("a" * 300))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(EnvFileError, match="cannot be read"):
        read_file(loop)
    (tmp_path / "file").touch()
    assert read_file(tmp_path / "file" / "below") == ""
