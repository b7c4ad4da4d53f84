"""What the Python client does while the server is slow, broken or away."""

import asyncio
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import autoforge_client
from autoforge_client import (
    AsyncAutoForge,
    AutoForge,
    AutoForgeError,
    ConnectionFailed,
    InvalidAnswer,
    NotFound,
    Prompt,
    Unavailable,
)
from prompts.models import Prompt as PromptRow
from prompts.models import PromptVersion

PROBLEM = {"Content-Type": "application/problem+json"}
GONE = (
    b'{"type":"tag:autoforge,2026:prompt.missing-name","title":"Not Found","status":404,'
    b'"detail":"There is no such prompt.","code":"prompt.missing-name"}'
)


@pytest.fixture
def connect(front, new_key):
    """Make clients of one key."""
    key = new_key()
    made = []

    def make(**options):
        client = AutoForge(front.url, key, **{"fresh_seconds": 0.0, **options})
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect, front):
    client = connect()
    client.create_prompt("reply", "first", labels=["production"])
    front.seen.clear()
    return client


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_fresh_prompt_is_not_asked_for_again(client, connect, front):
    fresh = connect(fresh_seconds=60.0)
    assert {fresh.get_prompt("reply").content for _ in range(10)} == {"first"}
    assert front.statuses() == [200]


def test_a_stale_prompt_is_used_at_once_and_refreshed_behind(client, connect, front):
    client.get_prompt("reply")
    writer = connect()
    writer.edit_prompt("reply", if_match="*", content="second")
    writer.move_label("reply", "production", 2)
    front.seen.clear()
    front.fail(seconds=0.2, after_work=True, status=503)  # slow, and of no use
    started = time.monotonic()
    assert client.get_prompt("reply").content == "first"
    assert time.monotonic() - started < 0.15
    wait_until(lambda: client.get_prompt("reply").content == "second")


def test_an_etag_saves_the_body(client, front):
    client.get_prompt("reply")
    assert client.get_prompt("reply").content == "first"
    wait_until(lambda: front.statuses() == [200, 304])
    assert front.seen[1].headers["If-None-Match"].startswith('"')
    assert client.get_prompt("reply").content == "first"


def test_of_many_threads_one_refreshes(client, front):
    client.get_prompt("reply")
    front.seen.clear()
    front.fail(seconds=0.3, status=503, times=3)
    with ThreadPoolExecutor(16) as pool:
        contents = set(pool.map(lambda _: client.get_prompt("reply").content, range(200)))
    assert contents == {"first"}
    assert len(front.seen) == 1
    wait_until(lambda: len(front.seen) == 3)


def test_what_was_read_once_is_used_while_the_server_is_away(client, front):
    client.get_prompt("reply")
    front.stop()
    for _ in range(5):
        assert client.get_prompt("reply").content == "first"
        time.sleep(0.02)
    with pytest.raises(ConnectionFailed) as refused:
        client.get_prompt("other")
    assert (refused.value.status, refused.value.is_temporary) == (0, True)
    front.start()
    client.edit_prompt("reply", if_match="*", content="second")
    client.move_label("reply", "production", 2)
    assert client.get_prompt("reply").content == "second"


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503},
        {"status": 500, "body": b"<h1>Server Error</h1>"},
        {"status": 404, "body": b"<h1>nginx</h1>"},
        {"status": 404, "body": b"{}", "headers": PROBLEM},
        {"status": 404, "body": GONE.replace(b"prompt.missing-name", b"api.no-operation"),
         "headers": PROBLEM},
        {"status": 200, "body": b"<h1>It works!</h1>"},
        {"status": 200, "body": b"{}"},
        {"status": 200, "body": b"[" * 100_000},
        {"status": 200, "body": b'{"name": 5, "content": "x"}'},
        {"status": 302, "headers": {"Location": "/login"}},
        {"status": 200, "body": b"no gzip", "headers": {"Content-Encoding": "gzip"}},
        {"is_cut": True},
    ],
)  # fmt: skip
def test_a_bad_answer_takes_nothing_away(client, front, trouble, tmp_path, connect):
    client.get_prompt("reply")
    front.seen.clear()
    front.fail(times=3, **trouble)
    assert client.get_prompt("reply").content == "first"
    wait_until(lambda: front.seen)
    wait_until(lambda: client.get_prompt("reply") and len(front.seen) > 3)
    assert client.get_prompt("reply").content == "first"
    front.troubles.clear()
    front.fail(times=3, **trouble)
    with pytest.raises(AutoForgeError):
        connect().get_prompt("reply")


def test_only_a_404_of_autoforge_evicts(client, front):
    client.get_prompt("reply")
    front.fail(status=404, body=GONE, headers=PROBLEM)
    assert client.get_prompt("reply").content == "first"
    wait_until(lambda: front.statuses()[-1:] == [404])
    front.stop()
    wait_until(lambda: not client._slots["reply", "production"].prompt)
    with pytest.raises(ConnectionFailed):
        client.get_prompt("reply")


def test_a_prompt_in_the_trash_is_gone(client):
    client.get_prompt("reply")
    PromptRow.objects.get().delete()

    def is_gone():
        try:
            client.get_prompt("reply")
        except NotFound:
            return True
        return False

    wait_until(is_gone)
    assert client.get_prompt("reply", fallback="else").is_fallback


def test_reads_are_tried_again(client, front):
    front.fail(status=502)
    front.fail(is_cut=True)
    assert client.get_prompt("reply", label="latest").content == "first"
    assert front.statuses() == [502, 0, 200]
    front.fail(times=9, status=503)
    with pytest.raises(Unavailable):
        client.diff("reply", 1, 1)
    assert front.statuses()[3:] == [503, 503, 503]


def test_retry_after_is_honoured(client, front):
    front.fail(status=429, headers={"Retry-After": "1"})
    started = time.monotonic()
    assert client.me().role == "Administrator"
    assert time.monotonic() - started >= 1
    front.fail(status=503, headers={"Retry-After": "3600"})  # nobody waits that long
    with pytest.raises(Unavailable) as refused:
        client.me()
    assert refused.value.retry_after == 3600
    front.fail(status=503, headers={"Retry-After": "Mon, 30 Nov 2020 12:00:00 GMT"})
    assert client.me()


def test_a_lost_answer_makes_one_version(client, front):
    front.fail(is_cut=True, after_work=True)
    front.fail(status=504, after_work=True)
    path = "prompts/reply/-/versions"
    second = client.request("POST", path, json={"content": "second"})
    assert second.json()["version"] == 2
    keys = {request.headers["Idempotency-Key"] for request in front.seen}
    assert (len(front.seen), len(keys)) == (3, 1)
    assert PromptVersion.objects.count() == 2
    first = keys.pop()
    client.request("POST", path, json={"content": "third"})
    assert front.seen[-1].headers["Idempotency-Key"] != first


@pytest.mark.parametrize(
    ("trouble", "times"),
    [({"status": 503}, 1), ({"is_cut": True}, 1), ({"status": 429}, 2)],
)
def test_what_is_not_safe_is_tried_again_only_where_nothing_was_done(client, front, trouble, times):
    front.fail(**trouble)
    if times == 2:
        assert client.move_label("reply", "beta", 1).version == 1
    else:
        with pytest.raises(AutoForgeError):
            client.move_label("reply", "beta", 1)
    assert len(front.seen) == times


def test_a_slow_server_is_not_waited_for(client, connect, front):
    front.fail(seconds=1.0, times=2)
    with pytest.raises(ConnectionFailed) as refused:
        connect(timeout=0.1, attempts=2).get_prompt("reply")
    assert refused.value.code == "client.timeout"


def test_fallbacks_stand_in_where_there_is_nothing(client, front, monkeypatch):
    from autoforge_client import connection

    monkeypatch.setattr(connection, "RETRY_SECONDS", 60.0)
    assert client.get_prompt("reply", fallback="else").content == "first"
    front.stop()
    assert client.get_prompt("reply", fallback="else").content == "first"
    text = client.get_prompt("other", fallback="Hi {{ name }}")
    assert (text.content, text.kind, text.version, text.is_fallback) == (
        "Hi {{ name }}",
        "text",
        0,
        True,
    )
    messages = [{"role": "user", "content": "Hi"}]
    assert client.get_prompt("other", fallback=messages).messages == messages
    mine = Prompt(name="mine", content="x", syntax="mustache")
    assert client.get_prompt("other", fallback=mine) is mine
    front.start()  # the server that was away a moment ago is not asked each time
    assert client.get_prompt("other", fallback="else").is_fallback
    assert not [seen for seen in front.seen if "other" in seen.path]


def test_a_folder_serves_the_next_process(client, connect, front, tmp_path):
    folder = tmp_path / "new" / "prompts"
    connect(cache_folder=folder).get_prompt("reply")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    front.seen.clear()
    assert connect(cache_folder=folder).get_prompt("reply").content == "first"
    assert front.statuses() == [304]  # a fresh process asks first
    front.stop()
    offline = connect(cache_folder=folder)
    assert offline.get_prompt("reply").content == "first"
    assert offline.get_prompt("reply", fallback="else").content == "first"
    with pytest.raises(ConnectionFailed):
        connect().get_prompt("reply")
    for garbage in (b"", b"{", b"[]", b'{"etag": 1}', b'{"etag": "", "body": "x"}', b"\xff"):
        file.write_bytes(garbage)
        with pytest.raises(ConnectionFailed):
            connect(cache_folder=folder).get_prompt("reply")
    front.start()
    assert connect(cache_folder=folder).get_prompt("reply").content == "first"
    front.fail(status=404, body=GONE, headers=PROBLEM)
    with pytest.raises(NotFound):
        connect(cache_folder=folder).get_prompt("reply")
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_written_stops_nothing(client, connect, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    assert connect(cache_folder=tmp_path / "file").get_prompt("reply").content == "first"
    assert "cannot be written" in caplog.text


def test_memory_is_bounded(client, connect):
    small = connect(most_prompts=3, fresh_seconds=60.0)
    for number in range(10):
        small.create_prompt(f"p{number}", "x")
        small.get_prompt(f"p{number}", label="latest")
    assert len(small._slots) == 3


def test_bad_days_without_blocking(client, front, new_key):
    key = new_key()

    async def work():
        async with AsyncAutoForge(front.url, key, fresh_seconds=0.0) as quick:
            await quick.get_prompt("reply")
            front.fail(seconds=0.2, status=503)
            started = time.monotonic()
            many = await asyncio.gather(*[quick.get_prompt("reply") for _ in range(50)])
            assert time.monotonic() - started < 0.15
            assert {prompt.content for prompt in many} == {"first"}
            while quick._tasks:
                await asyncio.sleep(0.01)
            asked = len(front.seen)
            front.stop()
            assert (await quick.get_prompt("reply")).content == "first"
            with pytest.raises(ConnectionFailed):
                await quick.get_prompt("other")
            assert (await quick.get_prompt("other", fallback="else")).is_fallback
            return asked

    assert asyncio.run(work()) == 3  # the first answer, one refresh that failed and was repeated


def test_a_closed_client_says_so(client, connect):
    closed = connect()
    closed.close()
    with pytest.raises(ConnectionFailed, match="closed"):
        closed.me()


def test_no_thread_is_left(client):
    client.get_prompt("reply")
    for _ in range(50):
        client.get_prompt("reply")
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("autoforge")])


def test_what_is_no_autoforge_is_said(front, new_key):
    front.fail(status=200, body=b"<h1>It works!</h1>")
    with pytest.raises(InvalidAnswer, match="Check the address"):
        AutoForge(front.url, new_key()).me()


def test_many_threads_that_ask_first_make_one_request(client, front):
    front.fail(seconds=0.3, status=503)
    with ThreadPoolExecutor(50) as pool:
        contents = set(pool.map(lambda _: client.get_prompt("reply").content, range(50)))
    assert contents == {"first"}
    assert front.statuses() == [503, 200]


def test_many_threads_get_one_refusal(client, front):
    def ask(_number):
        with pytest.raises(NotFound) as refused:
            client.get_prompt("none")
        return refused.value.code

    front.fail(seconds=0.3, status=503)
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(ask, range(50))) == {"prompt.missing-name"}
    assert front.statuses() == [503, 404]


def test_many_tasks_that_ask_first_make_one_request(client, front, new_key):
    key = new_key()

    async def work():
        async with AsyncAutoForge(front.url, key) as quick:
            first, *others = [asyncio.create_task(quick.get_prompt("reply")) for _ in range(50)]
            await asyncio.sleep(0.1)
            first.cancel()  # the next one asks in its place
            return {(await other).content for other in others}

    front.fail(seconds=0.3, status=503)
    assert asyncio.run(work()) == {"first"}
    assert len(front.seen) == 2


def test_what_was_asked_before_a_change_is_asked_again(client, connect, front):
    slow = connect(fresh_seconds=60.0)
    slow.get_prompt("reply", label="latest")
    front.fail(seconds=0.4, after_work=True, status=503)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(slow.get_prompt, "reply")
        wait_until(lambda: len(front.seen) == 2)
        slow.edit_prompt("reply", if_match="*", content="second")
        slow.move_label("reply", "production", 2)
        reading.result()
    assert slow.get_prompt("reply").content == "second"
    assert slow.get_prompt("reply", label="latest").content == "second"


FORKED = """
import os, sys, threading
from autoforge_client import AutoForge

client = AutoForge(fresh_seconds=0.0)
assert client.get_prompt("reply").content == "first"  # the connection stays open
lock = client._slots["reply", "production"].locks[os.getpid()]
lock.acquire()  # as if another thread was asking
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            assert client.get_prompt("reply").content == "first"
            assert client.get_prompt("reply", label="latest").content == "first"
            assert client.me().role == "Administrator"
        os._exit(0)
    children.append(child)
lock.release()
for _ in range(20):
    assert client.me().role == "Administrator"
statuses = [os.waitpid(child, 0)[1] for child in children]
assert statuses == [0] * 4, statuses
"""


def test_processes_that_were_forked_share_no_connection(front, new_key, client):
    environment = {
        "AUTOFORGE_URL": f"http://127.0.0.1:{front.target.port}",
        "AUTOFORGE_API_KEY": new_key(),
        "PYTHONPATH": str(Path(autoforge_client.__file__).parents[1]),
    }
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
