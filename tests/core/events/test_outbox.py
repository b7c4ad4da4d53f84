"""What happened is written beside what changed: committed together, undone together."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from core.events import subscriptions
from core.events.models import WebhookDelivery
from core.events.services import endpoints, outbox
from core.events.types import list_event_types

TYPES = ["prompt.version.created", "label.moved"]


def create(name="team", **fields):
    fields = {"url": "https://127.0.0.1:9/hook", "event_types": ["label.moved"], **fields}
    return endpoints.create_endpoint(name=name, **fields).endpoint


@pytest.fixture
def wakes(monkeypatch):
    calls = []
    monkeypatch.setattr(outbox, "_wakers", [lambda: calls.append(connection.in_atomic_block)])
    return calls


@pytest.mark.django_db
def test_an_event_is_a_delivery_for_each_endpoint_that_is_told_of_it():
    told = {create("one").pk, create("two", event_types=TYPES).pk}
    create("other", event_types=["prompt.version.created"])
    create("off", enabled=False)
    outbox.announce(event_type="label.moved", data={"label": "本番", "after": 2})
    rows = list(WebhookDelivery.objects.all())
    assert {row.endpoint_id for row in rows} == told
    body = json.loads(rows[0].body)
    assert (rows[0].event_type, rows[0].status, rows[0].attempts) == ("label.moved", "pending", 0)
    assert body["type"] == "label.moved"
    assert body["data"] == {"label": "本番", "after": 2}
    assert body["timestamp"].endswith("Z")
    assert rows[0].message_id == str(rows[0]) == f"msg_{rows[0].pk.hex}"


@pytest.mark.django_db
def test_nobody_subscribed_is_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        outbox.announce(event_type="label.moved", data={"a": 1})
        outbox.announce_many(event_type="label.moved", data=[])


@pytest.mark.django_db
def test_a_process_asks_again_after_two_seconds(django_assert_num_queries, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(subscriptions.time, "monotonic", lambda: now[0])
    subscriptions.forget_subscriptions()
    with django_assert_num_queries(1):
        assert not subscriptions.is_anybody_subscribed("label.moved")
        now[0] += 1.9
        assert not subscriptions.is_anybody_subscribed("label.moved")
    # As another process writes it: nobody here is told.
    endpoint = create()
    endpoint.__class__.objects.filter(pk=endpoint.pk).update(enabled=True)
    monkeypatch.setattr(subscriptions, "_memory", (now[0] + 0.2, frozenset()))
    assert not subscriptions.is_anybody_subscribed("label.moved")
    now[0] += 0.3
    assert subscriptions.is_anybody_subscribed("label.moved")


@pytest.mark.django_db
def test_a_memory_of_endpoints_that_are_gone_does_no_harm():
    endpoint = create()
    outbox.announce(event_type="label.moved", data={})
    memory = subscriptions._memory
    endpoints.delete_endpoints([endpoint.pk])
    subscriptions._memory = memory
    outbox.announce(event_type="label.moved", data={})
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db
def test_many_events_take_few_statements():
    create("one")
    create("two")
    outbox.announce(event_type="label.moved", data={})
    data = [{"number": number} for number in range(1000)]
    with CaptureQueriesContext(connection) as queries:
        outbox.announce_many(event_type="label.moved", data=data)
    assert WebhookDelivery.objects.count() == 2002
    assert len(queries) <= 30  # SQLite takes 71 such rows in a statement


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_is_not_sent(wakes):
    create()
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.announce(event_type="label.moved", data={})
        raise RuntimeError
    assert not WebhookDelivery.objects.exists()
    assert wakes == []
    outbox.announce(event_type="label.moved", data={})
    assert wakes == [False]


@pytest.mark.django_db(transaction=True)
def test_the_queue_is_woken_once_after_each_commit(wakes):
    create()
    for _ in range(2):
        with transaction.atomic():
            for number in range(5):
                outbox.announce(event_type="label.moved", data={"number": number})
            with pytest.raises(RuntimeError), transaction.atomic():
                outbox.announce(event_type="label.moved", data={})
                raise RuntimeError
        assert WebhookDelivery.objects.count() in (5, 10)
    assert len(wakes) == 2


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_announced_alone_takes_its_bell_along(wakes):
    create()
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            outbox.announce(event_type="label.moved", data={})
            raise RuntimeError
        outbox.announce(event_type="label.moved", data={})
    assert wakes == [False]


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_announce_at_once(wakes):
    create()
    barrier = threading.Barrier(20)

    def announce(number):
        barrier.wait()
        try:
            with transaction.atomic():
                outbox.announce(event_type="label.moved", data={"number": number})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(announce, range(20)))
    bodies = WebhookDelivery.objects.values_list("body", flat=True)
    assert sorted(json.loads(body)["data"]["number"] for body in bodies) == list(range(20))
    assert len(wakes) == 20


@pytest.mark.django_db
def test_a_test_event_is_sent_to_its_endpoint_alone():
    endpoint = create()
    create("other")
    delivery = outbox.send_test_event(endpoint=endpoint, actor="anna")
    assert delivery.endpoint == endpoint
    assert json.loads(delivery.body)["data"] == {"endpoint": "team", "actor": "anna"}
    assert WebhookDelivery.objects.get().event_type == "webhook.test"
    assert "webhook.test" not in list_event_types()


def test_a_waker_takes_the_place_of_the_one_before(monkeypatch):
    monkeypatch.setattr(outbox, "_wakers", [])
    outbox.wake_with(len)
    outbox.wake_with(max)
    assert outbox._wakers == [max]
