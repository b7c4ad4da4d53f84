"""Run groups of Django's test modules, each in a process of its own, and say how far it is."""

import hashlib
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import django
from launch.errors import LaunchError
from launch.sqld import Server
from launch.terminal import Progress, step
from launch.tools import BACKEND, ROOT

from conformance.guard import Guard
from conformance.outcomes import Outcome, is_finished, read_outcomes

__all__ = ["PROCESSES", "Bench", "run_libsql", "run_sqlite"]

CACHE: Final = ROOT / ".cache" / "conformance"
PROCESSES: Final = max(2, os.cpu_count() or 2)
LOOK_EVERY_SECONDS: Final = 1
# A parallel process that died leaves Django waiting for ever; no test takes nearly as long.
SILENCE_SECONDS: Final = 600
# Nothing else of the environment: DJANGO_SETTINGS_MODULE and the like would change the tests.
PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TZ", "USER")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where groups run."""

    tests: Path
    """Django's folder of tests."""
    folder: Path
    """For what is needed during this run only."""
    guard: Guard
    """Ends the processes should this one be killed."""


def run_libsql(bench: Bench, groups: Sequence[Sequence[str]], server: Server) -> dict[str, Outcome]:
    """Return the outcomes on a libSQL server, by test; a group that breaks off is a failure."""
    where = {"CONFORMANCE_URL": server.url, "CONFORMANCE_ADMIN_URL": server.admin_url}
    outcomes: dict[str, Outcome] = {}
    for record, group in _run(bench, groups, "libsql", where):
        outcomes |= read_outcomes([record])
        if not is_finished(record):
            name = f"runtests.py ({group[0]} … {group[-1]})"
            outcomes[name] = Outcome(outcome="failed", reason=f"broke off: {_keep_log(record)}")
    return outcomes


def run_sqlite(bench: Bench, groups: Sequence[Sequence[str]]) -> dict[str, Outcome]:
    """Return the outcomes on SQLite, by test; kept, since they change with the versions only.

    Raises:
        LaunchError: a group broke off.
    """
    missing = [group for group in groups if not _cache_path(group).exists()]
    for record, group in _run(bench, missing, "sqlite", {}):
        if not is_finished(record):
            raise LaunchError(f"Django's tests broke off on SQLite: {_keep_log(record)}")
        path = _cache_path(group)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        shutil.copy(record, part)
        part.replace(path)  # at once: half a record would be believed
    return read_outcomes([_cache_path(group) for group in groups])


def _cache_path(group: Sequence[str]) -> Path:
    """Return where the record of a group is kept: another version of anything has another."""
    versions = (django.get_version(), platform.python_version(), sqlite3.sqlite_version)
    digest = hashlib.sha256(" ".join(group).encode()).hexdigest()[:12]
    return CACHE / f"sqlite-{'-'.join(versions)}" / f"{group[0]}-{digest}.jsonl"


def _keep_log(record: Path) -> str:
    """Keep the log of a group that broke off; return its last line and where it is."""
    log = record.with_suffix(".log")
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    CACHE.mkdir(parents=True, exist_ok=True)
    copy = CACHE / f"broke-off-{log.name}"
    shutil.copy(log, copy)
    last = lines[-1][:300] if lines else "no word"
    return f"{last} ({copy.relative_to(ROOT)})"


def _run(
    bench: Bench, groups: Sequence[Sequence[str]], backend: str, where: Mapping[str, str]
) -> Iterator[tuple[Path, Sequence[str]]]:
    """Run the groups; yield the record of each."""
    if not groups:
        return
    total, done, tests = sum(map(len, groups)), 0, 0
    progress = Progress(f"{backend}, {total} modules in {len(groups)} groups")
    for number, group in enumerate(groups):
        record = bench.folder / f"{backend}-{number}.jsonl"
        with _started(bench, group, record, {"CONFORMANCE_BACKEND": backend, **where}) as process:
            for lines in _watch(process, record):
                here = f"modules {done + 1}-{done + len(group)} of {total} ({group[0]} …)"
                progress.update(f"{here}, {tests + lines} tests")
        tests += _lines(record)
        done += len(group)
        yield record, group
    progress.clear()
    step(f"{backend}: {tests} outcomes of {total} modules, {progress.seconds:.0f} s")


@contextmanager
def _started(
    bench: Bench, group: Sequence[str], record: Path, settings: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a group; at the end of the context nothing of it runs any more."""
    record.touch()
    command = [sys.executable, "runtests.py", "--settings=conformance.settings", "--noinput"]
    with record.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (the command is our own)
            [*command, "--verbosity=0", f"--parallel={PROCESSES}", *group],
            cwd=bench.tests,
            env=_environment(bench.folder) | {"CONFORMANCE_RECORD": str(record), **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group with its parallel processes, to be ended as one
        )
    bench.guard.watch(process)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        bench.guard.release(process)


def _environment(folder: Path) -> dict[str, str]:
    """Return variables that no configuration of this machine or of AutoForge's reaches into."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    paths = (ROOT, ROOT / "scripts", BACKEND)
    environment["PYTHONPATH"] = os.pathsep.join(str(path) for path in paths)
    environment["TMPDIR"] = str(folder)
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
