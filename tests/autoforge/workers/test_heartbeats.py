"""What workers say of themselves, in Redis and in the queue's file, and what probes make of it."""

import contextlib
import json
import signal
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from huey import PriorityRedisExpireHuey, SqliteHuey

from autoforge.health.errors import ProbeError
from autoforge.health.probes import queue as queue_probe
from autoforge.health.probes import worker as worker_probe
from autoforge.workers import heartbeats
from autoforge.workers.consumer import QueueConsumer
from autoforge.workers.heartbeats import (
    QueueError,
    ThreadState,
    list_workers,
    open_store,
    write_beat,
)
from evaluations.leases import describe_worker, is_here, worker_name
from evaluations.models import Run
from tests.support.redis_server import RedisServer
from tests.support.worker_site import WorkerSite

ELSEWHERE = "elsewhere/0a1b2c3d 12 345 abcdef00"
IDLE = ThreadState(name="Worker-1", is_alive=True, task="", seconds=1.0)
BUSY = ThreadState(name="Worker-1", is_alive=True, task="run_evaluation", seconds=40.0)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # which a consumer takes for itself
SCHEDULER = ThreadState(name="Scheduler", is_alive=True, task="", seconds=0.5)


@pytest.fixture(params=["sqlite", "redis"])
def queue(request, settings, tmp_path):
    settings.QUEUE = request.param
    if request.param == "sqlite":
        settings.HUEY = SqliteHuey("AutoForge", filename=str(tmp_path / "queue.sqlite3"))
        yield settings.HUEY
        settings.HUEY.storage.close()
        return
    server = RedisServer(tmp_path)
    server.start()
    settings.HUEY = PriorityRedisExpireHuey("AutoForge", url=server.url)
    yield settings.HUEY
    settings.HUEY.storage.conn.close()
    server.kill()


def say(huey, *threads: ThreadState, name: str = ELSEWHERE, is_stopping: bool = False) -> None:
    write_beat(open_store(huey), name, threads, is_stopping=is_stopping)


def age(huey, seconds: float, name: str = ELSEWHERE) -> None:
    """Let what a worker said be older."""
    store = open_store(huey)
    if isinstance(huey, SqliteHuey):
        statement = "UPDATE workers SET written = written - ? WHERE name = ?"
        huey.storage.sql(statement, (seconds, name), commit=True)
        return
    written, beat = json.loads(huey.storage.conn.hget(store._key, name))
    huey.storage.conn.hset(store._key, name, json.dumps([written - seconds, beat]))


def test_what_is_said_is_read_and_forgotten(queue):
    assert list_workers() == []
    say(queue, BUSY, SCHEDULER)
    say(queue, IDLE, name=worker_name())
    workers = {worker.is_here: worker for worker in list_workers()}
    assert workers[False].threads == (BUSY, SCHEDULER)
    assert workers[False].name == "elsewhere, process 12"
    assert workers[False].age_seconds < 5
    assert workers[True].threads == (IDLE,)
    open_store(queue).remove(ELSEWHERE)
    assert [worker.is_here for worker in list_workers()] == [True]


def test_a_worker_of_this_machine_that_died_is_forgotten_at_once(queue):
    host, _pid, _began, _number = worker_name().rsplit(" ", 3)
    say(queue, IDLE, name=f"{host} 1 1 0")
    assert is_here(f"{host} 1 1 0")
    assert list_workers() == []
    assert open_store(queue).read() == {}


def test_one_of_another_machine_is_forgotten_after_an_hour(queue):
    say(queue, IDLE)
    age(queue, 60)
    assert len(list_workers()) == 1
    age(queue, 3600)
    assert list_workers() == []


PROBLEMS = [
    ((IDLE, SCHEDULER), 0, False, ""),
    ((BUSY, SCHEDULER), 0, True, ""),
    ((IDLE, SCHEDULER), 30, False, "has not been heard from for 30 s"),
    ((ThreadState(name="Worker-2", is_alive=False, task="", seconds=1), SCHEDULER), 0, False,
     "has lost its thread Worker-2"),
    ((ThreadState(name="Worker-1", is_alive=True, task="", seconds=200),), 0, False,
     "has not looked for work in Worker-1 for 200 s"),
    ((ThreadState(name="Worker-1", is_alive=True, task="", seconds=200),), 0, True, ""),
    ((ThreadState(name="Worker-1", is_alive=True, task="run_evaluation", seconds=9000),), 0, False,
     ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("threads", "seconds", "is_stopping", "problem"),
    PROBLEMS,
    ids=["idle", "busy", "late", "dead-thread", "stuck-thread", "stopping", "long-run"],
)
def test_what_is_wrong_with_a_worker(queue, threads, seconds, is_stopping, problem):
    say(queue, *threads, is_stopping=is_stopping)
    age(queue, seconds)
    assert list_workers()[0].problem == problem


def test_the_probe_without_a_worker(queue):
    with pytest.raises(ProbeError, match=r"^no worker is running$") as caught:
        worker_probe.probe()
    assert "manage.py run_huey" in caught.value.hint


def test_the_probe_names_what_the_workers_do(queue):
    say(queue, IDLE, SCHEDULER)
    assert worker_probe.probe().endswith("ago; idle")
    say(queue, BUSY, SCHEDULER, name=worker_name())
    # In a worker's container, its own is asked.
    assert worker_probe.probe().startswith("1 worker, last heard from 0 s ago; run_evaluation for")


def test_the_probe_asks_the_worker_of_this_machine_first(queue):
    name = worker_name()
    say(queue, IDLE, SCHEDULER)
    say(queue, IDLE, SCHEDULER, name=name)
    age(queue, 40, name)
    with pytest.raises(ProbeError, match=r"has not been heard from for 4\d s"):
        worker_probe.probe()


def test_a_stuck_worker_elsewhere_is_a_hint_beside_a_good_one(queue):
    say(queue, IDLE, SCHEDULER)
    age(queue, 40)
    with pytest.raises(ProbeError, match="no worker is running: elsewhere, process 12 has not"):
        worker_probe.probe()
    say(queue, IDLE, SCHEDULER, name="other/ffffffff 1 2 3")
    detail, _, hint = worker_probe.probe().partition("\n")
    assert detail.startswith("1 worker, last heard from 0 s ago")
    assert hint.startswith("The worker elsewhere, process 12 has not been heard from for 4")


def test_a_queue_that_is_away(settings, tmp_path):
    settings.QUEUE = "redis"
    server = RedisServer(tmp_path)
    server.start()
    settings.HUEY = PriorityRedisExpireHuey("AutoForge", url=server.url)
    server.kill()
    with pytest.raises(QueueError):
        list_workers()
    with pytest.raises(ProbeError, match=r"^the queue \(redis\) is not responding$") as caught:
        worker_probe.probe()
    assert "REDIS_URL" in caught.value.hint


def test_a_file_of_the_queue_that_is_none(settings, tmp_path):
    settings.QUEUE = "sqlite"
    settings.HUEY = SqliteHuey("AutoForge", filename=str(tmp_path / "queue.sqlite3"))
    (tmp_path / "queue.sqlite3").write_bytes(b"no database at all, but long enough for a header")
    for rest in tmp_path.glob("queue.sqlite3-*"):
        rest.unlink()
    with pytest.raises(ProbeError, match=r"^the queue \(sqlite\) is not responding$") as caught:
        worker_probe.probe()
    assert "folder of the database" in caught.value.hint


def test_without_a_queue_there_is_nothing_to_ask():
    assert worker_probe.probe() == "the server processes runs itself (QUEUE=in-process)"
    assert list_workers() == []


# --- runs that wait


def make_waiting(minutes: float, **fields) -> Run:
    run = Run.objects.create(settings={"background": True}, **fields)
    moment = timezone.now() - timedelta(minutes=minutes)
    with connection.cursor() as cursor:  # a trigger sets the time where nobody says it
        cursor.execute(
            "UPDATE evaluation_runs SET updated_at = %s WHERE id = %s", [moment, run.pk.hex]
        )
    return run


@pytest.mark.django_db
def test_no_run_waits(queue):
    Run.objects.create()  # a command's own
    assert queue_probe.probe() == "no run is waiting"


@pytest.mark.django_db
def test_runs_wait_and_nobody_is_there(queue):
    make_waiting(1)
    assert queue_probe.probe().startswith("1 run is waiting, for 6")
    make_waiting(10, status="running", worker=ELSEWHERE)
    with pytest.raises(ProbeError, match=r"2 runs are waiting, for 60. s at most, and no worker"):
        queue_probe.probe()


@pytest.mark.django_db
def test_runs_wait_although_somebody_is_free(queue):
    make_waiting(10)
    say(queue, BUSY, SCHEDULER)
    assert queue_probe.probe().endswith("all workers are busy")
    say(queue, IDLE, SCHEDULER)
    with pytest.raises(ProbeError, match="although a worker has nothing to do") as caught:
        queue_probe.probe()
    assert "the same DATABASE_URL" in caught.value.hint


@pytest.mark.django_db
def test_runs_wait_and_the_queue_is_away(settings, tmp_path):
    make_waiting(10)
    assert queue_probe.probe().startswith("1 run is waiting")  # in-process
    server = RedisServer(tmp_path)
    server.start()
    settings.QUEUE = "redis"
    settings.HUEY = PriorityRedisExpireHuey("AutoForge", url=server.url)
    server.kill()
    with pytest.raises(ProbeError, match=r"and the queue \(redis\) is not responding"):
        queue_probe.probe()


# --- a real worker


def test_nothing_is_said_before_the_threads_live(queue):
    """A worker that has only begun is no worker that has lost its threads."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    consumer = QueueConsumer(queue, workers=2)
    try:
        assert list_workers() == []
        consumer.start()
        wait_until(list_workers)
        (worker,) = list_workers()
        assert [thread.is_alive for thread in worker.threads] == [True, True, True]
        assert worker.problem == ""
    finally:
        consumer.stop(graceful=True)
        consumer._end_beats()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert list_workers() == []


@pytest.mark.once
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_worker_that_is_stuck_is_unhealthy_and_a_dead_one_is_gone(
    tmp_path, migrated_file, settings, monkeypatch, kind
):
    server = RedisServer(tmp_path)
    server.start()
    variables = {"QUEUE": kind, "REDIS_URL": server.url}
    with contextlib.closing(WorkerSite(tmp_path, migrated_file, **variables)) as site:
        settings.QUEUE = kind
        settings.HUEY = SqliteHuey("AutoForge", filename=str(tmp_path / "queue.sqlite3"))
        if kind == "redis":
            settings.HUEY = PriorityRedisExpireHuey("AutoForge", url=server.url)
        worker = site.start_worker()
        wait_until(lambda: worker_probe.probe().endswith("idle"))
        done = site.manage("check_health", "--probe", "worker", "--probe", "queue")
        assert (done.returncode, "1 worker, last heard" in done.stdout) == (0, True), done.stdout
        monkeypatch.setattr(heartbeats, "LATE_SECONDS", 7.0)  # it says something every five
        worker.send_signal(signal.SIGSTOP)
        wait_until(lambda: "has not been heard from" in find_problem())
        worker.send_signal(signal.SIGCONT)
        wait_until(lambda: not find_problem())
        worker.kill()
        worker.wait()
        assert find_problem() == "no worker is running"
        # One that stops says so itself.
        other = site.start_worker()
        wait_until(lambda: not find_problem())
        other.terminate()
        assert other.wait(20) == 0
        assert open_store(settings.HUEY).read() == {}
    server.kill()


def find_problem() -> str:
    try:
        worker_probe.probe()
    except ProbeError as error:
        return str(error)
    return ""


def wait_until(condition) -> None:
    """Wait until a condition holds; a worker that has not said anything yet is no error."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(ProbeError):
            if condition():
                return
        time.sleep(0.1)
    raise TimeoutError(find_problem())


def test_names_for_people():
    assert describe_worker("") == ""
    assert describe_worker("a host with spaces/ab12 7 8 9") == "a host with spaces, process 7"
