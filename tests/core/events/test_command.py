"""`manage.py webhooks`."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.services import outbox
from tests.support.webhook_receiver import Reply

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_waker(monkeypatch):
    monkeypatch.setattr(outbox, "_wakers", [])


def test_list(create, receiver, capsys):
    create("one", url=f"{receiver.url}/secret-path")
    create("two", enabled=False)
    create("three")
    WebhookEndpoint.objects.filter(name="three").update(failing_since=timezone.now())
    call_command("webhooks", "list")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"one: enabled, 127.0.0.1:{receiver.port}, label.moved"
    assert second.startswith("three: failing since 20")
    assert third.startswith("two: disabled, ")


def test_a_test_event(create, receiver, capsys):
    create()
    receiver.script = [Reply(status=200, body=b"thank you"), Reply(status=500)]
    call_command("webhooks", "test", "team")
    assert capsys.readouterr().out == "200: thank you\n"
    with pytest.raises(CommandError, match="the endpoint team did not accept the test event"):
        call_command("webhooks", "test", "team")
    assert capsys.readouterr().out == "500\n"
    with pytest.raises(CommandError, match="there is no webhook endpoint named nobody"):
        call_command("webhooks", "test", "nobody")


def test_redeliver_and_deliver(create, receiver, capsys):
    create()
    outbox.announce_many(event_type="label.moved", data=[{}, {}])
    WebhookDelivery.objects.update(status="failed")
    call_command("webhooks", "deliver")
    call_command("webhooks", "redeliver", "team")
    call_command("webhooks", "deliver")
    said = capsys.readouterr().out.splitlines()
    assert said == ["0 sent", "2 deliveries of team are sent again", "2 sent"]
    assert len(receiver.received) == 2
