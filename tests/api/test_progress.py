"""Runs being watched: by one client, by hundreds, by some that go away without a word."""

import json
import socket
import threading
import time
import uuid
from contextlib import closing

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.management import call_command
from django.db import connections
from django.test import AsyncClient, RequestFactory

from core.api.streams import (
    LimitRequests,
    TooManyWatchersError,
    Watchers,
    give_turn_back,
    watchers,
)
from evaluations.api.watching import HUB, Frame, Hub, Watch, load_frame
from evaluations.models import Run
from evaluations.services.choosing import RunChoice, choose_run, start_run
from evaluations.services.runs import cancel_run, delete_runs
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt
from tests.api.problems import read_problem
from tests.conftest import LIBSQL
from tests.support.gunicorn_server import GunicornServer

WATCHERS = 200
MOST = 256
MOST_BYTES = 60_000_000


@pytest.fixture
def run(db):
    call_command("sync_roles", verbosity=0)  # tests of the background empty the tables
    suite = create_suite(name="S")
    create_case(suite_id=suite.pk, name="a", assertions=[{"type": "contains", "value": "x"}])
    create_prompt(title="P", name="p", content="x")
    return start_run(choose_run(RunChoice(suite_id=suite.pk, prompts=["p"], models=["echo"])))


def events(parts) -> list[tuple[str, dict]]:
    """Return the events of an answer with what they hold, without heartbeats."""
    found = []
    for block in b"".join(parts).decode().split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


# --- the answer


@pytest.mark.django_db(transaction=True)
def test_a_run_is_watched_until_it_is_cancelled(api, run):
    answer = api("Viewer").get(f"runs/{run.pk}/events", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert answer["X-Accel-Buffering"] == "no"
    assert "no-store" in answer["Cache-Control"]
    parts = iter(answer.streaming_content)
    assert next(parts) == b"retry: 2000\n\n"
    [(name, first)] = events([next(parts)])
    assert (name, first["status"], first["planned"], first["active"]) == (
        "progress",
        "pending",
        1,
        True,
    )
    cancel_run(run.pk)
    rest = list(parts)
    assert b"id: ended\nevent: end\n" in b"".join(rest)
    names = [name for name, _data in events(rest)]
    assert names == ["progress", "end"]
    assert events(rest)[-1][1]["status"] == "cancelled"
    answer.close()

    again = api("Viewer").get(f"runs/{run.pk}/events", headers={"Last-Event-ID": "ended"})
    assert (again.status_code, again.content) == (204, b"")
    late = api("Viewer").get(f"runs/{run.pk}/events")
    assert [name for name, _data in events(late.streaming_content)] == ["progress", "end"]
    late.close()


@pytest.mark.django_db(transaction=True)
def test_a_run_is_watched_over_asgi(api, run):
    key = api("Viewer").key
    headers = {"Authorization": f"Bearer {key}"}

    async def watch() -> list[bytes]:
        answer = await AsyncClient().get(f"/api/v1/runs/{run.pk}/events", headers=headers)
        assert getattr(answer, "is_async", False), answer.content
        parts = []
        async for part in answer.streaming_content:
            parts.append(part)
            if b"pending" in part:
                await sync_to_async(cancel_run)(run.pk)
        await sync_to_async(answer.close)()
        return parts

    parts = async_to_sync(watch)()
    assert parts[0] == b"retry: 2000\n\n"
    names = [name for name, _data in events(parts)]
    assert names == ["progress", "progress", "end"]
    assert watchers.count == 0


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_thrown_away_ends(run):
    delete_runs([run.pk])
    frame = load_frame(run.pk)
    assert frame.is_last
    assert events([frame.data]) == [("end", {"status": "deleted", "active": False})]


def test_who_may_watch(api, run):
    from django.test import Client

    path = f"/api/v1/runs/{run.pk}/events"
    assert read_problem(Client().get(path), 401)
    read_problem(api("Viewer").get(f"runs/{uuid.uuid4()}/events"), 404)


def test_too_many_watchers_are_sent_away(api, run, monkeypatch):
    monkeypatch.setattr(watchers, "most", 0)
    answer = api("Viewer").get(f"runs/{run.pk}/events")
    assert read_problem(answer, 503)["code"] == "api.too-many-watchers"
    assert int(answer["Retry-After"]) > 0


# --- the hub


def request(**meta):
    return RequestFactory().get("/", **meta)


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_database_is_asked_as_often_for_many_as_for_one():
    asked = []

    def load(run_id):
        asked.append(run_id)
        return Frame(b"%d " % len(asked), len(asked) >= 5)

    hub = Hub(load, interval_seconds=0.02)
    counter = Watchers()
    run_id = uuid.uuid4()
    watches = [Watch(request(), run_id, hub=hub, counter=counter) for _ in range(50)]
    answers = []
    threads = [
        threading.Thread(target=lambda watch=watch: answers.append(list(watch)))
        for watch in watches
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 5
    assert counter.count == 50
    for answer in answers:
        assert answer[-1] == b"5 "
    for watch in watches:
        watch.close()
        watch.close()
    assert counter.count == 0
    wait_for(lambda: hub._thread is None)


def test_what_has_not_changed_is_not_sent_again():
    hub = Hub(lambda _run_id: Frame(b"same", False), interval_seconds=0.01)
    channel = hub.join(uuid.uuid4())
    assert hub.wait(channel, 0, 5) == (1, Frame(b"same", False))
    assert hub.wait(channel, 1, 0.1) is None
    hub.leave(channel)


def test_a_database_that_is_away_ends_nothing(caplog):
    steps = iter([OSError("away"), Frame(b"back", True)])

    def load(_run_id):
        step = next(steps)
        if isinstance(step, Exception):
            raise step
        return step

    hub = Hub(load, interval_seconds=0.01)
    with closing(Watch(request(), uuid.uuid4(), hub=hub, counter=Watchers())) as watch:
        assert list(watch) == [b"retry: 2000\n\n", b"back"]
    assert "Cannot tell how far run" in caplog.text


def test_a_run_that_was_resumed_is_watched_anew():
    frames = iter([Frame(b"end", True), Frame(b"again", True)])
    hub = Hub(lambda _run_id: next(frames), interval_seconds=0.01)
    run_id = uuid.uuid4()
    first = Watch(request(), run_id, hub=hub, counter=Watchers())
    assert list(first)[-1] == b"end"
    second = Watch(request(), run_id, hub=hub, counter=Watchers())
    assert list(second)[-1] == b"again"
    first.close()
    second.close()


def test_an_answer_lasts_no_longer_than_it_may_and_ends_with_the_process(monkeypatch):
    hub = Hub(lambda _run_id: Frame(b"x", False), interval_seconds=0.01)
    counter = Watchers()
    with closing(
        Watch(request(), uuid.uuid4(), hub=hub, counter=counter, lifetime_seconds=0.1)
    ) as watch:
        assert list(watch)[:2] == [b"retry: 2000\n\n", b"x"]
    watch = Watch(request(), uuid.uuid4(), hub=hub, counter=counter)
    assert next(watch) == b"retry: 2000\n\n"
    counter.is_stopping = lambda: True
    assert list(watch) == []
    with pytest.raises(TooManyWatchersError):
        Watch(request(), uuid.uuid4(), hub=hub, counter=counter)
    watch.close()
    assert counter.count == 0


def test_a_heartbeat_keeps_the_connection(monkeypatch):
    monkeypatch.setattr("evaluations.api.watching.HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr("evaluations.api.watching.INTERVAL_SECONDS", 0.01)
    hub = Hub(lambda _run_id: Frame(b"x", False), interval_seconds=0.01)
    with closing(Watch(request(), uuid.uuid4(), hub=hub, counter=Watchers())) as watch:
        parts = [next(watch) for _ in range(4)]
    assert parts[0] == b"retry: 2000\n\n"
    assert b": heartbeat\n\n" in parts


def test_who_has_gone_is_noticed_without_a_write():
    here, there = socket.socketpair()
    hub = Hub(lambda _run_id: Frame(b"x", False), interval_seconds=0.01)
    with here, there:
        sent = request(**{"gunicorn.socket": here})
        with closing(Watch(sent, uuid.uuid4(), hub=hub, counter=Watchers())) as watch:
            next(watch)
            assert next(watch) == b"x"
            there.close()
            assert list(watch) == []


@pytest.mark.django_db(transaction=True)
def test_who_waits_holds_no_connection(run):
    seen = []

    def work():
        list(Run.objects.all())
        watch = Watch(request(), run.pk, counter=Watchers(), lifetime_seconds=0.1)
        next(watch)
        seen.append(connections.all(initialized_only=True))
        watch.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[]]
    wait_for(lambda: HUB._thread is None)


# --- turns


class Slow:
    """An application that counts how many requests it works on at once."""

    def __init__(self):
        self.at_once = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, environment, _start_response):
        if environment["PATH_INFO"] == "/wrong":
            raise ValueError("wrong")
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.02)
        with self.lock:
            self.at_once -= 1
        return [b"done"]


def ask(application, path="/"):
    answer = application(RequestFactory().get(path).environ, None)
    assert list(answer) == [b"done"]
    answer.close()
    answer.close()


def test_a_few_requests_work_at_a_time():
    slow = Slow()
    limited = LimitRequests(slow, 2)
    threads = [threading.Thread(target=ask, args=(limited,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slow.most == 2


def test_an_error_gives_its_turn_back_and_so_does_who_waits():
    limited = LimitRequests(Slow(), 2)
    for _ in range(3):
        with pytest.raises(ValueError, match="wrong"):
            ask(limited, "/wrong")
    waiting = []
    for _ in range(2):
        sent = RequestFactory().get("/")
        waiting.append(limited(sent.environ, None))
        give_turn_back(sent.environ)
    ask(limited)
    for answer in waiting:
        answer.close()


# --- the real server

SERVER = pytest.mark.skipif(LIBSQL is not None, reason="the server has a file of its own")


@pytest.fixture
def server(tmp_path, migrated_file):
    made = GunicornServer(tmp_path, migrated_file)
    yield made
    made.close()


@pytest.fixture
def run_id(server):
    made = server.ask("POST", "suites", {"name": "S"})[1]
    case = {"name": "a", "assertions": [{"type": "contains", "value": "x"}]}
    server.ask("POST", f"suites/{made['id']}/cases", case)
    server.ask("POST", "prompts", {"name": "p", "content": "x"})
    body = {"suite_id": made["id"], "prompts": ["p"], "models": ["echo"]}
    status, started = server.ask("POST", "runs", body)
    assert (status, started["status"]) == (201, "pending")
    return started["id"]


def read_until(client, words: bytes) -> bytes:
    read = b""
    while words not in read:
        part = client.recv(65536)
        assert part, read
        read += part
    return read


@SERVER
def test_hundreds_watch_and_others_are_answered(server, run_id):
    path = f"runs/{run_id}/events"
    for _ in range(20):  # warm
        server.ask("GET", f"runs/{run_id}")
    with server.connect(path) as client:
        read_until(client, b"event: progress")
    before, threads = server.measure(), server.count_threads()
    assert threads < 16
    clients = [server.connect(path) for _ in range(WATCHERS)]
    for client in clients:
        assert b"200 OK" in read_until(client, b"event: progress")
    more = server.measure() - before
    assert more <= MOST_BYTES
    started = time.monotonic()
    for _ in range(20):
        assert server.ask("GET", f"runs/{run_id}")[0] == 200
    assert time.monotonic() - started < 10
    assert server.ask("POST", f"runs/{run_id}/cancel", {})[1]["status"] == "cancelled"
    for client in clients:
        rest = read_until(client, b"event: end")
        assert b'"status":"cancelled"' in rest
        client.close()


@SERVER
def test_who_goes_away_makes_room_and_who_is_too_many_waits(server, run_id):
    path = f"runs/{run_id}/events"
    clients = [server.connect(path) for _ in range(MOST)]
    for client in clients:
        read_until(client, b"event: progress")
    with server.connect(path) as refused:
        answer = read_until(refused, b"api.too-many-watchers")
    assert b" 503 " in answer.splitlines()[0]
    assert b"Retry-After: " in answer
    for client in clients[:20]:
        client.close()
    deadline = time.monotonic() + 10
    while True:
        with server.connect(path) as client:
            answer = client.recv(65536)
        if b"200 OK" in answer:
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for client in clients:
        client.close()


@SERVER
def test_the_server_stops_while_it_is_watched(server, run_id):
    clients = [server.connect(f"runs/{run_id}/events") for _ in range(20)]
    for client in clients:
        read_until(client, b"event: progress")
    started = time.monotonic()
    server.process.terminate()
    server.process.wait(25)  # without watchers it takes five: gunicorn's own patience is 30
    assert time.monotonic() - started < 25
    for client in clients:
        client.close()
    assert "Traceback" not in server.read_log()
