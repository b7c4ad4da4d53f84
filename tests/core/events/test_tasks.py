"""Deliveries in the background: woken by a commit, coming back for retries, and cleaning up."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from autoforge.background import wait_until_idle
from core.events import tasks
from core.events.models import WebhookDelivery
from core.events.services import deliveries, outbox
from tests.support.webhook_receiver import Reply

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_earlier_arrangement(monkeypatch):
    monkeypatch.setattr(tasks, "_returns", [])
    monkeypatch.setattr(tasks, "_cleaned", [])
    yield
    wait_until_idle(10)


def wait_for(status):
    deadline = time.monotonic() + 10
    while set(WebhookDelivery.objects.values_list("status", flat=True)) != {status}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_commit_wakes_this_process(receiver, create):
    create()
    outbox.announce(event_type="label.moved", data={})
    receiver.wait_for(1)
    wait_for("delivered")


def test_a_retry_comes_by_itself(receiver, create, monkeypatch):
    monkeypatch.setattr(deliveries, "DELAYS_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(tasks, "SHORTEST_WAIT", timedelta(milliseconds=10))
    receiver.script = [Reply(status=500), Reply(status=500)]
    create()
    outbox.announce(event_type="label.moved", data={})
    receiver.wait_for(3)
    wait_for("delivered")


class Queue:
    """What a queue with workers is told."""

    def __init__(self, monkeypatch, settings, fails=False):
        settings.QUEUE = "redis"
        self.enqueued = []
        queue = self

        class Work:
            def using(self, *, run_after):
                queue.enqueued.append(run_after)
                return self

            def enqueue(self):
                if fails:
                    raise ConnectionError
                queue.enqueued.append("enqueued")

        monkeypatch.setattr(tasks, "deliver_webhooks", Work())


WAITS = [
    (timedelta(seconds=-5), 1),
    (timedelta(seconds=5), 5),
    (timedelta(seconds=59), 59),
    (timedelta(seconds=90), None),  # a worker looks every minute anyway
]


@pytest.mark.parametrize(("due_in", "seconds"), WAITS)
def test_a_queue_is_told_when_to_come_back(create, monkeypatch, settings, due_in, seconds):
    monkeypatch.setattr(outbox, "_wakers", [])
    monkeypatch.setattr(tasks, "deliver_due", lambda: 0)
    create()
    outbox.announce(event_type="label.moved", data={})
    queue = Queue(monkeypatch, settings)
    now = timezone.now()
    WebhookDelivery.objects.update(next_attempt_at=now + due_in)
    tasks.resume_deliveries()
    tasks.resume_deliveries()  # it is arranged already
    if seconds is None:
        assert queue.enqueued == []
        return
    when, word = queue.enqueued
    assert word == "enqueued"
    assert abs((when - now).total_seconds() - seconds) < 1


def test_nothing_waits(monkeypatch, settings):
    queue = Queue(monkeypatch, settings)
    tasks.resume_deliveries()
    assert queue.enqueued == []


def test_a_worker_leaves_cleaning_to_its_hour(settings):
    settings.QUEUE = "redis"
    tasks.deliver_webhooks.call()
    assert tasks._cleaned == []


def test_a_queue_that_is_away_loses_nothing(create, monkeypatch, settings, caplog):
    Queue(monkeypatch, settings, fails=True)
    create()
    outbox.announce(event_type="label.moved", data={})
    assert WebhookDelivery.objects.get().status == "pending"
    assert "The queue cannot be reached; webhooks wait for a worker" in caplog.text
    assert not tasks.enqueue_deliveries()


def test_old_deliveries_go_also_where_there_is_no_worker(create, monkeypatch):
    monkeypatch.setattr(outbox, "_wakers", [])
    create()
    outbox.announce_many(event_type="label.moved", data=[{}, {}])
    old = timezone.now() - timedelta(days=31)
    first, second = WebhookDelivery.objects.order_by("pk")
    rows = WebhookDelivery.objects
    rows.filter(pk=first.pk).update(created_at=old, status="failed")
    tasks.deliver_webhooks.call()
    assert list(rows.values_list("pk", flat=True)) == [second.pk]
    rows.update(created_at=old)
    tasks.deliver_webhooks.call()  # once a day is enough
    assert rows.exists()
    deliveries.forget_old()
    assert not rows.exists()
