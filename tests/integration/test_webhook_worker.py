"""Webhooks by workers as processes, on SQLite's and Redis' queue: delivered, killed, taken over."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.webhook_receiver import Receiver, Reply

pytestmark = pytest.mark.once  # its workers have SQLite files of their own

ROOT = Path(__file__).resolve().parent.parent.parent
CREATE = (
    "from core.events.services.endpoints import create_endpoint; "
    "create_endpoint(name='team', url='{url}', event_types=['prompt.version.created'])"
)


class Place:
    """A database with a queue, and workers on it."""

    def __init__(self, folder: Path, migrated_file: Path, **variables: str) -> None:
        self.folder = folder
        self.database = folder / "db.sqlite3"
        self.environment = os.environ | {"DATABASE_URL": f"sqlite:///{self.database}"} | variables
        self.workers: list[subprocess.Popen] = []
        shutil.copy(migrated_file, self.database)

    def manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip

    def import_prompt(self, title: str) -> None:
        path = self.folder / f"{title}.json"
        path.write_text(json.dumps([{"title": title, "content": "Hello"}]))
        self.manage("import_prompts", str(path))

    def start_worker(self) -> subprocess.Popen:
        command = [sys.executable, "manage.py", "run_huey", "--workers", "1"]
        self.workers.append(
            subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=subprocess.DEVNULL)
        )
        return self.workers[-1]

    def ask(self, sql: str):
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(sql).fetchone()

    def write(self, sql: str) -> None:
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            connection.execute(sql)

    def wait_for(self, sql: str, value) -> None:
        deadline = time.monotonic() + 60
        while (row := self.ask(sql)) != value:
            assert time.monotonic() < deadline, f"{sql}: {row}"
            time.sleep(0.05)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.mark.parametrize("queue", ["sqlite", "redis"])
def test_a_worker_that_is_killed_while_it_sends_loses_nothing(
    tmp_path, migrated_file, redis_server, queue
):
    variables = {"QUEUE": queue, "REDIS_URL": redis_server.url}
    with (
        closing(Receiver(Reply(delay_seconds=9))) as receiver,
        closing(Place(tmp_path, migrated_file, **variables)) as place,
    ):
        place.manage("shell", "-c", CREATE.format(url=receiver.url))
        first = place.start_worker()
        place.import_prompt("one")
        receiver.wait_for(1, seconds=60)
        first.kill()
        first.wait()
        assert place.ask("SELECT status, attempts FROM webhook_deliveries") == ("pending", 0)
        # Its claim runs out after a minute; the test does not wait for that.
        place.write("UPDATE webhook_deliveries SET next_attempt_at = '2026-01-01 00:00:00'")
        place.start_worker()
        place.wait_for("SELECT status, attempts FROM webhook_deliveries", ("delivered", 1))
        ids = {request.headers["webhook-id"] for request in receiver.received}
        assert (len(receiver.received), len(ids)) == (2, 1)


def test_a_worker_comes_back_for_a_retry(tmp_path, migrated_file):
    with (
        closing(Receiver(Reply(status=503))) as receiver,
        closing(Place(tmp_path, migrated_file, QUEUE="sqlite")) as place,
    ):
        place.manage("shell", "-c", CREATE.format(url=receiver.url))
        place.start_worker()
        place.import_prompt("one")
        place.wait_for("SELECT status, attempts FROM webhook_deliveries", ("delivered", 2))
