"""The product's own server, with a database file of its own: gunicorn, one process of it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


class GunicornServer:
    """A server that runs until it is closed; `key` is an administrator's."""

    def __init__(self, folder: Path, database: Path, **variables: str) -> None:
        shutil.copy(database, folder / "db.sqlite3")
        self.port = free_port()
        self.environment = os.environ | {
            "APP_ENV": "local",
            "DEBUG": "false",
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "QUEUE": "sqlite",  # without a worker: what is started waits
            **variables,
        }
        self.environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser tests' own
        self.key = self.manage(
            "api_key", "create", "tests", "--role", "Administrator", "--requests-per-minute", "0"
        ).splitlines()[-1]
        self.log = (folder / "log.txt").open("w+")
        self.process = subprocess.Popen(
            # The command itself: `python -m gunicorn` cannot start itself again (SIGUSR2).
            [str(Path(sys.executable).with_name("gunicorn")), "autoforge.wsgi"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
        )
        self._wait()

    def manage(self, *arguments: str) -> str:
        """Return what a command prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Return status and body of a request below /api/v1."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            | headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                raw = response.read()
                return response.status, json.loads(raw) if raw else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def connect(self, path: str, *, accept: str = "text/event-stream") -> socket.socket:
        """Return a connection on which a request below /api/v1 was sent, and nothing read."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        head = (
            f"GET /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.key}\r\nAccept: {accept}\r\n\r\n"
        )
        client.sendall(head.encode())
        return client

    @property
    def worker(self) -> int:
        """The process that answers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def measure(self) -> int:
        """Return the memory of the process that answers, in bytes: what is resident and its own."""
        for line in Path(f"/proc/{self.worker}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the kernel does not tell")

    def count_threads(self) -> int:
        """Return how many threads it has."""
        return len(list(Path(f"/proc/{self.worker}/task").iterdir()))

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, self.read_log()
            time.sleep(0.1)
        raise TimeoutError(self.port)

    def read_log(self) -> str:
        """Return what it has said."""
        self.log.seek(0)
        return self.log.read()

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
