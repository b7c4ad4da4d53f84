"""Webhooks in a real browser: an endpoint is made, its secret read once, a test event sent."""

import json
from contextlib import closing

import pytest

from autoforge.background import wait_until_idle
from core.events.models import WebhookEndpoint
from core.events.secrets import decrypt_secret
from tests.support.webhook_receiver import Receiver, Reply

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]


def test_from_the_form_to_the_answer(owner, open_browser):
    with closing(Receiver(Reply(status=200, body=b"thank you"))) as receiver:
        view = open_browser()
        view.enter(owner)
        view.go("/admin/events/webhookendpoint/add/")
        view.page.fill("[name=name]", "team")
        view.page.fill("[name=url]", receiver.url)
        view.page.check("[name=event_types][value='label.moved']")
        view.page.click("[name=_save]")
        shown = view.page.input_value("input[readonly]")
        assert shown == decrypt_secret(WebhookEndpoint.objects.get().secret)
        view.page.click("text=← team")
        assert shown not in view.page.content()
        view.page.click("text=Send a test event")
        receiver.wait_for(1)
        wait_until_idle(20)
        view.page.reload()
        text = view.page.inner_text("main, #main, body")
        assert "webhook.test" in text
        assert "thank you" in text
        assert json.loads(receiver.received[0].body)["data"]["actor"] == "owner"
        assert view.faults == []
