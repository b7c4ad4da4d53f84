"""Workers of the queue, as processes: SQLite and Redis; killed, and taken over."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fake_models import FakeModels
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.once  # its workers have SQLite files of their own

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = 120
CONCURRENCY = 4


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


class Place:
    """A database with a queue, and workers on it."""

    def __init__(self, folder: Path, migrated_file: Path, **variables: str) -> None:
        self.database = folder / "db.sqlite3"
        self.environment = os.environ | {"DATABASE_URL": f"sqlite:///{self.database}"} | variables
        self.workers: list[subprocess.Popen] = []
        shutil.copy(migrated_file, self.database)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def start_worker(self) -> subprocess.Popen:
        command = [sys.executable, "manage.py", "run_huey", "--workers", "1"]
        self.workers.append(
            subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=subprocess.DEVNULL)
        )
        return self.workers[-1]

    def ask(self, sql: str):
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(sql).fetchone()[0]

    def wait_for(self, sql: str, value) -> None:
        deadline = time.monotonic() + 60
        while (found := self.ask(sql)) != value:
            assert time.monotonic() < deadline, f"{sql}: {found}"
            time.sleep(0.05)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


def config_of(fake: FakeModels, folder: Path) -> Path:
    provider = {
        "id": "openai-compatible:m",
        "concurrency": CONCURRENCY,
        "config": {"apiBaseUrl": f"{fake.url}/v1"},
    }
    check = {"type": "contains", "value": "q"}
    tests = [{"vars": {"x": f"q{n}"}, "assert": [check]} for n in range(CASES)]
    path = folder / "config.json"
    path.write_text(json.dumps({"prompts": ["{{x}}"], "providers": [provider], "tests": tests}))
    return path


STATUS = "SELECT status FROM evaluation_runs"
COUNT = "SELECT count(*) > 20 FROM test_results"


@pytest.mark.parametrize("queue", ["sqlite", "redis"])
def test_a_dead_worker_s_run_is_taken_over(tmp_path, migrated_file, redis_server, queue):
    variables = {"QUEUE": queue, "REDIS_URL": redis_server.url}
    with (
        closing(FakeModels(delay_seconds=0.05)) as fake,
        closing(Place(tmp_path, migrated_file, **variables)) as place,
    ):
        config = config_of(fake, tmp_path)
        first = place.start_worker()
        said = place.manage("evaluate", str(config), "--background")
        assert (said.returncode, said.stdout[:4]) == (0, "Run "), said.stderr
        place.wait_for(COUNT, 1)
        first.kill()
        first.wait()
        assert place.ask(STATUS) == "running"
        second = place.start_worker()
        place.wait_for(STATUS, "completed")
        assert place.ask("SELECT count(*) FROM test_results WHERE passed") == CASES
        assert CASES <= sum(fake.counts.values()) <= CASES + CONCURRENCY
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=20) == 0


def test_a_run_that_no_queue_was_told_of_is_found(tmp_path, migrated_file, redis_server):
    variables = {"QUEUE": "redis", "REDIS_URL": redis_server.url}
    place = Place(tmp_path, migrated_file, **variables)
    with closing(FakeModels()) as fake, closing(place):
        config = config_of(fake, tmp_path)
        redis_server.kill()
        said = place.manage("evaluate", str(config), "--background")
        assert said.returncode == 0
        assert "A worker will pick up the run later" in said.stderr
        with closing(sqlite3.connect(place.database)) as connection, connection:
            connection.execute("UPDATE evaluation_runs SET updated_at = '2026-01-01 00:00:00'")
        redis_server.start()
        place.start_worker()
        place.wait_for(STATUS, "completed")


def test_without_a_queue_there_is_no_worker(tmp_path, migrated_file):
    with closing(Place(tmp_path, migrated_file, QUEUE="in-process")) as place:
        said = place.manage("run_huey")
        assert said.returncode == 2
        assert "QUEUE is in-process" in said.stderr
        assert "Traceback" not in said.stderr
        config = tmp_path / "c.json"
        config.write_text('{"prompts": ["x"], "providers": ["echo"]}')
        said = place.manage("evaluate", str(config), "--background")
        assert said.returncode == 2
        assert "QUEUE=sqlite" in said.stderr
        assert place.ask("SELECT count(*) FROM evaluation_runs") == 0


def test_redis_is_needed_for_its_queue(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT, env=os.environ | {"QUEUE": "redis"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Redis is not configured; set REDIS_URL, or QUEUE=sqlite." in done.stderr
