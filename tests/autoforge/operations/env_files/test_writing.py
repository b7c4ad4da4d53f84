"""One variable is set in a file, and everything else stays as it was."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autoforge.environment.files import read_variables
from autoforge.operations.env_files.errors import EnvFileError, UnsupportedValueError
from autoforge.operations.env_files.locating import Location, locate_variable
from autoforge.operations.env_files.writing import (
    _explain,
    write_private,
    write_secret_file,
    write_variable,
)

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "T=new\n"),
        ("", "T=new\n"),
        ("A=1\n", "A=1\nT=new\n"),
        ("A=1", "A=1\nT=new\n"),
        ("A=1\r\nT=old\r\nB='x y'\r\n", "A=1\r\nT=new\r\nB='x y'\r\n"),
        ("A=1\r\n", "A=1\r\nT=new\r\n"),
        ("# c\nT=old\n\n  # T=no\nB=2", "# c\nT=new\n\n  # T=no\nB=2"),
        ("T=old", "T=new"),
        ("export T=old\n", "T=new\n"),
        ("T=1\nA=1\nT=2\n", "A=1\nT=new\n"),
        ("# About it.\n# T=\n\nA=1\n", "# About it.\n# T=\nT=new\n\nA=1\n"),
        ("A=1\n#T=example", "A=1\n#T=example\nT=new\n"),
        ("TT=1\nA=T=1\n", "TT=1\nA=T=1\nT=new\n"),
    ],
)
def test_the_line_is_set_and_the_rest_is_kept(tmp_path, before, after):
    path = tmp_path / ".env"
    if before is not None:
        path.write_bytes(before.encode())
        path.chmod(0o644)
    write_variable(path, "T", "new")
    assert path.read_bytes().decode() == after
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / ".env"
    write_variable(path, "T", 'it\'s $5 \\ "x" #')
    assert read_variables(path, ".env") == {"T": 'it\'s $5 \\ "x" #'}


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / ".env").symlink_to("real/.env")
    write_variable(tmp_path / ".env", "T", "1")
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real" / ".env").read_text() == "T=1\n"


@pytest.mark.parametrize(
    ("text", "name", "value", "kind", "sentence"),
    [
        ("", "a b", "1", EnvFileError, "'a b' is not the name of a variable; use letters, digits"),
        (
            "",
            "T",
            "a\nb",
            UnsupportedValueError,
            "T cannot be written to {path}: it contains a lin",
        ),
        ("A=1\nT_FILE=/run/t\n", "T", "1", EnvFileError, "{path}, line 2 sets T_FILE: T is in the"),
        (b"\xff", "T", "1", EnvFileError, "{path} is not valid UTF-8 at byte 1; save it as UTF-8."),
    ],
)
def test_what_cannot_be_set_changes_nothing(tmp_path, text, name, value, kind, sentence):
    path = tmp_path / ".env"
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(content)
    with pytest.raises(kind) as refusal:
        write_variable(path, name, value)
    assert str(refusal.value).startswith(sentence.format(path=path))
    assert path.read_bytes() == content


def test_files_and_folders_that_are_not_there(tmp_path):
    with pytest.raises(EnvFileError, match=r"no cannot be opened \(No such file"):
        write_variable(tmp_path / "no" / ".env", "T", "1")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EnvFileError, match="folder is a folder, and no file"):
        write_variable(tmp_path / "folder", "T", "1")
    with pytest.raises(EnvFileError, match=r"cannot be written \(No such file or directory\); mak"):
        write_private(tmp_path / "no" / "x", "")


def test_a_file_that_is_there_is_only_replaced_if_it_may_be(tmp_path):
    path = tmp_path / "x"
    write_private(path, "1", replace=False)
    with pytest.raises(EnvFileError, match=r"/x exists; use --replace to write a new one"):
        write_private(path, "2", replace=False)
    assert path.read_text() == "1"
    write_secret_file(path, "3")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("3", 0o600)


def test_a_mount_point_is_named(tmp_path):
    # Only root can mount, so the system's answer is made up here.
    sentence = _explain(tmp_path / ".env", OSError(errno.EBUSY, "Device or resource busy"))
    assert sentence == (
        f"{tmp_path}/.env cannot be replaced, because it is a mount point: mount the folder "
        "instead of the file, or write to the file that is mounted."
    )


def test_two_programs_at_once_lose_nothing(tmp_path):
    path = tmp_path / ".env"
    program = (
        "import sys; from pathlib import Path;"
        "from autoforge.operations.env_files.writing import write_variable\n"
        "for n in range(25): write_variable(Path(sys.argv[1]), f'{sys.argv[2]}{n}', 'x')"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(path), name], cwd=ROOT)
        for name in ("A", "B", "C")
    ]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert len(read_variables(path, ".env")) == 75


def test_a_program_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / ".env"
    text = "".join(f"V{n}='{n} $'\n" for n in range(2000))
    path.write_text(text + "T=0\n")
    program = (
        "import sys, itertools; from pathlib import Path;"
        "from autoforge.operations.env_files.writing import write_variable\n"
        "print('ready', flush=True)\n"
        "for n in itertools.count(): write_variable(Path(sys.argv[1]), 'T', str(n))"
    )
    for moment in range(10):
        running = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert running.stdout.readline() == b"ready\n"
        time.sleep(0.011 * moment)
        running.kill()
        running.wait(10)
        running.stdout.close()
        before, _, value = path.read_text().rpartition("T=")
        assert (before, value.strip().isdigit()) == (text, True)
    left = [file.name for file in tmp_path.iterdir() if file != path]
    command = ["git", "check-ignore", "--", *left]
    ignored = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert sorted(ignored.stdout.split()) == sorted(
        left
    )  # what a killed program leaves, no commit takes


def test_a_variable_is_located(tmp_path):
    name = "TURSO_AUTH_TOKEN"
    nowhere = Location(source="nowhere", name="", path=None, line=None)
    assert locate_variable(name, {}, tmp_path) == nowhere
    local = tmp_path / ".env.local"
    local.write_text(f"A=1\n{name}=x\n# c\n{name}=y\nCLERK_PUBLISHABLE_KEY=pk_test_a\n")
    in_file = Location(source="file", name=name, path=local, line=4)
    assert locate_variable(name, {}, tmp_path) == in_file
    assert locate_variable("CLERK_PUBLIC_KEY", {}, tmp_path).name == "CLERK_PUBLISHABLE_KEY"
    process = {name: "z", "ENV_FILE": "none"}
    assert locate_variable(name, process, tmp_path).source == "process"
    secret = locate_variable(name, {f"{name}_FILE": "run/token"}, tmp_path)
    assert (secret.source, secret.name) == ("secret file", f"{name}_FILE")
    assert secret.path == tmp_path / "run" / "token"
    local.write_text(f"{name}_FILE=/run/token\n")
    assert locate_variable(name, {}, tmp_path).path == Path("/run/token")
    with pytest.raises(KeyError):
        locate_variable("NO_SUCH", {}, tmp_path)
