"""Signatures as Standard Webhooks defines them: HMAC-SHA256 over id, time and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from core.events.secrets import PREFIX

__all__ = ["make_headers"]


def make_headers(
    *, message_id: str, now: datetime, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers that let a receiver check who sent a body, and when.

    Args:
        message_id: the same in every attempt, so that a receiver can tell one that it has.
        now: the time of this attempt; receivers refuse what is older than some minutes.
        body: the bytes as they are sent.
        secrets: one, or two while a rotation overlaps: a receiver accepts either signature.
    """
    timestamp = str(int(now.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        digest = hmac.new(key, content, hashlib.sha256).digest()
        signatures.append(f"v1,{base64.b64encode(digest).decode()}")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
