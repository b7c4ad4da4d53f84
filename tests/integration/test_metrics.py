"""Numbers of real servers: processes that add up, a worker's own port, a database that is away."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from launch.sqld import Server

from hrana_support.fault_proxy import FaultProxy
from tests.support.gunicorn_server import GunicornServer
from tests.support.ports import free_port
from tests.support.prometheus import check_with_promtool, read_samples

pytestmark = pytest.mark.once  # servers with databases of their own

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "metrics-token-of-the-tests-0123456789"
LIVE = (
    "autoforge_http_requests_total",
    (("method", "GET"), ("status", "200"), ("view", "health:live")),
)
LIVE_COUNT = (
    "autoforge_http_request_duration_seconds_count",
    (("method", "GET"), ("view", "health:live")),
)


def fetch(port: int, path: str = "/metrics", **headers: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def list_children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def ask_often(port: int, count: int) -> None:
    for _ in range(count):
        fetch(port, "/health/live", Connection="close")  # so that any worker may get it


@pytest.fixture
def server(tmp_path, migrated_file):
    server = GunicornServer(tmp_path, migrated_file, WEB_CONCURRENCY="3")
    wait_for(lambda: len(list_children(server.process.pid)) == 3)
    yield server
    server.close()


def find_folders() -> set[Path]:
    parent = (
        Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(os.environ.get("TMPDIR", "/tmp"))
    )
    return set(parent.glob("autoforge-metrics-*"))


def test_numbers_of_all_workers_add_up_and_outlive_them(server):
    ask_often(server.port, 60)
    scrapes = [read_samples(fetch(server.port, Connection="close")) for _ in range(12)]
    assert {scrape[LIVE] for scrape in scrapes} == {60}  # whichever worker answers
    assert {scrape[LIVE_COUNT] for scrape in scrapes} == {60}

    before = list_children(server.process.pid)
    os.kill(min(before), signal.SIGTERM)  # as when it has answered max_requests
    os.kill(max(before), signal.SIGKILL)  # as when memory has run out
    wait_for(lambda: len(list_children(server.process.pid) - before) == 2)
    assert read_samples(fetch(server.port))[LIVE] == 60
    ask_often(server.port, 30)
    scrapes = [read_samples(fetch(server.port, Connection="close")) for _ in range(12)]
    assert {scrape[LIVE] for scrape in scrapes} == {90}
    assert {scrape[LIVE_COUNT] for scrape in scrapes} == {90}


def test_the_files_of_the_dead_do_not_pile_up(server):
    def list_files() -> list[str]:
        [folder] = [place for place in find_folders() if is_of(place, server.process.pid)]
        return sorted(path.name for path in folder.glob("*.db"))

    for _ in range(4):
        before = list_children(server.process.pid)
        ask_often(server.port, 9)
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda before=before: list_children(server.process.pid) - before)
    alive = {str(pid) for pid in list_children(server.process.pid)} | {str(server.process.pid), "0"}
    wait_for(lambda: {name.split("_")[-1].removesuffix(".db") for name in list_files()} <= alive)
    assert read_samples(fetch(server.port))[LIVE] == 36


def is_of(folder: Path, pid: int) -> bool:
    return any(path.name.endswith(f"_{pid}.db") for path in folder.glob("*.db"))


def test_a_server_that_replaces_another_counts_on(server):
    ask_often(server.port, 20)
    [folder] = [place for place in find_folders() if is_of(place, server.process.pid)]
    workers = list_children(server.process.pid)
    server.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: list_children(server.process.pid) - workers)
    [successor] = list_children(server.process.pid) - workers
    try:
        wait_for(lambda: len(list_children(successor)) == 3)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        ask_often(server.port, 10)
        assert read_samples(fetch(server.port))[LIVE] == 30
        assert folder.is_dir()
    finally:
        os.kill(successor, signal.SIGTERM)
    wait_for(lambda: not folder.exists())  # the last one takes it away


def test_promtool_is_content_with_the_numbers_of_a_server(server):
    ask_often(server.port, 3)
    server.ask("GET", "prompts")
    assert check_with_promtool("check", "metrics", text=fetch(server.port)) == ""


# --- A worker of the queue ------------------------------------------------------------------------


class Worker:
    """A worker on a database of its own."""

    def __init__(self, folder: Path, migrated_file: Path, **variables: str) -> None:
        shutil.copy(migrated_file, folder / "db.sqlite3")
        self.port = free_port()
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "QUEUE": "sqlite",
            "METRICS_PORT": str(self.port),
            **variables,
        }
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_huey", "--workers", "1"],
            cwd=ROOT, env=self.environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def scrape(self, **headers: str) -> dict:
        wait_for(self._answers)
        return read_samples(fetch(self.port, **headers))

    def _answers(self) -> bool:
        assert self.processes[0].poll() is None, self.processes[0].stderr.read()
        try:
            fetch(self.port, "/nothing")
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            process.stderr.close()


@pytest.fixture
def make_worker(tmp_path, migrated_file):
    workers = []

    def make(**variables: str) -> Worker:
        workers.append(Worker(tmp_path, migrated_file, **variables))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def test_a_worker_tells_what_it_has_done(make_worker):
    worker = make_worker()
    worker.start()
    resumed = (
        "autoforge_tasks_total",
        (("outcome", "complete"), ("task", "evaluations.tasks.resume_runs")),
    )
    wait_for(lambda: worker.scrape().get(resumed, 0) >= 0)
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c",
         "from evaluations.tasks import run_evaluation; run_evaluation.enqueue('0' * 32)"],
        cwd=ROOT, env=worker.environment, check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    counted = (
        "autoforge_tasks_total",
        (("outcome", "complete"), ("task", "evaluations.tasks.run_evaluation")),
    )
    wait_for(lambda: worker.scrape().get(counted) == 1)
    assert ("autoforge_database_up", ()) not in worker.scrape()
    check_with_promtool("check", "metrics", text=fetch(worker.port))


def test_a_worker_asks_for_the_token(make_worker):
    worker = make_worker(METRICS_TOKEN=TOKEN, METRICS_HOST="0.0.0.0")
    worker.start()
    worker.scrape(Authorization=f"Bearer {TOKEN}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(worker.port)
    assert refused.value.code == 401
    refused.value.close()


def test_a_second_worker_on_the_same_port_says_so_in_one_sentence(make_worker):
    worker = make_worker()
    worker.start()
    worker.scrape()
    second = worker.start()
    assert second.wait(60) == 2  # nothing was begun
    assert second.stderr.read() == (
        f"CommandError: The worker cannot listen on METRICS_HOST 127.0.0.1, METRICS_PORT "
        f"{worker.port} (Address already in use): give each worker of a machine a port of its "
        "own, or remove METRICS_PORT.\n"
    )


# --- libSQL ---------------------------------------------------------------------------------------


@pytest.fixture
def remote(request, tmp_path, migrated_file):
    """A server on a libSQL server, with a proxy between them that sees every request, or none."""
    database = Server(tmp_path / "libsql").start()
    proxy = FaultProxy(database.port) if request.param else None
    url = {"DATABASE_URL": database.url}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT, env=os.environ | url, check=True, timeout=120,
    )  # fmt: skip
    server = GunicornServer(
        tmp_path, migrated_file, DATABASE_URL=database.url if proxy is None else proxy.url
    )
    yield server, proxy, database
    server.close()
    database.kill()
    if proxy is not None:
        proxy.close()


@pytest.mark.parametrize("remote", [True], indirect=True, ids=["proxy"])
def test_on_libsql_a_scrape_is_one_round_trip_and_views_tell_theirs(remote):
    server, proxy, _database = remote
    fetch(server.port)
    time.sleep(1.1)  # a scrape of the same second would ask nothing
    before = len(proxy.requests)
    samples = read_samples(fetch(server.port))
    assert len(proxy.requests) - before == 1
    assert samples["autoforge_database_up", ()] == 1
    assert samples["autoforge_migrations_pending", ()] == 0

    server.ask("GET", "prompts?limit=5")
    before = len(proxy.requests)
    server.ask("GET", "prompts?limit=5")
    trips = len(proxy.requests) - before
    again = read_samples(fetch(server.port))
    view = find_view(again, "prompts")
    name = "autoforge_http_request_database_round_trips"
    assert again[f"{name}_count", view] == 2
    first = again[f"{name}_sum", view] - trips
    assert first >= trips > 0
    assert again["autoforge_http_request_database_seconds_sum", view] > 0


def find_view(samples: dict, word: str) -> tuple:
    name = "autoforge_http_request_database_round_trips_count"
    [labels] = {labels for key, labels in samples if key == name and word in labels[0][1]}
    return labels


@pytest.mark.parametrize("remote", [False], indirect=True, ids=["direct"])
def test_a_database_that_hangs_or_is_away_is_told_in_time(remote):
    server, _proxy, database = remote
    assert read_samples(fetch(server.port))["autoforge_database_up", ()] == 1
    time.sleep(1.1)
    os.kill(database.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        samples = read_samples(fetch(server.port))
        assert time.monotonic() - started < 9  # Prometheus waits for ten seconds
        assert samples["autoforge_database_up", ()] == 0
        assert ("autoforge_migrations_pending", ()) not in samples
        assert samples["autoforge_build_info", find_labels(samples)] == 1
        for _ in range(3):  # what hangs is not asked again, and keeps no scrape waiting
            fetch(server.port)
    finally:
        os.kill(database.process.pid, signal.SIGCONT)
    wait_for(lambda: read_samples(fetch(server.port))["autoforge_database_up", ()] == 1)
    database.kill()
    wait_for(lambda: read_samples(fetch(server.port))["autoforge_database_up", ()] == 0)


def find_labels(samples: dict) -> tuple:
    [labels] = [labels for name, labels in samples if name == "autoforge_build_info"]
    return labels
