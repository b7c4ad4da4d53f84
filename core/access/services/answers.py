"""Answers that a repeated request gets again, for a day."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.utils import timezone

from core.access.models import IdempotentAnswer

__all__ = ["KEPT", "find_answer", "forget_answers", "store_answer"]

KEPT: Final = timedelta(hours=24)


def find_answer(*, caller: str, key: str) -> IdempotentAnswer | None:
    """Return what a caller's request of that key was answered; one that is too old goes."""
    row = IdempotentAnswer.objects.filter(caller=caller, key=key).first()
    if row is not None and row.created_at < timezone.now() - KEPT:
        row.delete()
        return None
    return row


def store_answer(
    *,
    caller: str,
    key: str,
    fingerprint: str,
    status: int,
    headers: Mapping[str, str],
    body: str,
) -> IdempotentAnswer:
    """Keep an answer, in the transaction of the work that it tells of."""
    return IdempotentAnswer.objects.create(
        caller=caller,
        key=key,
        fingerprint=fingerprint,
        status=status,
        headers=json.dumps(dict(headers)),
        body=body,
    )


def forget_answers() -> int:
    """Remove answers that are too old to be repeated; return how many."""
    rows = IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT)
    count, _by_model = rows.delete()
    return count
