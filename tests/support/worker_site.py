"""A database with a queue, and commands and workers on it as processes: SQLite or libSQL."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from launch.sqld import Server

from django_hrana import driver
from tests.support.fake_models import FakeModels

__all__ = ["WorkerSite", "write_config"]

ROOT: Final = Path(__file__).resolve().parents[2]


class WorkerSite:
    """What several processes share; all of them end with it.

    Args:
        folder: where its files are.
        database: a migrated one to copy: a SQLite file, or the folder of a libSQL server.
        **variables: of the environment of all processes.
    """

    def __init__(self, folder: Path, database: Path, **variables: str) -> None:
        self.folder = folder
        self.server: Server | None = None
        self.processes: list[subprocess.Popen[str]] = []
        if database.is_dir():
            shutil.copytree(database, folder / "sqld")
            self.server = Server(folder / "sqld", idle_seconds=600).start()
            url = self.server.url
        else:
            shutil.copy(database, folder / "db.sqlite3")
            url = f"sqlite:///{folder / 'db.sqlite3'}"
        self.environment = os.environ | {"DATABASE_URL": url} | variables

    def manage(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Return what a command did."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment | variables, capture_output=True, text=True,
            timeout=90, check=False,
        )  # fmt: skip

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Return a command that runs; what it says on standard error is in its pipe."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment | variables, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def start_worker(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Return a worker that has begun to listen to its queue."""
        process = self.start("run_huey", *arguments, **variables)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Processing the queue"):
                return process
        raise AssertionError(f"the worker ended with {process.wait()}")

    def query(self, sql: str) -> Any:
        """Return the first value of a query, asked beside Django; None where there is no row."""
        if self.server is None:
            connection = sqlite3.connect(self.folder / "db.sqlite3", timeout=10)
        else:
            connection = driver.connect(self.server.url)
        try:
            row = connection.cursor().execute(sql).fetchone()
        finally:
            connection.close()
        return None if row is None else row[0]

    def wait_for(self, sql: str, value: object, seconds: float = 60) -> None:
        """Wait until a query returns a value.

        Raises:
            AssertionError: it did not in time.
        """
        deadline = time.monotonic() + seconds
        while (current := self.query(sql)) != value:
            assert time.monotonic() < deadline, f"{sql}: {current}"
            time.sleep(0.05)

    def close(self) -> None:
        """End all."""
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
        if self.server is not None:
            self.server.kill()


def write_config(
    fake: FakeModels, path: Path, *, cases: int, concurrency: int, **more: Mapping[str, object]
) -> Path:
    """Write a configuration whose cases are asked of a fake; return its path."""
    provider = {
        "id": "openai-compatible:m",
        "concurrency": concurrency,
        "config": {"apiBaseUrl": f"{fake.url}/v1"},
    }
    check = {"type": "contains", "value": "q"}
    tests = [{"vars": {"x": f"q{number}"}, "assert": [check]} for number in range(cases)]
    content = {"prompts": ["{{x}}"], "providers": [provider], "tests": tests, **more}
    path.write_text(json.dumps(content))
    return path
