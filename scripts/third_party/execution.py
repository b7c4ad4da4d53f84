"""Run one suite on one database, in a process of its own, and say how far it is."""

import hashlib
import os
import platform
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conformance.guard import Guard
from conformance.outcomes import Outcome, is_finished, read_outcomes
from launch.errors import LaunchError
from launch.sqld import Server
from launch.terminal import Progress, step
from launch.tools import BACKEND, ROOT

from third_party.sources import LOCK, Source
from third_party.suites import Suite

__all__ = ["VENV", "Bench", "run_libsql", "run_sqlite"]

VENV: Final = ROOT / ".venv-third-party"
CACHE: Final = ROOT / ".cache" / "third-party"
INSIDE: Final = Path(__file__).resolve().parent / "inside"
LOOK_EVERY_SECONDS: Final = 1
SILENCE_SECONDS: Final = 600  # no test takes nearly as long
# How Python and pytest begin the line that says what went wrong.
ERROR: Final = re.compile(
    r"^(?:E +)?((?:[\w.]*(?:Error|Exception|Configured)|ERROR): .+)$", re.MULTILINE
)
# Nothing else of the environment: DATABASE_URL and the like would change the tests.
PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TZ", "USER")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where suites run."""

    folder: Path
    """For what is needed during this run only."""
    guard: Guard
    """Ends the processes should this one be killed."""


def run_libsql(bench: Bench, suite: Suite, source: Source, server: Server) -> dict[str, Outcome]:
    """Return the outcomes on a libSQL server, by test.

    Raises:
        LaunchError: the run broke off.
    """
    where = {"THIRD_PARTY_URL": server.url, "THIRD_PARTY_ADMIN_URL": server.admin_url}
    return read_outcomes([_run(bench, suite, source, "libsql", where)])


def run_sqlite(bench: Bench, suite: Suite, source: Source) -> dict[str, Outcome]:
    """Return the outcomes on SQLite, by test; kept, since they change with the versions only.

    Raises:
        LaunchError: the run broke off.
    """
    path = CACHE / f"{suite.name}-sqlite-{_digest(suite)}.jsonl"
    if not path.exists():
        record = _run(bench, suite, source, "sqlite", {})
        part = path.with_suffix(f".{os.getpid()}")
        shutil.copy(record, part)
        part.replace(path)  # at once: half a record would be believed
    return read_outcomes([path])


def _digest(suite: Suite) -> str:
    """Return what changes with everything that the outcomes on SQLite depend on."""
    versions = (platform.python_version(), sqlite3.sqlite_version, repr(suite))
    parts = [text.encode() for text in versions]
    parts += [path.read_bytes() for path in (ROOT / LOCK, *sorted(INSIDE.glob("*.py")))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _run(
    bench: Bench, suite: Suite, source: Source, backend: str, where: Mapping[str, str]
) -> Path:
    """Run a suite; return the record of its outcomes."""
    record = bench.folder / f"{suite.name}-{backend}.jsonl"
    settings = {"THIRD_PARTY_BACKEND": backend, "THIRD_PARTY_RECORD": str(record), **where}
    progress = Progress(f"{suite.name} {source.version} on {backend}")
    with _started(bench, suite, source, record, settings) as process:
        for lines in _watch(process, record):
            progress.update(f"{lines} tests")
    progress.clear()
    if not is_finished(record):
        raise LaunchError(f"{suite.name} broke off on {backend}: {_keep_log(record)}")
    what = f"{suite.name} {source.version} on {backend}"
    step(f"{what}: {_lines(record)} outcomes, {progress.seconds:.0f} s")
    return record


def _command(suite: Suite, source: Source, configuration: Path) -> list[str]:
    arguments = ["-c", str(configuration), "--rootdir", str(source.folder), "-p", "libsql_plugin"]
    arguments += ["-p", "no:cacheprovider", "-q", "--tb=short"]
    if not suite.migrates:
        arguments.append("--no-migrations")
    for path in suite.left_out:
        arguments.append(f"--ignore={path}")
    return [str(VENV / "bin" / "python"), "-m", "pytest", *arguments, *suite.tests]


def _configuration(suite: Suite) -> str:
    """Return pytest's settings: not the suite's own, which want plugins for coverage and style."""
    options = {"python_files": suite.files, "django_find_project": "false", **suite.options}
    if suite.settings:
        options["DJANGO_SETTINGS_MODULE"] = suite.settings
    lines = [f"{name} = {value}" for name, value in options.items()]
    return "\n".join(["[pytest]", *lines, ""])


@contextmanager
def _started(
    bench: Bench, suite: Suite, source: Source, record: Path, settings: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a suite; at the end of the context nothing of it runs any more."""
    record.touch()
    configuration = record.with_suffix(".ini")
    configuration.write_text(_configuration(suite), encoding="utf-8")
    with record.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (the command is our own)
            _command(suite, source, configuration),
            cwd=source.folder,
            env={**_environment(bench.folder, suite, source), **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # with whatever it starts, to be ended as one
        )
    bench.guard.watch(process)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        bench.guard.release(process)


def _environment(folder: Path, suite: Suite, source: Source) -> dict[str, str]:
    """Return variables that no configuration of this machine or of AutoForge's reaches into."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    paths = [INSIDE, BACKEND, source.folder, *(source.folder / path for path in suite.paths)]
    environment["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # the sources stay as they came
    environment["TMPDIR"] = str(folder)
    environment["THIRD_PARTY_CHECKS"] = str(int(suite.checks))
    return environment


def _watch(process: "subprocess.Popen[bytes]", record: Path) -> Iterator[int]:
    """Yield the number of outcomes now and then until the process ends or says nothing more."""
    lines, changed = 0, time.monotonic()
    while time.monotonic() - changed < SILENCE_SECONDS:
        try:
            process.wait(LOOK_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            count = _lines(record)
            if count > lines:
                lines, changed = count, time.monotonic()
            yield lines
        else:
            return


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _keep_log(record: Path) -> str:
    """Keep the log of a run that broke off; return its last error and where it is."""
    log = record.with_suffix(".log")
    text = log.read_text(errors="replace")
    lines = ERROR.findall(text) or [line for line in text.splitlines() if line.strip()]
    CACHE.mkdir(parents=True, exist_ok=True)
    copy = CACHE / f"broke-off-{log.name}"
    shutil.copy(log, copy)
    last = lines[-1][:300] if lines else "no word"
    return f"{last} ({copy.relative_to(ROOT)})"
