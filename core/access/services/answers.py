"""Answers that a repeated request gets again, for a day."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from core.access.models import IdempotentAnswer
from core.services import delete_in_batches

__all__ = ["KEPT", "find_answer", "forget_answers", "list_old_answers", "store_answer"]

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


def list_old_answers() -> QuerySet[IdempotentAnswer]:
    """Return the answers that are too old to be repeated."""
    return IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).order_by()


def forget_answers() -> int:
    """Remove answers that are too old to be repeated; return how many."""
    return delete_in_batches(list_old_answers())
