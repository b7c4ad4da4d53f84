"""`make test-matrix`: the tests on every supported Python that is on this machine.

From Python 3.12 up also on Django 6.1. Each combination has a virtual environment of its own,
`.venv-<python>-<django>`; a Python that is not here is said, and is no failure.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launch.terminal import say, set_up, strong
from launch.tools import ROOT, tool_environment

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
LOCKS: Final = {"5.2": "requirements-dev.txt", "6.1": "requirements-django61.txt"}
FIRST_FOR_DJANGO_61: Final = (3, 12)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination, and how its tests ended."""

    python: str
    """The minor version, such as 3.12."""
    django: str
    """The minor version, such as 6.1."""
    outcome: str
    """pytest's own last words, or what came before it."""
    passed: bool | None
    """None where there is no such Python here."""


def main() -> int:
    """Run the matrix and print its table; return 1 if any combination failed."""
    set_up()
    cells = list(_cells())
    say(f"\n{strong('Python  Django  outcome')}")
    for cell in cells:
        say(f"{cell.python:<7} {cell.django:<7} {cell.outcome}")
    return int(any(cell.passed is False for cell in cells))


def _cells() -> Iterator[Cell]:
    for version in PYTHONS:
        python = _find(version)
        for django, lock in LOCKS.items():
            if django == "6.1" and _numbers(version) < FIRST_FOR_DJANGO_61:
                continue
            say(strong(f"\nPython {version}, Django {django}"))
            if python is None:
                outcome = "not on this machine"
                yield Cell(python=version, django=django, outcome=outcome, passed=None)
            else:
                yield _run(python, version, django, lock)


def _run(python: str, version: str, django: str, lock: str) -> Cell:
    venv = ROOT / f".venv-{version}-{django}"
    environment = {**os.environ, "PYTHON": python}
    bootstrap = [python, "scripts/bootstrap.py", lock, "--venv", venv.name]
    if subprocess.run(bootstrap, cwd=ROOT, env=environment, check=False).returncode != 0:  # noqa: S603 (our own script)
        return Cell(python=version, django=django, outcome="not installed", passed=False)
    command = [str(venv / "bin" / "python"), "-m", "pytest", "-n", "auto", "-q", "--no-header"]
    tests = subprocess.Popen(  # noqa: S603 (our own tests)
        [*command, *shlex.split(os.environ.get("ARGS", ""))],
        cwd=ROOT,
        env=tool_environment() | {"VENV": str(venv)},
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    last = ""
    with tests:
        for line in tests.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    words = re.sub(r"\033\[[0-9;]*m", "", last).strip("= ")
    return Cell(python=version, django=django, outcome=words, passed=tests.returncode == 0)


def _find(version: str) -> str | None:
    """Return a Python of that minor version that really runs: on PATH, or pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = shutil.which(f"python{version}")
    ours = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda path: _numbers(str(path)))
    candidates = [*([found] if found else []), *(str(path) for path in reversed(ours))]
    return next((path for path in candidates if _runs_as(path, version)), None)


def _runs_as(python: str, version: str) -> bool:
    probe = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)  # noqa: S603 (a Python)
    return answer.stdout.strip() == version


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


if __name__ == "__main__":
    sys.exit(main())
