"""scripts/find_python.sh: which Python is taken, and the sentence where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = f'exec "{sys.executable}" "$@"'
OLD = 'echo "3.9.18 whole /usr/bin/python3"; exit 1'
BARE = 'echo "3.11.2 bare /usr/bin/python3.11"'
BROKEN_SHIM = 'echo "command not found in this version" >&2; exit 127'
NEED = "AutoForge needs Python 3.11 or newer, but "
INSTALL = "Install one, or specify it: make run PYTHON=/path/to/python3.11"


def find(folder: Path, programs: dict[str, str], *arguments: str):
    for name, body in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "find_python.sh"), *arguments],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "programs",
    [
        {"python3": GOOD},
        {"python3": OLD, "python3.12": GOOD},
        {"python3": BROKEN_SHIM, "python3.11": GOOD},
        {"python3": BARE, "python3.13": GOOD},
        {"python": GOOD},
    ],
)
def test_the_first_that_is_good_is_taken(tmp_path, programs):
    found = find(tmp_path, programs)
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{sys.executable}\n", "")


def test_one_without_venv_is_better_than_none(tmp_path):
    assert find(tmp_path, {"python3": BARE}).stdout == "/usr/bin/python3.11\n"


@pytest.mark.parametrize(
    ("programs", "sentence"),
    [
        ({}, f"{NEED}no working Python was found on PATH. {INSTALL}\n"),
        ({"python3": BROKEN_SHIM}, f"{NEED}no working Python was found on PATH. {INSTALL}\n"),
        ({"python3": OLD}, f"{NEED}python3 is 3.9.18. {INSTALL}\n"),
        (
            {"python3": OLD, "python": 'echo "2.7.18 bare /usr/bin/python"; exit 1'},
            f"{NEED}python3 is 3.9.18, python is 2.7.18. {INSTALL}\n",
        ),
    ],
)
def test_none_that_is_good_is_one_sentence(tmp_path, programs, sentence):
    found = find(tmp_path, programs)
    assert (found.returncode, found.stdout, found.stderr) == (1, "", sentence)


def test_the_one_that_is_asked_for_is_taken_or_refused(tmp_path):
    programs = {"python3": GOOD, "mine": GOOD, "old": OLD}
    other = "Specify another one, for example: make run PYTHON=/path/to/python3.11\n"
    assert find(tmp_path, programs, "mine").stdout == f"{sys.executable}\n"
    assert find(tmp_path, programs, "old").stderr == f"{NEED}old is 3.9.18. {other}"
    assert find(tmp_path, programs, "gone").stderr == f"{NEED}gone does not work. {other}"


def test_make_run_stops_with_that_sentence(project, clean_environ, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").write_text(f"#!/bin/sh\n{OLD}\n")
    (folder / "python3").chmod(0o755)
    environ = clean_environ | {"PATH": f"{folder}:{clean_environ['PATH']}"}
    made = subprocess.run(
        ["make", "run", "PYTHON=python3"],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0
    assert made.stderr.startswith(f"{NEED}python3 is 3.9.18. Specify another one")
    assert not (project / ".venv").exists()
