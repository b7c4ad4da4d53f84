"""Endpoints: what is refused, which secret they have, and what people never see again."""

import base64
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone

from core.errors import InvalidInputError, NotFoundError
from core.events import secrets
from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.services import endpoints, outbox

FIELDS = {"name": "team", "url": "https://127.0.0.1:9/hook", "event_types": ["label.moved"]}
REFUSED = [
    ({"name": " "}, "name", "This field cannot be blank."),
    ({"url": ""}, "url", "This field cannot be blank."),
    ({"url": "ftp://example.com"}, "url", "the address must start with https://"),
    ({"url": "https://anna:pass@example.com"}, "url", "user name or password"),
    ({"url": "http://1.1.1.1/"}, "url", "the address must start with https://; http://"),
    ({"url": "https://169.254.169.254/"}, "url", "a link-local or metadata address"),
    ({"event_types": []}, "event_types", "choose at least one of these events:"),
    ({"event_types": ["song.sung"]}, "event_types", "choose at least one of these events:"),
    ({"event_types": "label.moved"}, "event_types", "must be a JSON list"),
    ({"secret": "mine"}, "secret", "unknown field; allowed fields: enabled, event_types, name"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("changes", "field", "message"), REFUSED)
def test_what_no_endpoint_may_be(changes, field, message):
    with pytest.raises(InvalidInputError) as refusal:
        endpoints.create_endpoint(**{**FIELDS, **changes})
    assert message in refusal.value.messages[field]
    endpoint = endpoints.create_endpoint(**FIELDS).endpoint
    with pytest.raises(InvalidInputError) as refusal:
        endpoints.edit_endpoint(endpoint_id=endpoint.pk, **changes)
    assert message in refusal.value.messages[field]


@pytest.mark.django_db
def test_what_is_not_named_is_not_checked():
    assert endpoints.check_endpoint({}) == {}
    assert endpoints.check_endpoint({"url": ""}) == {}


@pytest.mark.django_db
def test_a_secret_is_told_once_and_kept_encrypted():
    made = endpoints.create_endpoint(**FIELDS)
    assert made.secret.startswith("whsec_")
    assert len(base64.b64decode(made.secret.removeprefix("whsec_"))) == 32
    row = WebhookEndpoint.objects.get()
    assert secrets.decrypt_secret(row.secret) == made.secret
    for text in (repr(made), repr(made.endpoint), str(row.__dict__)):
        assert made.secret not in text
        assert made.secret.removeprefix("whsec_") not in text


@pytest.mark.django_db
@override_settings(SECRET_KEY="y" * 50)
def test_another_secret_key_reads_no_secret():
    stored = secrets.encrypt_secret(secrets.make_secret())
    with (
        override_settings(SECRET_KEY="z" * 50),
        pytest.raises(secrets.UnreadableSecretError, match="SECRET_KEY has changed"),
    ):
        secrets.decrypt_secret(stored)


@pytest.mark.django_db
def test_a_rotation_keeps_the_secret_before_for_a_day():
    first = endpoints.create_endpoint(**FIELDS)
    second = endpoints.rotate_secret(endpoint_id=first.endpoint.pk)
    assert second.secret != first.secret
    row = WebhookEndpoint.objects.get()
    assert secrets.decrypt_secret(row.secret) == second.secret
    assert secrets.decrypt_secret(row.previous_secret) == first.secret
    left = row.previous_secret_until - timezone.now()
    assert timedelta(hours=23, minutes=55) < left <= timedelta(hours=24)


@pytest.mark.django_db
def test_an_endpoint_that_is_enabled_again_begins_anew():
    endpoint = endpoints.create_endpoint(**FIELDS).endpoint
    now = timezone.now()
    WebhookEndpoint.objects.update(enabled=False, disabled_reason="gone", failing_since=now)
    endpoints.edit_endpoint(endpoint_id=endpoint.pk, name="renamed")
    row = WebhookEndpoint.objects.get()
    assert (row.name, row.disabled_reason, row.failing_since) == ("renamed", "gone", now)
    endpoints.edit_endpoint(endpoint_id=endpoint.pk, enabled=True)
    row = WebhookEndpoint.objects.get()
    assert (row.enabled, row.disabled_reason, row.failing_since) == (True, "", None)


@pytest.mark.django_db
def test_an_endpoint_goes_with_its_deliveries():
    endpoint = endpoints.create_endpoint(**FIELDS).endpoint
    outbox.announce(event_type="label.moved", data={})
    assert WebhookDelivery.objects.count() == 1
    assert endpoints.delete_endpoints([endpoint.pk, uuid4()]) == 1
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db
def test_no_endpoint():
    for service in (endpoints.edit_endpoint, endpoints.rotate_secret):
        with pytest.raises(NotFoundError, match="there is no webhook endpoint"):
            service(endpoint_id=uuid4())
