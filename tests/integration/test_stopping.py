"""Processes that are asked to stop in the middle of a run: each case is paid exactly once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from launch.sqld import Server

from tests.support.fake_models import FakeModels, Step
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.worker_site import WorkerSite, write_config

pytestmark = pytest.mark.once  # the databases are its own

ROOT = Path(__file__).resolve().parents[2]
CASES = 60
STOPS = 4  # `make crash-test ARGS="--signal TERM"` does it fifty times
CONCURRENCY = 6
STOP_SECONDS = 20  # what docs/deployment.md promises
STATUS = "SELECT status FROM evaluation_runs"
WORKER = "SELECT worker FROM evaluation_runs"
STORED = "SELECT count(*) FROM test_results"
UNANSWERED = "SELECT count(*) FROM test_results WHERE error != ''"


@pytest.fixture(scope="module")
def migrated_folder(tmp_path_factory):
    """The data of a libSQL server with all migrations; one module asks for it, so it is its own."""
    folder = tmp_path_factory.mktemp("migrated")
    with Server(folder / "sqld", idle_seconds=600) as server:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=ROOT, env=os.environ | {"DATABASE_URL": server.url}, check=True,
        )  # fmt: skip
        server.stop()  # in order: what is copied is complete
    return folder / "sqld"


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def fake():
    with closing(FakeModels(delay_seconds=0.2)) as server:
        yield server


def end(process: subprocess.Popen, number: int = signal.SIGTERM) -> float:
    """Return how many seconds a process took to end well."""
    started = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=STOP_SECONDS) == 0
    return time.monotonic() - started


def wait_for_calls(fake: FakeModels, count: int) -> None:
    """Wait until so many calls have come in all."""
    deadline = time.monotonic() + 60
    while len(fake.requests) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("queue", "database"), [("sqlite", "sqlite"), ("redis", "sqlite"), ("redis", "libsql")]
)
def test_workers_that_are_stopped_at_random_moments_pay_each_case_once(
    tmp_path, request, redis_server, fake, queue, database
):
    variables = {"QUEUE": queue, "REDIS_URL": redis_server.url}
    source = request.getfixturevalue(f"migrated_{'folder' if database == 'libsql' else 'file'}")
    moments = random.Random(f"{queue} {database}")
    with closing(WorkerSite(tmp_path, source, **variables)) as site:
        config = write_config(fake, tmp_path / "c.json", cases=CASES, concurrency=CONCURRENCY)
        done = site.manage("evaluate", str(config), "--background")
        assert done.returncode == 0, done.stderr
        for _stop in range(STOPS):
            worker = site.start_worker("--workers", "1")
            time.sleep(moments.uniform(0, 1.5))
            end(worker, moments.choice([signal.SIGTERM, signal.SIGINT]))
            assert not site.query(WORKER)  # given back: whoever comes goes on at once
            assert site.query(STORED) == sum(fake.counts.values())
        site.start_worker("--workers", "1")
        site.wait_for(STATUS, "completed")
        assert site.query("SELECT count(*) FROM test_results WHERE passed") == CASES
        assert site.query(STORED) == CASES
        assert set(fake.counts.values()) == {1}
        assert len(fake.requests) == CASES


def test_the_other_worker_goes_on_at_once(tmp_path, migrated_file, redis_server, fake):
    """It is told, and need not look for itself, which it does once a minute."""
    variables = {"QUEUE": "redis", "REDIS_URL": redis_server.url}
    with closing(WorkerSite(tmp_path, migrated_file, **variables)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=1)
        first = site.start_worker("--workers", "1")
        site.manage("evaluate", str(config), "--background")
        fake.delay_seconds = 1.0
        wait_for_calls(fake, 1)
        site.start_worker("--workers", "1")
        end(first)
        stored = site.query(STORED)
        # The other one may have asked its first already.
        assert stored in {len(fake.requests), len(fake.requests) - 1}
        assert stored < CASES
        fake.delay_seconds = 0.0
        site.wait_for(STATUS, "completed", seconds=20)
        assert set(fake.counts.values()) == {1}


def test_a_second_signal_ends_a_worker_at_once(tmp_path, migrated_file, fake):
    fake.delay_seconds = 30
    with closing(WorkerSite(tmp_path, migrated_file, QUEUE="sqlite")) as site:
        config = write_config(fake, tmp_path / "config.json", cases=3, concurrency=3)
        site.manage("evaluate", str(config), "--background")
        worker = site.start_worker()
        wait_for_calls(fake, 3)
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert worker.poll() is None
        started = time.monotonic()
        worker.send_signal(signal.SIGINT)
        assert worker.wait(timeout=5) == 128 + signal.SIGINT
        assert time.monotonic() - started < 2


def test_a_model_that_does_not_answer_in_time_does_not_hold_the_worker(
    tmp_path, migrated_file, fake
):
    """What had not answered may have been paid: it is counted, and asked again."""
    fake.script = [Step(delay_seconds=60)]
    with closing(WorkerSite(tmp_path, migrated_file, QUEUE="sqlite")) as site:
        config = write_config(fake, tmp_path / "config.json", cases=4, concurrency=2)
        site.manage("evaluate", str(config), "--background")
        worker = site.start_worker("--stop-seconds", "10")
        site.wait_for(STORED, 3)
        assert end(worker) < 10
        assert site.query(UNANSWERED) == 1
        site.start_worker()
        site.wait_for(STATUS, "completed")
        assert sorted(fake.counts.values()) == [1, 1, 1, 2]
        assert site.query("SELECT count(*) FROM test_results WHERE passed") == 4
        # The call of the first worker stays in the books.
        assert site.query("SELECT sum(attempts) FROM test_results") == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_evaluate_in_a_terminal_stores_what_is_in_flight_and_says_how_to_resume(
    tmp_path, migrated_file, fake, number
):
    fake.delay_seconds = 1.0  # a busy machine must not see the run's end before the signal
    with closing(WorkerSite(tmp_path, migrated_file)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=4)
        command = site.start("evaluate", str(config))
        site.wait_for("SELECT count(*) >= 4 FROM test_results", 1)
        command.send_signal(number)
        _, errors = command.communicate(timeout=STOP_SECONDS)
        assert command.returncode == 128 + number, errors
        assert "Stopping: answers in flight are stored" in errors
        assert "Stopped. Resume with: manage.py evaluate --resume " in errors
        assert "Traceback" not in errors
        stored = site.query(STORED)
        assert stored == len(fake.requests) < CASES
        run = errors.split("--resume ")[1].split()[0]
        fake.delay_seconds = 0
        done = site.manage("evaluate", "--resume", run)
        assert done.returncode == 0, done.stderr
        assert set(fake.counts.values()) == {1}
        assert site.query(STORED) == CASES


def test_a_second_ctrl_c_ends_evaluate_at_once(tmp_path, migrated_file, fake):
    fake.delay_seconds = 30
    with closing(WorkerSite(tmp_path, migrated_file)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=3, concurrency=3)
        command = site.start("evaluate", str(config))
        wait_for_calls(fake, 3)
        command.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert command.poll() is None
        command.send_signal(signal.SIGTERM)
        assert command.wait(timeout=5) == 128 + signal.SIGTERM


@pytest.mark.parametrize("text", ["9", "3601", "nan", "soon"])
def test_a_time_to_stop_that_is_none_is_refused(tmp_path, migrated_file, text):
    with closing(WorkerSite(tmp_path, migrated_file, QUEUE="sqlite")) as site:
        done = site.manage("run_huey", "--stop-seconds", text)
        assert done.returncode == 2
        assert "must be a number of seconds from 10 to 3600" in done.stderr


def test_a_database_that_is_away_does_not_hold_the_worker(
    tmp_path, migrated_folder, redis_server, fake
):
    """Nobody can store or give back anything; its lease ends with the process."""
    variables = {"QUEUE": "redis", "REDIS_URL": redis_server.url}
    with closing(WorkerSite(tmp_path, migrated_folder, **variables)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=4)
        site.manage("evaluate", str(config), "--background")
        worker = site.start_worker("--stop-seconds", "10")
        site.wait_for("SELECT count(*) > 8 FROM test_results", 1)
        assert site.server is not None
        site.server.kill()
        time.sleep(1)
        started = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=12) in {0, 1}
        assert time.monotonic() - started < 10
        site.server.start()
        site.start_worker()
        site.wait_for(STATUS, "completed")
        repeated = sum(fake.counts.values()) - CASES
        assert 0 <= repeated <= 4  # what came while nobody could store it
        assert site.query("SELECT count(*) FROM test_results WHERE passed") == CASES


def test_a_database_that_comes_back_in_time_takes_what_came(
    tmp_path, migrated_folder, redis_server, fake
):
    variables = {"QUEUE": "redis", "REDIS_URL": redis_server.url}
    with closing(WorkerSite(tmp_path, migrated_folder, **variables)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=4)
        site.manage("evaluate", str(config), "--background")
        worker = site.start_worker()
        site.wait_for("SELECT count(*) > 8 FROM test_results", 1)
        assert site.server is not None
        site.server.kill()
        time.sleep(1)
        worker.send_signal(signal.SIGTERM)
        time.sleep(2)
        site.server.start()
        assert worker.wait(timeout=STOP_SECONDS) == 0
        assert not site.query(WORKER)
        site.start_worker()
        site.wait_for(STATUS, "completed")
        assert set(fake.counts.values()) == {1}
        assert site.query(STORED) == CASES


@pytest.mark.parametrize("what", ["worker", "evaluate"])
def test_a_database_that_hangs_does_not_hold_a_process(
    tmp_path, migrated_folder, redis_server, fake, what
):
    """It takes what is sent and answers nothing, as a machine does whose disk is stuck."""
    variables = {"QUEUE": "redis", "REDIS_URL": redis_server.url}
    with closing(WorkerSite(tmp_path, migrated_folder, **variables)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=4)
        if what == "worker":
            site.manage("evaluate", str(config), "--background")
            process = site.start_worker("--stop-seconds", "10")
        else:
            process = site.start("evaluate", str(config))
        wait_for_calls(fake, 8)
        assert site.server is not None
        assert site.server.process is not None
        site.server.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_SECONDS + 5) in {1, 128 + signal.SIGTERM}
        assert time.monotonic() - started < STOP_SECONDS + 1
        site.server.process.send_signal(signal.SIGCONT)


# --- the server that runs evaluations itself


def leave_a_run(site: WorkerSite, config: Path) -> None:
    """Leave a run of the background behind that nobody has begun for long."""
    done = site.manage("evaluate", str(config), "--background", QUEUE="sqlite")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as connection, connection:
        connection.execute("UPDATE evaluation_runs SET updated_at = '2026-01-01 00:00:00'")


def serve(site: WorkerSite, port: int) -> subprocess.Popen[str]:
    """Return a server that has begun to listen."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "autoforge.wsgi"],
        cwd=ROOT,
        env=site.environment
        | {"QUEUE": "in-process", "PORT": str(port), "WEB_CONCURRENCY": "2", "DEBUG": "false"},
        text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    site.processes.append(process)
    assert process.stderr is not None
    for line in process.stderr:
        if "Listening at" in line:
            return process
    raise AssertionError(f"the server ended with {process.wait()}")


def test_a_server_gives_its_run_back_and_the_next_one_goes_on(tmp_path, migrated_file, fake):
    with closing(WorkerSite(tmp_path, migrated_file)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=3)
        leave_a_run(site, config)
        server = serve(site, free_port())
        wait_for_calls(fake, 10)
        assert end(server) < STOP_SECONDS
        assert not site.query(WORKER)
        stored = site.query(STORED)
        assert stored == len(fake.requests) < CASES
        fake.delay_seconds = 0
        serve(site, free_port())
        site.wait_for(STATUS, "completed")
        assert set(fake.counts.values()) == {1}


def test_ctrl_c_ends_a_server_in_the_midst_of_a_run(tmp_path, migrated_file, fake):
    with closing(WorkerSite(tmp_path, migrated_file)) as site:
        config = write_config(fake, tmp_path / "config.json", cases=CASES, concurrency=3)
        leave_a_run(site, config)
        server = serve(site, free_port())
        wait_for_calls(fake, 10)
        assert end(server, signal.SIGINT) < STOP_SECONDS
        assert not site.query(WORKER)
        assert site.query(STORED) == len(fake.requests) < CASES
