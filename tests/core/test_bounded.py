"""Calls of the bounded workers: what comes back, what is killed, and what a worker can see."""

import asyncio
import os
import signal
import sys
import threading
import time

import pytest

from core import bounded
from core.bounded import pool

HERE = "tests.core.bounded_functions"


def call(name, *arguments, **options):
    return bounded.call(f"{HERE}:{name}", *arguments, **options)


@pytest.fixture
def own_pool(monkeypatch):
    """A pool of this test's own, whose workers are as new."""
    fresh = pool._Pool()
    monkeypatch.setattr(pool, "_pool", fresh)
    yield fresh
    fresh.close()


@pytest.mark.parametrize(
    "value",
    ["text", "\ud800", 1, 2**200, 1.5, None, True, b"\x00", [1, [2]], (1, 2), {"a": {"b": [None]}}],
)
def test_plain_data_comes_back_as_it_went(value):
    assert call("echo", value) == value


@pytest.mark.parametrize(
    ("name", "seconds", "error", "sentence"),
    [
        ("spin", 0.2, bounded.TookTooLongError, "took longer than 0.2 s of CPU time"),
        ("sum_without_end", 0.2, bounded.TookTooLongError, "took longer than 0.2 s of CPU time"),
        # So much time that a slow machine does not come to its end before the memory's.
        ("fill_memory", 20, bounded.TooMuchMemoryError, "needed more than 200 MB of memory"),
        ("abort", 20, bounded.TooMuchMemoryError, "needed more than 200 MB of memory"),
        ("leave", 20, bounded.WorkerDiedError, "ended the worker process (status 7)"),
        ("fail", 20, RuntimeError, "ValueError: no"),
        ("return_object", 20, RuntimeError, "PicklingError|AttributeError|UnpicklingError"),
    ],
)
def test_what_does_not_come_back_says_why(name, seconds, error, sentence):
    with pytest.raises(error, match=None) as caught:
        call(name, seconds=seconds)
    assert any(part in str(caught.value) for part in sentence.split("|"))
    assert call("echo", 1) == 1  # the next one finds a worker as well


def test_an_object_that_is_no_plain_data_is_not_made_here():
    with pytest.raises(Exception, match="not plain data"):
        call("return_class")


def test_a_worker_is_used_again(own_pool):
    assert call("process_id") == call("process_id")


def test_a_worker_sees_nothing_of_ours(own_pool, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_OF_TESTS", "sk-planted")
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        seen = call("surroundings")
        assert "sk-planted" not in str(seen)
        assert set(seen["environment"]) <= {
            *("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TZ")
        }
        assert str(tmp_path) not in str(seen["files"])
        assert seen["folder"] == "/"
        assert seen["django"] is False


def test_a_worker_that_gave_up_is_replaced(own_pool):
    first = call("process_id")
    os.kill(first, signal.SIGKILL)  # between two calls
    with pytest.raises(bounded.WorkerDiedError):
        call("process_id")
    assert call("process_id") != first


def test_threads_share_the_workers(own_pool):
    results = []
    threads = [
        threading.Thread(target=lambda number=number: results.append(call("echo", number)))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(20))
    assert len(own_pool._all) <= pool.WORKERS


def test_who_has_no_patience_is_told_that_all_are_busy(own_pool):
    threads = [threading.Thread(target=lambda: call("nap", 0.5)) for _ in range(pool.WORKERS)]
    for thread in threads:
        thread.start()
    while own_pool._turns.acquire(blocking=False):
        own_pool._turns.release()
        time.sleep(0.001)
    with (
        bounded.set_patience(0.01),
        pytest.raises(bounded.BusyError, match="try again in a moment"),
    ):
        call("echo", 1)
    for thread in threads:
        thread.join()
    assert call("echo", 1) == 1


async def _while_another_waits():
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with pytest.raises(bounded.TookTooLongError):
        await bounded.call_async(f"{HERE}:spin", seconds=0.3)
    ticking.cancel()
    return ticks


def test_the_event_loop_goes_on_meanwhile():
    assert asyncio.run(_while_another_waits()) > 10


async def _cancelled():
    waiting = [asyncio.create_task(bounded.call_async(f"{HERE}:nap", 30)) for _ in range(4)]
    await asyncio.sleep(0.1)
    for task in waiting:
        task.cancel()
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_a_cancelled_call_ends_its_worker(own_pool):
    started = time.monotonic()
    results = asyncio.run(_cancelled())
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert time.monotonic() - started < 10
    assert call("echo", 1) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_has_workers_of_its_own(own_pool):
    ours = call("process_id")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, str(call("process_id")).encode())
        finally:
            pool._pool.close()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    assert theirs.isdigit()
    assert int(theirs) != ours
    assert call("process_id") == ours


def test_it_is_plain_python():
    assert "tests.core.bounded_functions" not in sys.modules


def test_calls_share_an_allowance():
    with bounded.limit_allowance(0.3):
        for _ in range(20):
            assert call("echo", 1) == 1  # gives back what it did not take
        with pytest.raises(bounded.TookTooLongError, match=r"longer than 0\.2 s"):
            call("spin", seconds=0.2)
        with pytest.raises(bounded.TookTooLongError) as caught:
            call("spin", seconds=0.2)
        assert "0.2 s" not in str(caught.value)  # it had what the others left
        for refused in (lambda: call("echo", 1), bounded.check_allowance):
            with pytest.raises(bounded.TookTooLongError, match="total time limit was used up"):
                refused()
    assert call("echo", 1) == 1
    bounded.check_allowance()


def test_what_is_done_here_counts_against_the_allowance():
    with bounded.limit_allowance(1):
        bounded.use_up(0.9)
        bounded.check_allowance()
        bounded.use_up(0.2)
        with pytest.raises(bounded.TookTooLongError, match="used up"):
            call("echo", 1)
    bounded.use_up(5)  # nobody counts
    assert call("echo", 1) == 1


def test_an_allowance_within_another_is_its_own():
    with bounded.limit_allowance(1):
        with bounded.limit_allowance(0.1):
            bounded.use_up(1)
            with pytest.raises(bounded.TookTooLongError):
                bounded.check_allowance()
        assert call("echo", 1) == 1
