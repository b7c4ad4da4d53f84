"""Deliveries to a real receiver: tried again, claimed by one, given up, and sent again."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.db import connections
from django.test import override_settings

from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.services import deliveries, endpoints, outbox
from core.stopping import stop_request
from tests.support import ports
from tests.support.webhook_receiver import Receiver, Reply

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_waker(monkeypatch):
    """Deliver where a test says so, and nowhere else."""
    monkeypatch.setattr(outbox, "_wakers", [])


@pytest.fixture(autouse=True)
def _exact_waits(monkeypatch):
    monkeypatch.setattr(deliveries.random, "uniform", lambda low, _high: low)


def announce(count=1, **data):
    outbox.announce_many(
        event_type="label.moved", data=[{"number": n, **data} for n in range(count)]
    )


def one():
    return WebhookDelivery.objects.get()


def test_an_event_arrives_as_it_was_announced(receiver, create):
    create()
    announce(label="本番")
    assert deliveries.deliver_due() == 1
    [request] = receiver.received
    row = one()
    assert json.loads(request.body) == json.loads(row.body)
    assert json.loads(request.body)["data"] == {"number": 0, "label": "本番"}
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "AutoForge-Webhooks"
    assert request.headers["webhook-id"] == row.message_id
    assert request.headers["webhook-signature"].startswith("v1,")
    assert (row.status, row.attempts, row.last_status_code, row.claim) == ("delivered", 1, 204, "")
    assert deliveries.deliver_due() == 0
    assert deliveries.find_next_due() is None


def test_what_fails_is_tried_nine_times_in_three_days(receiver, create, clock):
    create()
    announce()
    receiver.script = [Reply(status=500, body=b"no")] * 9
    waits = []
    begin = clock.now = one().next_attempt_at
    for attempt in range(1, 10):
        assert deliveries.deliver_due(clock=clock) == 1, attempt
        row = one()
        assert (row.attempts, row.last_status_code, row.last_answer) == (attempt, 500, "no")
        waits.append((row.next_attempt_at - clock.now).total_seconds())
        clock.now = row.next_attempt_at - timedelta(milliseconds=1)
        assert deliveries.deliver_due(clock=clock) == 0
        clock.pass_by(milliseconds=1)
    assert tuple(waits[:-1]) == deliveries.DELAYS_SECONDS
    assert timedelta(days=2) < clock.now - begin < timedelta(days=3)
    assert row.status == "failed"
    clock.pass_by(days=30)
    assert deliveries.deliver_due(clock=clock) == 0
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1


def test_jitter_only_makes_it_later(receiver, create, clock, monkeypatch):
    monkeypatch.setattr(deliveries.random, "uniform", lambda _low, high: high)
    create()
    announce()
    receiver.script = [Reply(status=503)]
    clock.now = one().next_attempt_at
    deliveries.deliver_due(clock=clock)
    assert one().next_attempt_at - clock.now == timedelta(seconds=6)


NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
RETRY_AFTER = [
    ("", 5),
    ("soon", 5),
    ("1", 5),  # never sooner than by itself
    ("-7", 5),
    ("120", 120),
    ("9" * 30, 86400),  # never later than a day
    (format_datetime(NOON + timedelta(hours=1), usegmt=True), 3600),
    (format_datetime(NOON - timedelta(hours=1), usegmt=True), 5),
    ("Mon, 30 Nov 2026 12:10:00 -0000", 600),
    (format_datetime(NOON + timedelta(days=9), usegmt=True), 86400),
]


@pytest.mark.parametrize(("header", "seconds"), RETRY_AFTER)
def test_a_receiver_may_ask_for_a_longer_wait(receiver, create, clock, header, seconds):
    create()
    announce()
    WebhookDelivery.objects.update(next_attempt_at=NOON)
    clock.now = NOON
    receiver.script = [Reply(status=429, headers={"Retry-After": header})]
    deliveries.deliver_due(clock=clock)
    assert (one().next_attempt_at - NOON).total_seconds() == seconds


def test_one_that_has_failed_rests_for_a_minute(receiver, create, clock):
    create()
    announce(3)
    clock.now = WebhookDelivery.objects.first().next_attempt_at
    receiver.script = [Reply(status=500)]
    assert deliveries.deliver_due(clock=clock) == 1
    clock.pass_by(seconds=59)
    assert deliveries.deliver_due(clock=clock) == 1  # the one that failed, after 5 seconds
    clock.pass_by(seconds=1)
    assert deliveries.deliver_due(clock=clock) == 2
    assert sorted(WebhookDelivery.objects.values_list("attempts", flat=True)) == [1, 1, 2]


def test_gone_is_gone(receiver, create):
    create()
    announce(2)
    receiver.script = [Reply(status=410)]
    assert deliveries.deliver_due() == 1
    endpoint = WebhookEndpoint.objects.get()
    assert not endpoint.enabled
    assert endpoint.disabled_reason == "The endpoint answered 410 Gone: it wants no more events."
    assert sorted(row.status for row in WebhookDelivery.objects.all()) == ["failed", "pending"]
    announce()
    assert WebhookDelivery.objects.count() == 2
    assert deliveries.deliver_due() == 0
    assert deliveries.find_next_due() is None
    endpoints.edit_endpoint(endpoint_id=endpoint.pk, enabled=True)
    assert deliveries.deliver_due() == 1


def test_an_endpoint_that_fails_for_five_days_is_disabled(receiver, create, clock):
    create()
    announce(3)
    clock.now = WebhookDelivery.objects.first().next_attempt_at
    receiver.script = [Reply(status=500), Reply(), Reply(status=500)]
    begin = clock.now
    deliveries.deliver_due(clock=clock)
    assert WebhookEndpoint.objects.get().failing_since == begin
    clock.pass_by(days=4)
    deliveries.deliver_due(clock=clock)  # one is taken, the next one is not
    assert WebhookEndpoint.objects.get().failing_since == clock.now
    receiver.script = [Reply(status=500)] * 2
    clock.pass_by(days=4, hours=23)
    deliveries.deliver_due(clock=clock)
    assert WebhookEndpoint.objects.get().enabled
    clock.pass_by(hours=2)
    deliveries.deliver_due(clock=clock)
    endpoint = WebhookEndpoint.objects.get()
    assert not endpoint.enabled
    assert endpoint.disabled_reason == "No event has been accepted for 5 days."


def test_a_worker_that_dies_between_claim_and_sending_loses_nothing(receiver, create, clock):
    create()
    announce()
    clock.now = one().next_attempt_at
    assert deliveries._claim(one().pk, clock.now)
    assert deliveries.deliver_due(clock=clock) == 0
    clock.pass_by(seconds=61)
    assert deliveries.deliver_due(clock=clock) == 1
    assert (one().status, one().attempts) == ("delivered", 1)
    assert len(receiver.received) == 1


def test_a_worker_whose_claim_ran_out_writes_nothing(create, clock):
    create()
    announce()
    clock.now = one().next_attempt_at
    slow = deliveries._claim(one().pk, clock.now)
    clock.pass_by(seconds=61)
    assert deliveries._claim(one().pk, clock.now)
    deliveries._record(slow, deliveries.Answer(status=410, text=""), clock.now)
    assert (one().status, one().attempts) == ("pending", 0)
    assert WebhookEndpoint.objects.get().enabled


def test_what_was_claimed_meanwhile_is_left_alone(receiver, create):
    create()
    announce()
    stale = one()
    assert deliveries._claim(stale.pk, stale.next_attempt_at)
    assert not deliveries.deliver_now(delivery=stale)
    assert receiver.received == []


def test_twenty_workers_send_each_event_once(receiver, create):
    create()
    create("other")
    announce(60)
    barrier = threading.Barrier(20)

    def work(_number):
        barrier.wait()
        try:
            return deliveries.deliver_due()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(work, range(20))) == 120
    counts = Counter(request.headers["webhook-id"] for request in receiver.received)
    assert len(counts) == 120
    assert set(counts.values()) == {1}
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_one_that_is_down_keeps_no_other_waiting(receiver, create):
    create()
    with closing(Receiver()) as good:
        create("good", url=good.url)
        announce(3)
        receiver.script = [Reply(status=500)] * 3
        assert deliveries.deliver_due() == 4
        assert (len(receiver.received), len(good.received)) == (1, 3)


def test_a_rotation_signs_with_both_secrets_for_a_day(receiver, create, clock):
    made = create()
    endpoints.rotate_secret(endpoint_id=made.endpoint.pk)
    clock.now = WebhookEndpoint.objects.get().previous_secret_until - timedelta(seconds=1)
    announce()
    deliveries.deliver_due(clock=clock)
    clock.pass_by(seconds=1)
    announce()
    deliveries.deliver_due(clock=clock)
    counts = [len(request.headers["webhook-signature"].split()) for request in receiver.received]
    assert counts == [2, 1]


def test_a_secret_of_another_secret_key_is_told_and_waits_for_its_rotation(
    receiver, create, caplog
):
    made = create()
    announce()
    with override_settings(SECRET_KEY="x" * 50):
        deliveries.deliver_due()
        row = one()
        assert (row.status, row.last_status_code) == ("pending", None)
        assert row.last_answer.startswith("the secret cannot be read because SECRET_KEY has")
        endpoints.rotate_secret(endpoint_id=made.endpoint.pk)
        deliveries.redeliver([row.pk])
        assert deliveries.deliver_due() == 1
    assert len(receiver.received[0].headers["webhook-signature"].split()) == 1
    assert one().status == "delivered"


def test_sending_again_keeps_the_id(receiver, create):
    create()
    announce()
    deliveries.deliver_due()
    assert deliveries.redeliver([one().pk]) == 1
    row = one()
    assert (row.status, row.attempts) == ("pending", 0)
    assert deliveries.deliver_due() == 1
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_many_are_sent_again(create):
    create()
    announce(700)
    WebhookDelivery.objects.update(status="failed")
    keys = list(WebhookDelivery.objects.values_list("pk", flat=True))
    assert deliveries.redeliver(keys) == 700


def test_what_is_old_goes(create, clock):
    create()
    announce(600)
    kept = one_of = WebhookDelivery.objects.order_by("pk").first()
    clock.pass_by(days=29)
    assert deliveries.forget_old(clock=clock) == 0
    WebhookDelivery.objects.filter(pk=kept.pk).update(created_at=clock.now)
    clock.pass_by(days=2)
    assert deliveries.forget_old(clock=clock) == 599
    assert one() == one_of


def test_a_process_that_is_to_stop_ends_what_it_has_begun_and_leaves_the_rest(receiver, create):
    create()
    announce(count=4)
    receiver.script = [Reply(delay_seconds=0.5)]

    def ask() -> None:
        while not receiver.received:
            time.sleep(0.01)
        stop_request.ask()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert deliveries.deliver_due() == 1
    finally:
        thread.join()
        stop_request.forget()
    assert len(receiver.received) == 1
    assert deliveries.deliver_due() == 3  # by the next one, each once


def test_a_pass_ends_so_that_other_work_has_its_turn(receiver, create, monkeypatch):
    create()
    announce(3)
    monkeypatch.setattr(deliveries, "PASS_SECONDS", 0)
    assert deliveries.deliver_due() == 0
    assert deliveries.find_next_due() is not None


ANSWERS = [
    (Reply(status=200, body=b"x" * 5000), "delivered", 200, "x" * 2048),
    (Reply(status=299), "delivered", 299, ""),
    (Reply(status=301, headers={"Location": "/elsewhere"}), "pending", 301, ""),
    (Reply(status=307, headers={"Location": "http://169.254.169.254/"}), "pending", 307, ""),
    (Reply(status=404, body="なし".encode()), "pending", 404, "なし"),
    (Reply(status=500, body=b"a\x00b\xff"), "pending", 500, "ab�"),
    (
        Reply(status=500, body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
        "pending",
        500,
        None,
    ),
    (Reply(hangs_up=True), "pending", None, "no answer (ServerDisconnectedError)"),
    (Reply(delay_seconds=0.6), "pending", None, "no answer within 10 seconds"),
]


@pytest.mark.parametrize(("reply", "status", "code", "text"), ANSWERS, ids=range(len(ANSWERS)))
def test_what_comes_back_is_kept(receiver, create, monkeypatch, reply, status, code, text):
    monkeypatch.setattr("core.events.sending.TIMEOUT_SECONDS", 0.3 if reply.delay_seconds else 10)
    create()
    announce()
    receiver.script = [reply]
    deliveries.deliver_due()
    row = one()
    assert (row.status, row.last_status_code) == (status, code)
    if text is not None and not reply.delay_seconds:
        assert row.last_answer == text
    assert len(receiver.received) == 1  # no redirect is followed


def test_nobody_listens(create):
    create(url=f"http://127.0.0.1:{ports.free_port()}/secret-path")
    announce()
    deliveries.deliver_due()
    assert one().last_answer == "no answer (Connection refused)"


def test_a_certificate_that_nobody_vouches_for(create, tmp_path):
    with closing(Receiver()) as receiver:
        receiver.speak_tls(tmp_path)
        create(url=receiver.url.replace("http:", "https:"))
        announce()
        deliveries.deliver_due()
        assert "certificate verify failed: self-signed certificate" in one().last_answer
        assert receiver.received == []


def test_a_name_that_nobody_knows(create):
    create(url="https://name.that.is.not.known.invalid/hook")
    announce()
    deliveries.deliver_due()
    assert one().last_answer.startswith("no answer (")
    assert one().last_status_code is None


def test_an_address_that_came_to_be_refused_gets_nothing(receiver, create):
    create()
    create("named", url=receiver.url.replace("127.0.0.1", "localhost"))
    announce()
    with override_settings(WEBHOOK_ALLOWED_NETWORKS=""):
        deliveries.deliver_due()
    answers = set(WebhookDelivery.objects.values_list("last_answer", flat=True))
    assert len(answers) == 2
    assert all("an address of this machine itself" in answer for answer in answers)
    assert receiver.received == []


def test_a_name_that_is_bound_to_another_address_after_it_was_saved(receiver, create, monkeypatch):
    """DNS rebinding: what counts is the address that is connected to."""
    import socket

    real = socket.getaddrinfo
    address = ["1.1.1.1"]

    def resolve(host, port, *args, **kwargs):
        if host == "hooks.example.com":
            return real(address[0], port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with override_settings(WEBHOOK_ALLOWED_NETWORKS=""):
        create(url=f"https://hooks.example.com:{receiver.port}/hook")
        announce()
        address[0] = "127.0.0.1"
        deliveries.deliver_due()
        assert "hooks.example.com (127.0.0.1) is not allowed" in one().last_answer
    assert receiver.received == []


def test_a_fault_of_ours_counts_as_an_attempt(create, monkeypatch, caplog):
    create()
    announce()
    monkeypatch.setattr("core.events.sending.URL", lambda _url: 1 / 0)
    deliveries.deliver_due()
    assert (one().attempts, one().last_answer) == (1, "no answer (ZeroDivisionError)")
    assert "A webhook could not be sent" in caplog.text


def test_no_secret_is_logged(receiver, create, caplog):
    caplog.set_level("DEBUG")
    made = create()
    announce()
    receiver.script = [Reply(status=410)]
    deliveries.deliver_due()
    assert "was disabled" in caplog.text
    assert made.secret not in caplog.text
    assert made.secret not in repr(one().__dict__)
