"""`make test-matrix`: the tests on every supported Python that is on this machine.

From Python 3.12 up also on Django 6.1. Each combination has a virtual environment of its own,
`.venv-<python>-<django>`; a Python that is not here is said, and is no failure.

PYTHONS="3.12 3.13" and DJANGO="6.1" name what is tested, as CI does; a named Python has to be here.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launch.pythons import LOCKS, PYTHONS, find_python, prepare_venv, supports
from launch.terminal import say, set_up, strong
from launch.tools import ROOT, tool_environment


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
    """Run the matrix and print its table; return 1 if any combination failed, or there is none."""
    set_up()
    cells = list(_cells())
    say(f"\n{strong('Python  Django  outcome')}")
    for cell in cells:
        say(f"{cell.python:<7} {cell.django:<7} {cell.outcome}")
    return int(not cells or any(cell.passed is False for cell in cells))


def _cells() -> Iterator[Cell]:
    named = _read_names("PYTHONS", PYTHONS)
    djangos = _read_names("DJANGO", tuple(LOCKS)) or tuple(LOCKS)
    for version in named or PYTHONS:
        python = find_python(version)
        for django in djangos:
            if not supports(version, django):
                continue
            say(strong(f"\nPython {version}, Django {django}"))
            if python is None:
                outcome = "not on this machine"
                passed = False if named else None
                yield Cell(python=version, django=django, outcome=outcome, passed=passed)
            else:
                yield _run(python, version, django)


def _read_names(variable: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the versions that a variable names, in its order; none where it is not set."""
    names = tuple(os.environ.get(variable, "").split())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"{variable} contains {unknown[0]}; choose from {' '.join(known)}.")
    return names


def _run(python: str, version: str, django: str) -> Cell:
    venv = prepare_venv(python, version, django)
    if venv is None:
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


if __name__ == "__main__":
    sys.exit(main())
