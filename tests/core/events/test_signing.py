"""Signatures, checked by the library that receivers use."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from core.events.secrets import make_secret
from core.events.signing import make_headers

BODY = '{"type":"label.moved","data":{"label":"本番"}}'.encode()


def sign(*secrets, now=None, body=BODY):
    now = now or datetime.now(UTC)
    return make_headers(message_id="msg_1", now=now, body=body, secrets=secrets)


def test_the_library_reads_what_is_signed():
    secret = make_secret()
    data = Webhook(secret).verify(BODY, sign(secret))
    assert data["data"] == {"label": "本番"}


def test_an_example_that_is_known():
    """Secret, id, time, body and signature as the specification's documents show them."""
    headers = make_headers(
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        now=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_rotation_overlaps_either_secret_reads_it():
    old, new, foreign = make_secret(), make_secret(), make_secret()
    headers = sign(new, old)
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(foreign).verify(BODY, headers)


WRONG = [
    ("another body", {}, BODY + b" "),
    ("another id", {"webhook-id": "msg_2"}, BODY),
    ("another time", {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) - 7)}, BODY),
    ("no signature", {"webhook-signature": ""}, BODY),
]


@pytest.mark.parametrize(("_what", "changes", "body"), WRONG)
def test_what_was_changed_is_seen(_what, changes, body):
    secret = make_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, sign(secret) | changes)


def test_an_old_attempt_is_refused_by_receivers():
    secret = make_secret()
    headers = sign(secret, now=datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, headers)


def test_the_zone_of_a_clock_does_not_matter():
    secret = make_secret()
    now = datetime.now(timezone(timedelta(hours=9)))
    assert Webhook(secret).verify(BODY, sign(secret, now=now))


def test_the_bytes_of_a_secret_are_what_base64_says():
    secret = make_secret()
    plain = base64.b64decode(secret.removeprefix("whsec_"))
    assert Webhook(plain).verify(BODY, sign(secret))
