"""A server that is replaced while it serves: nobody is refused, and a bad version never serves."""

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest

from tests.support.ports import free_port

pytestmark = pytest.mark.once  # its databases are its own

ROOT = Path(__file__).resolve().parents[2]
PATHS = ("/health/live", "/health/ready", "/admin/login/", "/api/openapi.json")
CLIENTS = 6


class Site:
    """A server below `serve_web.py`, with a file of variables that can be changed."""

    def __init__(self, folder: Path, database: Path, **variables: str) -> None:
        self.database = folder / "db.sqlite3"
        shutil.copy(database, self.database)
        self.port = free_port()
        self.file = folder / "site.env"
        self.write(DATABASE_URL=f"sqlite:///{self.database}")
        self.environment = os.environ | {
            "ENV_FILE": str(self.file),
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "2",
            "TMPDIR": str(folder),
            **variables,
        }
        self.environment.pop("DATABASE_URL", None)
        self.log = (folder / "log.txt").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "scripts/serve_web.py"],
            cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.wait_until_serving()

    def write(self, **variables: str) -> None:
        self.file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        self.file.chmod(0o600)

    def reload(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "scripts/serve_web.py", "--reload"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=200,
            check=False,
        )  # fmt: skip

    def servers(self) -> list[int]:
        """Return the processes of gunicorn that serve or stop."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def wait_until_serving(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if self.ask("/health/live") == 200:
                    return
            except OSError:
                assert self.process.poll() is None, self.read_log()
                time.sleep(0.1)
        raise TimeoutError(self.read_log())

    def ask(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            return response.status

    def read_log(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Load:
    """Clients that ask without a pause: half of them keep their connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.outcomes: Counter[str] = Counter()
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        keeps = number % 2 == 0
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        count = number
        while not self._is_over.is_set():
            count += 1
            try:
                connection.request("GET", PATHS[count % len(PATHS)])
                response = connection.getresponse()
                response.read()
                self.outcomes[str(response.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.outcomes[type(error).__name__] += 1
                connection.close()
            if not keeps:
                connection.close()
            time.sleep(0.01)
        connection.close()


@pytest.fixture
def site(tmp_path, migrated_file):
    with closing(Site(tmp_path, migrated_file)) as made:
        yield made


def test_nobody_is_refused_while_a_server_is_replaced(site):
    first = site.servers()
    with Load(site.port) as load:
        for _round in range(2):
            done = site.reload()
            assert (done.returncode, done.stderr) == (0, ""), site.read_log()
            assert done.stdout.startswith("Reloaded: process ")
    assert set(load.outcomes) == {"200"}, load.outcomes
    assert load.outcomes["200"] > 200
    assert len(site.servers()) == 1
    assert site.servers() != first
    assert str(site.servers()[0]) in done.stdout


def test_a_version_that_cannot_start_leaves_the_old_one_serving(site):
    first = site.servers()
    site.write(DATABASE_URL="oracle://nowhere")
    site.environment["PORT"] = str(site.port)
    state = next(site.database.parent.glob("autoforge-web-*.json"))
    with Load(site.port) as load:
        done = subprocess.run(
            [sys.executable, "scripts/serve_web.py", "--reload", "--state", str(state)],
            cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=200,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "the new server is not ready: it ended with status" in done.stderr
    assert f"The old one (process {first[0]}) goes on serving." in done.stderr
    assert "DATABASE_URL" in site.read_log()
    assert set(load.outcomes) == {"200"}, load.outcomes
    # Asked by its variables, which are wrong: refused before anything is started.
    done = site.reload()
    assert (done.returncode, "configuration error: DATABASE_URL" in done.stderr) == (1, True)
    wait_for_servers(site, first)
    site.write(DATABASE_URL=f"sqlite:///{site.database}")
    assert site.reload().returncode == 0
    assert site.servers() != first


def wait_for_servers(site: Site, expected: list[int]) -> None:
    deadline = time.monotonic() + 20
    while site.servers() != expected:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_version_that_is_not_ready_takes_no_request(site):
    """Its migrations are not applied: its own probes say so, and the old one is left alone."""
    first = site.servers()
    with closing(sqlite3.connect(site.database)) as connection, connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'evaluations'")
    with Load(site.port) as load:
        done = site.reload()
    assert done.returncode == 1
    assert "/health/ready answered 503 Service Unavailable (unhealthy: migrations" in done.stderr
    wait_for_servers(site, first)
    load.outcomes.pop("503", None)  # /health/ready of the old one says the same
    assert set(load.outcomes) == {"200"}, load.outcomes


def test_a_watcher_is_told_to_come_again(site):
    """Its stream ends whole, with the time after which it connects again, and not by a reset."""
    key = subprocess.run(
        [sys.executable, "manage.py", "api_key", "create", "tests", "--role", "Administrator"],
        cwd=ROOT, env=site.environment, capture_output=True, text=True, check=True,
    ).stdout.splitlines()[-1]  # fmt: skip
    config = site.database.parent / "config.json"
    config.write_text('{"prompts": ["x"], "providers": ["echo"]}')
    queued = subprocess.run(
        [sys.executable, "manage.py", "evaluate", str(config), "--background"],
        cwd=ROOT, env=site.environment | {"QUEUE": "sqlite"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    run = queued.stdout.split()[1]
    with closing(socket.create_connection(("127.0.0.1", site.port), timeout=60)) as client:
        head = (
            f"GET /api/v1/runs/{run}/events HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {key}\r\nAccept: text/event-stream\r\n\r\n"
        )
        client.sendall(head.encode())
        received = client.recv(65536)
        assert b"200 OK" in received
        assert site.reload().returncode == 0
        while chunk := client.recv(65536):
            received += chunk
    assert b"retry: 2000" in received
    assert received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_was_begun(site, number):
    """A client that is in the midst of sending its request gets its answer."""
    body = b"username=somebody"
    head = (
        "POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", site.port), timeout=60)) as client:
        client.sendall(head.encode() + body[:5])
        time.sleep(1)
        started = time.monotonic()
        site.process.send_signal(number)
        time.sleep(2)
        assert site.process.poll() is None
        client.sendall(body[5:])
        assert client.recv(65536).startswith(b"HTTP/1.1 403 ")  # it came without its token
        assert site.process.wait(30) == 0
        assert time.monotonic() - started < 30
    with pytest.raises(ConnectionRefusedError):
        site.ask("/health/live")
    assert not list(site.database.parent.glob("autoforge-web-*.json"))
    done = site.reload()
    assert (done.returncode, "There is no server to reload" in done.stderr) == (2, True)


def test_a_second_signal_does_not_wait(site):
    with closing(socket.create_connection(("127.0.0.1", site.port), timeout=60)) as client:
        client.sendall(
            b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        )
        time.sleep(1)
        site.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert site.process.poll() is None
        started = time.monotonic()
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(30) == 0
        assert time.monotonic() - started < 10


def test_a_server_that_dies_ends_the_whole(site):
    [server] = site.servers()
    os.kill(server, signal.SIGKILL)
    assert site.process.wait(20) == 128 + signal.SIGKILL


def test_a_port_that_is_taken_is_one_sentence(tmp_path, migrated_file, site):
    done = subprocess.run(
        [sys.executable, "scripts/serve_web.py"],
        cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{site.port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_state_file_says(site):
    state = json.loads(next(site.database.parent.glob("autoforge-web-*.json")).read_text())
    assert state == {"pid": site.process.pid, "reloads": 0}


# --- the first process of a container, which gets no signal that it has no handler for

UNSHARE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")


def can_be_first() -> bool:
    """Whether this machine lets us make a process the first one of a namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_be_first(), reason="the kernel lets us make no PID namespace")
@pytest.mark.parametrize(
    ("command", "sign"),
    [
        (("scripts/serve_web.py",), "Booting worker"),
        (("manage.py", "run_huey"), "Processing the queue"),
    ],
    ids=["web", "worker"],
)
def test_the_first_process_of_a_container_stops_at_sigterm(tmp_path, migrated_file, command, sign):
    shutil.copy(migrated_file, tmp_path / "db.sqlite3")
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "QUEUE": "sqlite",
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": "1",
        "TMPDIR": str(tmp_path),
    }
    process = subprocess.Popen(
        [*UNSHARE, sys.executable, *command],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if sign in line:
                break
        time.sleep(1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        [first] = map(int, children)
        assert Path(f"/proc/{first}/status").read_text().count("\t1\n") >= 1  # NSpid
        os.kill(first, signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
