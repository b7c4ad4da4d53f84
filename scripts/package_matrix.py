"""`make matrix`: django-hrana's own tests on each Django and each Python that it is for.

ARGS="--python 3.12 --django 6.1"   only these; both may be given several times
ARGS="--newest"                     the newest releases that its metadata allow, not those we pin
ARGS="--format json"                one document on standard output; what happens, on standard error
ARGS="-- -k tokens"                 more for pytest

Each pair gets a copy of the package's folder alone, outside this repository, and a new environment
in which that copy is installed with `[test]`, as anyone would. A Python that is not on this machine
is left out, which is said; one that is named has to be here.

Status 0: all that ran passed; 1: a test failed; 2: a pair could not be tested, or none could.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launch.pip import read_settings
from launch.pythons import LOCKS, PYTHONS, find_python, supports
from launch.terminal import Progress, say, set_up, strong, warn
from launch.tools import BIN, ROOT
from launch.uv import build_arguments, build_environment

from core.exit_status import INTERRUPTED, NO, NOT_ASKED

PACKAGE: Final = ROOT / "packages" / "django-hrana"
LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "dist")
# What would lead the tests to another project's settings or modules.
NOT_PASSED_ON: Final = ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PYTEST_ADDOPTS", "VIRTUAL_ENV")
PYTEST_PASSED: Final = 0
PYTEST_FAILED: Final = 1
SHOWN_LINES: Final = 15  # of what uv says where it fails

Verdict = Literal["passed", "failed", "not tested", "not here"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A pair of versions, and how its tests ended."""

    python: str
    """The minor version, such as 3.12."""
    django: str
    """The minor version, such as 6.1."""
    verdict: Verdict
    """`not here`: there is no such Python on this machine, and nobody asked for it."""
    outcome: str
    """pytest's own last words, or why it did not begin."""
    seconds: float
    """How long it took, installation included."""


def main(arguments: Sequence[str]) -> int:
    """Test each pair and print the table; return the exit status."""
    options = _parser().parse_args(arguments)
    set_up()
    is_json = options.format == "json"
    try:
        # The document alone goes to standard output.
        with contextlib.redirect_stdout(sys.stderr) if is_json else contextlib.nullcontext():
            cells = list(_test_all(options))
            _show(cells)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    status = find_status(cells)
    if is_json:
        document = {"status": status, "cells": [asdict(cell) for cell in cells]}
        print(json.dumps(document, indent=2))
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--python", action="append", choices=PYTHONS, help="a minor version")
    parser.add_argument("--django", action="append", choices=tuple(LOCKS), help="a minor version")
    parser.add_argument("--newest", action="store_true", help="not the releases that we pin")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("pytest", nargs="*", help="more for pytest, after --")
    return parser


def find_status(cells: Sequence[Cell]) -> int:
    """Return the exit status: the worst of the pairs, a failed test before one that did not run."""
    verdicts = {cell.verdict for cell in cells}
    if "failed" in verdicts:
        return NO
    if "not tested" in verdicts or "passed" not in verdicts:
        return NOT_ASKED
    return 0


def _test_all(options: argparse.Namespace) -> Iterator[Cell]:
    """Yield each pair that there is, after its tests."""
    for version in options.python or PYTHONS:
        python = find_python(version)
        for django in options.django or LOCKS:
            if not supports(version, django):
                continue
            say(strong(f"\nPython {version}, Django {django}"))
            if python is not None:
                yield _test(python, version, django, options)
                continue
            say(f"  Python {version} is not on this machine, so nothing is said about it.")
            yield Cell(
                python=version,
                django=django,
                verdict="not tested" if options.python else "not here",
                outcome=f"Python {version} is not on this machine",
                seconds=0,
            )


def _test(python: str, version: str, django: str, options: argparse.Namespace) -> Cell:
    """Install a copy of the package into a new environment, and run its tests there."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="django-hrana-") as name:
        copy, venv = Path(name) / "django-hrana", Path(name) / "venv"
        shutil.copytree(PACKAGE, copy, ignore=LEFT_OUT)
        lock = None if options.newest else LOCKS[django]
        failure = _install(python, venv, copy, django, lock)
        if failure is None:
            verdict, outcome = _run_pytest(venv, copy, options.pytest)
        else:
            warn(failure)
            verdict, outcome = "not tested", "not installed"
    seconds = round(time.monotonic() - started, 1)
    return Cell(python=version, django=django, verdict=verdict, outcome=outcome, seconds=seconds)


def _install(python: str, venv: Path, copy: Path, django: str, lock: str | None) -> str | None:
    """Make the environment; return what was said where that failed."""
    settings = read_settings(BIN / "python")
    environment = build_environment(settings, os.environ)
    uv = str(BIN / "uv")
    # 5.2 → >=5.2,<5.3
    major, minor = map(int, django.split("."))
    wanted = [f"{copy}[test]", f"django>={django},<{major}.{minor + 1}"]
    pins = ["--constraint", str(ROOT / lock)] if lock else []
    into = ["--python", str(venv / "bin" / "python")]
    commands = (
        [uv, "venv", "--quiet", "--python", python, str(venv)],
        [uv, "pip", "install", "--quiet", *into, *build_arguments(settings), *pins, *wanted],
    )
    progress = Progress(f"Installing the package with Django {django} and what its tests need")
    for command in commands:
        with subprocess.Popen(  # noqa: S603 (our own commands)
            command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        ) as process:  # fmt: skip
            said, _nothing = process.communicate()
        if process.returncode != 0:
            progress.clear()
            lines = said.strip().splitlines()[-SHOWN_LINES:]
            return "\n    ".join(["uv could not install it:", *lines])
    progress.clear()
    return None


def _run_pytest(venv: Path, copy: Path, more: Sequence[str]) -> tuple[Verdict, str]:
    """Return the verdict and pytest's last line; what it says is shown as it comes."""
    environment = {name: text for name, text in os.environ.items() if name not in NOT_PASSED_ON}
    environment["PATH"] = os.pathsep.join([str(venv / "bin"), environment.get("PATH", "")])
    command = [str(venv / "bin" / "python"), "-m", "pytest", "-n", "auto", "-q", "--no-header"]
    tests = subprocess.Popen(  # noqa: S603 (our own tests)
        [*command, *more],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    last = ""
    with tests:
        for line in tests.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    outcome = re.sub(r"\033\[[0-9;]*m", "", last).strip("= ")
    if tests.returncode == PYTEST_PASSED:
        return "passed", outcome
    if tests.returncode == PYTEST_FAILED:
        return "failed", outcome
    return "not tested", f"pytest ended with {tests.returncode}: {outcome}"


def _show(cells: Sequence[Cell]) -> None:
    say(f"\n{strong('Python  Django  verdict     seconds  outcome')}")
    for cell in cells:
        versions = f"{cell.python:<7} {cell.django:<7}"
        say(f"{versions} {cell.verdict:<11} {cell.seconds:>7.0f}  {cell.outcome}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
