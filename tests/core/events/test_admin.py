"""Pages of webhooks: the secret on one page and on no other, the log, and who may see it."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from core.events import secrets
from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.services import deliveries, endpoints, outbox
from tests.support.webhook_receiver import Reply

pytestmark = pytest.mark.django_db

LIST = "admin:events_webhookendpoint_changelist"
ADD = "admin:events_webhookendpoint_add"
LOG = "admin:events_webhookdelivery_changelist"
SECRET = re.compile(r"whsec_[\w+/=]+")


@pytest.fixture(autouse=True)
def _no_waker(monkeypatch):
    monkeypatch.setattr(outbox, "_wakers", [])


@pytest.fixture
def administrator(client):
    user = User.objects.create_user("boss", password="boss-pass", is_staff=True)
    user.groups.add(Group.objects.get(name="Administrator"))
    client.force_login(user)
    return client


def change(endpoint):
    return reverse("admin:events_webhookendpoint_change", args=[endpoint.pk])


def button(endpoint, name):
    return reverse(f"admin:events_webhookendpoint_{name}", args=[endpoint.pk])


def form(receiver, **fields):
    return {
        "name": "team",
        "url": receiver.url,
        "event_types": ["label.moved"],
        "enabled": "on",
    } | fields


def test_the_secret_is_on_the_page_that_answers_and_on_no_other(administrator, receiver):
    page = administrator.post(reverse(ADD), form(receiver))
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert "autoforge-saved" in page.cookies
    [secret] = SECRET.findall(page.content.decode())
    endpoint = WebhookEndpoint.objects.get()
    assert secrets.decrypt_secret(endpoint.secret) == secret
    outbox.announce(event_type="label.moved", data={})
    deliveries.deliver_due()
    delivery = reverse(
        "admin:events_webhookdelivery_change", args=[WebhookDelivery.objects.get().pk]
    )
    history = reverse("admin:events_webhookendpoint_history", args=[endpoint.pk])
    for address in (reverse(LIST), change(endpoint), reverse(LOG), delivery, history, reverse(ADD)):
        page = administrator.get(address)
        assert page.status_code == 200, address
        assert "whsec_" not in page.content.decode()
        assert endpoint.secret not in page.content.decode()


def test_what_is_wrong_is_said_at_its_field(administrator, receiver):
    wrong = {"url": "https://169.254.169.254/", "event_types": ["song.sung"]}
    page = administrator.post(reverse(ADD), form(receiver, **wrong)).content.decode()
    assert "169.254.169.254 is not allowed: it is a link-local or metadata address" in page
    assert "song.sung is not one of the available choices" in page
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_edited_and_deleted(administrator, receiver, create):
    endpoint = create().endpoint
    types = ["gate.refused", "run.finished"]
    page = administrator.post(change(endpoint), form(receiver, name="other", event_types=types))
    assert page.status_code == 302
    row = WebhookEndpoint.objects.get()
    assert (row.name, row.event_types, row.secret) == ("other", types, endpoint.secret)
    page = administrator.get(reverse(LIST)).content.decode()
    assert "gate.refused, run.finished" in page
    delete = reverse("admin:events_webhookendpoint_delete", args=[endpoint.pk])
    assert administrator.post(delete, {"post": "yes"}).status_code == 302
    assert not WebhookEndpoint.objects.exists()


def test_the_secret_is_rotated(administrator, create):
    made = create()
    assert administrator.get(button(made.endpoint, "rotate")).status_code == 405
    page = administrator.post(button(made.endpoint, "rotate"))
    [secret] = SECRET.findall(page.content.decode())
    assert secret != made.secret
    page = administrator.get(change(made.endpoint)).content.decode()
    assert "The previous secret is valid until" in page
    assert secret not in page
    WebhookEndpoint.objects.update(previous_secret_until=timezone.now())
    assert "Rotate it if it is lost" in administrator.get(change(made.endpoint)).content.decode()


def test_a_test_event_is_sent(administrator, receiver, create):
    endpoint = create().endpoint
    assert administrator.get(button(endpoint, "test")).status_code == 405
    page = administrator.post(button(endpoint, "test"))
    receiver.script = [Reply(status=202, body=b"thank you")]
    assert deliveries.deliver_due() == 1
    text = administrator.get(page.url).content.decode()
    assert "webhook.test" in text
    assert "thank you" in text
    endpoints.edit_endpoint(endpoint_id=endpoint.pk, enabled=False)
    page = administrator.post(button(endpoint, "test"), follow=True)
    assert "Enable the endpoint first" in page.content.decode()
    assert WebhookDelivery.objects.count() == 1


STATES = [
    ({}, "enabled"),
    ({"enabled": False}, "disabled"),
    ({"enabled": False, "disabled_reason": "It is gone."}, "disabled: It is gone."),
    ({"failing_since": timezone.now()}, "failing since"),
]


@pytest.mark.parametrize(("fields", "text"), STATES)
def test_a_state_is_said(administrator, create, fields, text):
    endpoint = create().endpoint
    WebhookEndpoint.objects.update(**fields)
    for address in (reverse(LIST), change(endpoint)):
        assert text in administrator.get(address).content.decode()


def test_a_secret_that_cannot_be_read_is_said(administrator, create):
    endpoint = create().endpoint
    WebhookEndpoint.objects.update(secret="x")
    page = administrator.get(change(endpoint)).content.decode()
    assert "the secret cannot be read because SECRET_KEY has changed" in page


def test_the_log_is_filtered_and_sent_again(administrator, receiver, create):
    endpoint = create().endpoint
    outbox.announce_many(event_type="label.moved", data=[{}, {}])
    outbox.send_test_event(endpoint=endpoint)
    deliveries.deliver_due()
    rows = WebhookDelivery.objects.all()
    for query, count in (
        ("", 3),
        ("?event_type=webhook.test", 1),
        ("?event_type=label.moved", 2),
        ("?event_type=run.finished", 0),
        ("?status__exact=delivered", 3),
        ("?status__exact=failed", 0),
        (f"?endpoint__id__exact={endpoint.pk}", 3),
    ):
        page = administrator.get(reverse(LOG) + query)
        assert page.status_code == 200
        assert len(page.context["cl"].result_list) == count, query
    keys = [str(row.pk) for row in rows.filter(event_type="label.moved")]
    data = {"action": "redeliver", "_selected_action": keys}
    page = administrator.post(reverse(LOG), data, follow=True)
    assert "2 deliveries are sent again." in page.content.decode()
    assert rows.filter(status="pending").count() == 2
    assert deliveries.deliver_due() == 2
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 3
    assert len(receiver.received) == 5


def test_the_log_is_read_only(administrator, create):
    create()
    outbox.announce(event_type="label.moved", data={})
    row = WebhookDelivery.objects.get()
    address = reverse("admin:events_webhookdelivery_change", args=[row.pk])
    administrator.post(address, {"status": "delivered", "body": "{}", "last_answer": "x"})
    after = WebhookDelivery.objects.get()
    assert (after.status, after.body, after.last_answer) == ("pending", row.body, "")
    assert administrator.get(reverse("admin:events_webhookdelivery_add")).status_code == 403
    delete = reverse("admin:events_webhookdelivery_delete", args=[row.pk])
    assert administrator.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Publisher"])
def test_others_see_nothing(client, create, role):
    endpoint = create().endpoint
    outbox.announce(event_type="label.moved", data={})
    user = User.objects.create_user("other", password="other-pass", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    delivery = reverse(
        "admin:events_webhookdelivery_change", args=[WebhookDelivery.objects.get().pk]
    )
    for address in (reverse(LIST), reverse(LOG), reverse(ADD), change(endpoint), delivery):
        assert client.get(address).status_code == 403
    for name in ("test", "rotate"):
        assert client.post(button(endpoint, name)).status_code == 403


def test_the_pages_in_japanese(administrator, receiver):
    with override_settings(LANGUAGE_CODE="ja"):
        headers = {"Accept-Language": "ja"}
        page = administrator.post(reverse(ADD), form(receiver), headers=headers).content.decode()
        assert "再表示はできません" in page
        endpoint = WebhookEndpoint.objects.get()
        page = administrator.get(change(endpoint), headers=headers).content.decode()
        assert "テストイベントを送信" in page
        assert "ラベルを移動した、戻した、または外したとき" in page
