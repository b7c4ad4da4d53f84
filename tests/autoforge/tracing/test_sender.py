"""The queue before a collector: nothing blocks, what is lost is counted, the end is bounded."""

import logging
import os
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest

from autoforge.tracing import spans
from autoforge.tracing.destinations import Destination
from autoforge.tracing.sender import Limits, Sender, close_all
from evaluations.observing import ObservedRun
from tests.support.fake_collector import FakeCollector, Reply, wait_until

QUICK = Limits(pause_seconds=0.01, timeout_seconds=2.0, waits_seconds=(0.01, 0.01))
PATIENT = replace(QUICK, waits_seconds=(0.05,) * 200)
RESOURCE = spans.Resource(service="autoforge", version="1", environment="local")


class Protobuf:
    """Writes spans of runs, as the observer does."""

    def encode(self, items: Sequence[ObservedRun]) -> bytes:
        return spans.encode(items, RESOURCE, with_messages=False)

    def count_rejected(self, content: bytes) -> int:
        return spans.count_rejected(content)


class Broken(Protobuf):
    """Cannot write the first batch."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, items: Sequence[ObservedRun]) -> bytes:
        self.calls += 1
        if self.calls == 1:
            raise ValueError("of ours")
        return super().encode(items)


def item(number: int = 0) -> ObservedRun:
    now = time.time()
    return ObservedRun(
        run_id=uuid4(),
        name=f"run {number}",
        status="completed",
        message="",
        started_at=now - 1,
        finished_at=now,
    )


def make_sender(url: str, limits: Limits = QUICK, form: Protobuf | None = None):
    destination = Destination(name="the collector", url=f"{url}/v1/traces")
    return Sender(destination, form or Protobuf(), limits)


@pytest.fixture
def collector():
    with closing(FakeCollector()) as server:
        yield server


@pytest.fixture
def silent_port():
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


def counts(sender: Sender[ObservedRun]) -> tuple[int, int]:
    return sender.counts.sent, sender.counts.dropped


def test_a_thousand_items_go_in_a_few_requests(collector):
    sender = make_sender(collector.url)
    for number in range(1000):
        sender.put(item(number))
    close_all([sender])
    assert counts(sender) == (1000, 0)
    assert sorted(span.name for span in collector.spans) == sorted(
        f"run run {number}" for number in range(1000)
    )
    assert len(collector.requests) < 20
    for path, headers in collector.requests:
        assert path == "/v1/traces"
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["content-encoding"] == "gzip"


def test_what_does_not_fit_is_dropped_and_counted_and_nobody_waits(collector):
    collector.script = [Reply(hangs=True)]
    sender = make_sender(collector.url, replace(QUICK, items=50, close_seconds=0.2))
    sender.put(item())
    wait_until(lambda: collector.requests)
    began = time.monotonic()
    for number in range(1000):
        sender.put(item(number))
    assert time.monotonic() - began < 1
    assert counts(sender) == (0, 950)
    began = time.monotonic()
    close_all([sender])
    assert time.monotonic() - began < 2
    assert counts(sender) == (0, 1000)


def test_long_texts_fill_the_queue_as_well(collector):
    collector.script = [Reply(hangs=True)]
    sender = make_sender(collector.url, replace(QUICK, characters=100, close_seconds=0.1))
    sender.put(item(), 60)
    wait_until(lambda: collector.requests)
    for _ in range(3):
        sender.put(item(), 60)
    assert counts(sender) == (0, 2)
    close_all([sender])


def test_a_batch_of_long_texts_is_divided(collector):
    sender = make_sender(collector.url, replace(QUICK, pause_seconds=60, batch_characters=100))
    for number in range(5):
        sender.put(item(number), 60)
    close_all([sender])
    assert counts(sender) == (5, 0)
    assert len(collector.requests) == 5


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_is_busy_is_asked_again(collector, status):
    collector.script = [Reply(status=status, headers={"Retry-After": "0"}), Reply(status=status)]
    sender = make_sender(collector.url)
    sender.put(item())
    wait_until(lambda: sender.counts.sent)
    assert len(collector.requests) == 3
    assert collector.bodies[0] == collector.bodies[2]
    close_all([sender])
    assert counts(sender) == (1, 0)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 413, 500])
def test_a_collector_that_refuses_is_not_asked_again(collector, caplog, status):
    collector.script = [Reply(status=status, headers={"Location": f"{collector.url}/else"})]
    sender = make_sender(collector.url)
    sender.put(item())
    wait_until(lambda: sender.counts.dropped)
    close_all([sender])
    assert len(collector.requests) == 1
    [record] = caplog.records
    assert record.getMessage() == (
        f"Traces cannot be sent to the collector ({collector.url}/v1/traces): it answered with "
        f"HTTP {status}; 0 waiting, 1 dropped so far"
    )


def test_spans_that_were_not_taken_are_counted(collector, caplog):
    collector.script = [Reply(rejected=2)]
    sender = make_sender(collector.url, replace(QUICK, pause_seconds=60))
    for number in range(5):
        sender.put(item(number))
    close_all([sender])
    assert counts(sender) == (3, 2)
    assert "it did not take all of a batch; 0 waiting, 2 dropped" in caplog.text


def test_an_answer_that_is_no_protobuf_is_taken_as_it_is():
    assert spans.count_rejected(b"\xff\xff\xff") == 0


def test_one_sentence_while_it_is_away_and_one_when_it_is_back(silent_port, caplog):
    caplog.set_level(logging.INFO, logger="autoforge.tracing")
    sender = make_sender(f"http://127.0.0.1:{silent_port}", PATIENT)
    sender.put(item())
    wait_until(lambda: caplog.records)
    time.sleep(0.3)  # several more attempts
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "Connection refused; 0 waiting, 0 dropped so far" in record.getMessage()
    close_all([sender])
    assert counts(sender) == (0, 1)


def test_it_is_said_when_the_collector_is_back(collector, caplog):
    caplog.set_level(logging.INFO, logger="autoforge.tracing")
    collector.script = [Reply(status=503)]
    sender = make_sender(collector.url)
    sender.put(item())
    wait_until(lambda: sender.counts.sent)
    close_all([sender])
    messages = [record.getMessage() for record in caplog.records]
    assert messages[1:] == ["Traces are sent to the collector again"]


def test_a_collector_that_is_away_costs_batch_after_batch(silent_port, caplog):
    sender = make_sender(f"http://127.0.0.1:{silent_port}")
    for number in range(1000):
        sender.put(item(number))
    wait_until(lambda: sender.counts.dropped == 1000)
    close_all([sender])
    assert counts(sender) == (0, 1000)
    assert len(caplog.records) == 1


def test_a_slow_collector_gets_everything_in_time(collector):
    collector.script = [Reply(delay_seconds=0.2) for _ in range(4)]
    sender = make_sender(collector.url)
    began = time.monotonic()
    for number in range(1000):
        sender.put(item(number))
    assert time.monotonic() - began < 0.5
    close_all([sender])
    assert counts(sender) == (1000, 0)


def test_a_collector_that_hangs_is_left_after_the_timeout(collector, caplog):
    collector.script = [Reply(hangs=True)]
    sender = make_sender(collector.url, replace(QUICK, timeout_seconds=0.2))
    sender.put(item())
    wait_until(lambda: sender.counts.sent)
    assert "it did not answer in time" in caplog.text
    close_all([sender])


def test_the_end_waits_no_longer_than_it_may_for_all_together(collector, caplog):
    collector.script = [Reply(hangs=True) for _ in range(2)]
    limits = replace(QUICK, timeout_seconds=30, close_seconds=0.5)
    both = [make_sender(collector.url, limits) for _ in range(2)]
    for sender in both:
        sender.put(item())
    wait_until(lambda: len(collector.requests) == 2)
    for sender in both:
        sender.put(item())
    began = time.monotonic()
    close_all(both)
    assert 0.4 < time.monotonic() - began < 3
    # The first ones are still on their way: whether they arrived, nobody knows.
    assert [counts(sender) for sender in both] == [(0, 1), (0, 1)]
    assert "the process has ended" in caplog.text


def test_after_the_end_nothing_is_taken(collector):
    sender = make_sender(collector.url)
    close_all([sender])
    sender.put(item())
    assert counts(sender) == (0, 1)
    close_all([])


def test_a_fault_of_ours_costs_one_batch(collector, caplog):
    sender = make_sender(collector.url, form=Broken())
    sender.put(item())
    wait_until(lambda: sender.counts.dropped)
    sender.put(item())
    wait_until(lambda: sender.counts.sent)
    close_all([sender])
    assert counts(sender) == (1, 1)
    assert "Traces could not be written" in caplog.text


# Later versions of Python warn of any fork with threads, as a server that forks does.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_was_forked_has_a_queue_of_its_own(collector):
    sender = make_sender(collector.url)
    sender.put(item())
    wait_until(lambda: sender.counts.sent)
    child = os.fork()
    if child == 0:
        sender.put(item())
        close_all([sender])
        os._exit(0 if counts(sender) == (1, 0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    wait_until(lambda: len(collector.spans) == 2)
    close_all([sender])
    assert counts(sender) == (1, 0)
