"""A file that was named on the command line is read, and not where a link elsewhere leads."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core.tables import UnreadableError
from core.typed_files import open_typed, read_typed

ELSEWHERE = "a link to a file outside its folder"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a checkout beside a secret."""
    (tmp_path / "secret.env").write_text("KEY=hush-hush\n")
    inside = tmp_path / "checkout"
    inside.mkdir()
    (inside / "real.csv").write_text("title,content\na,b\n")
    return inside


LINKS = [
    ("a file of the same folder", "real.csv", None),
    ("a link to a link inside", "inner", None),
    ("a file above", "../secret.env", ELSEWHERE),
    ("an absolute name above", "{parent}/secret.env", ELSEWHERE),
    ("a link whose target leads out", "outer", ELSEWHERE),
    ("the environment of the process", "/proc/self/environ", ELSEWHERE),
    ("a device that never ends", "/dev/zero", ELSEWHERE),
    ("standard input", "/dev/stdin", ELSEWHERE),
    ("nothing", "missing", "No such file"),
    ("itself", "link.csv", "not a regular file"),
]


@pytest.mark.parametrize(("name", "target", "refusal"), LINKS, ids=[row[0] for row in LINKS])
def test_where_a_link_leads(folder, name, target, refusal):
    (folder / "inner").symlink_to("real.csv")
    (folder / "outer").symlink_to("../secret.env")
    (folder / "link.csv").symlink_to(target.format(parent=folder.parent))
    if refusal is None:
        assert read_typed(folder / "link.csv", most_bytes=100).startswith(b"title")
        return
    with pytest.raises(UnreadableError, match=refusal) as caught:
        read_typed(folder / "link.csv", most_bytes=100)
    assert "hush" not in str(caught.value)


def test_a_folder_that_is_a_link_is_where_its_files_are(folder):
    (folder.parent / "linked").symlink_to("checkout")
    assert read_typed(folder.parent / "linked" / "real.csv", most_bytes=100)
    (folder / "process").symlink_to("/proc/self")
    with pytest.raises(UnreadableError, match="not a regular file"):
        read_typed(folder / "process" / "environ", most_bytes=100)


def test_what_is_no_file_is_refused(folder):
    for path, refusal in (
        (folder, "Is a directory"),
        (folder / "none", "No such file"),
        (folder / "a\0b", "is not a file name"),
        (folder / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(UnreadableError, match=refusal):
            open_typed(path)
    with pytest.raises(UnreadableError, match=r"larger than 9\.53674e-06 MiB"):
        read_typed(folder / "real.csv", most_bytes=10)


def test_a_pipe_is_read(folder):
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(b"through",))
    writer.start()
    assert read_typed(folder / "pipe", most_bytes=100) == b"through"
    writer.join()


def test_what_the_shell_puts_there_is_read():
    program = (
        "from pathlib import Path; from core.typed_files import read_typed\n"
        "print(read_typed(Path('/dev/stdin'), most_bytes=9))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"typed", capture_output=True, check=True
    )
    assert done.stdout.strip() == b"b'typed'"


@pytest.mark.django_db
def test_commands_do_not_follow_a_link_out_of_its_folder(folder, monkeypatch):
    monkeypatch.setenv("A_KEY", "hush-hush")
    (folder / "vars.json").symlink_to("/proc/self/environ")
    (folder / "rows.csv").symlink_to("/proc/self/environ")
    (folder / "prompt.md").symlink_to("../secret.env")
    call_command("import_prompts", str(folder / "real.csv"))
    for command in (
        ["render_prompt", "a", "--version", "1", "--vars", str(folder / "vars.json")],
        ["import_prompts", str(folder / "rows.csv")],
        ["import_prompts", str(folder)],
    ):
        with pytest.raises(CommandError, match=ELSEWHERE) as caught:
            call_command(*command)
        assert "hush" not in str(caught.value)
