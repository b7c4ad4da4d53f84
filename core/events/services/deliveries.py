"""Deliveries: taken by one worker, sent, and tried again until the endpoint accepts them.

A worker claims a delivery by moving its next attempt a minute on; whoever else comes finds it not
due. A worker that dies leaves it to be due again, so that an event may arrive twice, never not at
all: its id tells the receiver.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID, uuid4

from django.db import connections, transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.secrets import UnreadableSecretError, decrypt_secret
from core.events.sending import Answer, post
from core.events.services.outbox import wake_after_commit
from core.events.signing import make_headers
from core.events.subscriptions import forget_subscriptions
from core.stopping import stop_request

__all__ = [
    "KEPT",
    "attempt_recorded",
    "deliver_due",
    "deliver_now",
    "find_next_due",
    "forget_old",
    "list_old",
    "redeliver",
]

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

CLAIMED_FOR: Final = timedelta(minutes=1)  # six times what an attempt may take
# Seconds until the next attempt after each failure: some three days in all, then it has failed.
DELAYS_SECONDS: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000)
JITTER: Final = 0.2  # so that what failed together does not come back together
LONGEST_WAIT: Final = timedelta(hours=24)  # that a receiver may ask for
DISABLED_AFTER: Final = timedelta(days=5)  # of failures alone
KEPT: Final = timedelta(days=30)
RESTS_FOR: Final = timedelta(minutes=1)
PASS_SECONDS: Final = 30  # then other work of the queue has its turn
ENDPOINTS_AT_A_TIME: Final = 8
CANDIDATES: Final = 20
ROWS_A_STATEMENT: Final = 500

attempt_recorded: Final = Signal()
"""Sent after each attempt that counts, with its `outcome`: delivered, retried or failed."""
OUTCOMES: Final[dict[object, str]] = {
    WebhookDelivery.Status.DELIVERED: "delivered",
    WebhookDelivery.Status.FAILED: "failed",
}


def deliver_due(*, clock: Clock = timezone.now) -> int:
    """Send what is due; return how many attempts were made.

    Each endpoint has a thread of its own: one that does not answer keeps no other waiting. After
    a failure the rest of its deliveries wait for a minute.
    """
    endpoint_ids = list(_due(clock()).order_by().values_list("endpoint", flat=True).distinct())
    deadline = time.monotonic() + PASS_SECONDS
    if len(endpoint_ids) < 2:
        return sum(_deliver_to(endpoint_id, clock, deadline) for endpoint_id in endpoint_ids)

    def deliver(endpoint_id: UUID) -> int:
        try:
            return _deliver_to(endpoint_id, clock, deadline)
        finally:
            connections.close_all()  # of this thread

    workers = min(len(endpoint_ids), ENDPOINTS_AT_A_TIME)
    with ThreadPoolExecutor(workers, thread_name_prefix="webhooks") as pool:
        return sum(pool.map(deliver, endpoint_ids))


def _due(now: datetime) -> QuerySet[WebhookDelivery]:
    pending = WebhookDelivery.objects.filter(status=WebhookDelivery.Status.PENDING)
    return pending.filter(next_attempt_at__lte=now, endpoint__enabled=True)


def _deliver_to(endpoint_id: UUID, clock: Clock, deadline: float) -> int:
    attempts = 0
    for delivery in _claim_each(endpoint_id, clock, deadline):
        attempts += 1
        if not _attempt(delivery, clock):
            _let_rest(delivery, clock())
            break
    return attempts


def _let_rest(failed: WebhookDelivery, now: datetime) -> None:
    """Move on what else is due to an endpoint that has just failed; no attempt is counted."""
    rows = WebhookDelivery.objects.filter(
        endpoint=failed.endpoint_id,
        status=WebhookDelivery.Status.PENDING,
        next_attempt_at__lte=now,
    )
    # The one that failed has its own time, which may have come by now.
    rows.exclude(pk=failed.pk).update(next_attempt_at=now + RESTS_FOR)


def _claim_each(endpoint_id: UUID, clock: Clock, deadline: float) -> Iterator[WebhookDelivery]:
    """Yield what is due to an endpoint, each as it is when it is this worker's."""
    while True:
        rows = _due(clock()).filter(endpoint=endpoint_id).order_by("next_attempt_at")
        keys = list(rows.values_list("pk", flat=True)[:CANDIDATES])
        if not keys:
            return
        for key in keys:
            if time.monotonic() >= deadline or stop_request.is_asked:
                return
            delivery = _claim(key, clock())
            if delivery is not None:
                yield delivery


def _claim(key: UUID, now: datetime) -> WebhookDelivery | None:
    """Take a delivery and return it, with its endpoint; None: somebody was quicker.

    One statement decides. Whoever was quicker has moved it on, so that it is not due any more.
    """
    claim = uuid4().hex
    still_due = WebhookDelivery.objects.filter(
        pk=key, status=WebhookDelivery.Status.PENDING, next_attempt_at__lte=now
    )
    if not still_due.update(claim=claim, next_attempt_at=now + CLAIMED_FOR):
        return None
    # Read afterwards: what others have written about it and its endpoint counts.
    rows = WebhookDelivery.objects.select_related("endpoint")
    return rows.filter(pk=key, claim=claim).first()


def _attempt(delivery: WebhookDelivery, clock: Clock) -> bool:
    """Send a delivery that is claimed; return whether the endpoint accepted it."""
    body = delivery.body.encode()
    now = clock()
    try:
        secrets = _list_secrets(delivery.endpoint, now)
    except UnreadableSecretError as error:
        answer = Answer(status=None, text=str(error))
    else:
        headers = make_headers(message_id=delivery.message_id, now=now, body=body, secrets=secrets)
        answer = post(url=delivery.endpoint.url, headers=headers, body=body)
    _record(delivery, answer, clock())
    return answer.is_accepted


def _list_secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Return what signs: the secret, and the one before it while a rotation overlaps.

    Raises:
        UnreadableSecretError: SECRET_KEY has changed.
    """
    secrets = [decrypt_secret(endpoint.secret)]
    until = endpoint.previous_secret_until
    if until is not None and now < until:
        try:
            secrets.append(decrypt_secret(endpoint.previous_secret))
        except UnreadableSecretError:
            logger.info("The previous secret of a webhook endpoint cannot be read")
    return secrets


@transaction.atomic
def _record(delivery: WebhookDelivery, answer: Answer, now: datetime) -> None:
    """Write what became of an attempt; a claim that was lost is somebody else's."""
    fields: dict[str, object] = {
        "claim": "",
        "attempts": delivery.attempts + 1,
        "last_status_code": answer.status,
        "last_answer": answer.text,
        "last_attempt_at": now,
    }
    if answer.is_accepted:
        fields["status"] = WebhookDelivery.Status.DELIVERED
    elif answer.status == HTTPStatus.GONE or delivery.attempts >= len(DELAYS_SECONDS):
        fields["status"] = WebhookDelivery.Status.FAILED
    else:
        fields["next_attempt_at"] = now + _find_wait(delivery.attempts, answer.retry_after, now)
    claimed = WebhookDelivery.objects.filter(pk=delivery.pk, claim=delivery.claim)
    if claimed.update(**fields):
        _note(delivery.endpoint, answer, now)
        outcome = OUTCOMES.get(fields.get("status"), "retried")
        transaction.on_commit(
            lambda: attempt_recorded.send_robust(WebhookDelivery, outcome=outcome)
        )


def _find_wait(failures: int, retry_after: str, now: datetime) -> timedelta:
    """Return how long to wait after one more failure; longer where the receiver asks for it."""
    seconds = DELAYS_SECONDS[failures] * random.uniform(1, 1 + JITTER)  # noqa: S311 (no secret)
    asked = _read_retry_after(retry_after, now)
    return max(timedelta(seconds=seconds), min(asked, LONGEST_WAIT))


def _read_retry_after(text: str, now: datetime) -> timedelta:
    """Return the wait that a header asks for, in seconds or as a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    if date.tzinfo is None:  # a date of -0000, which names no zone, is UTC
        date = date.replace(tzinfo=UTC)
    return date - now


def _note(endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> None:
    """Write what an answer means for its endpoint: it works, it fails, or it is disabled."""
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    if answer.is_accepted:
        if endpoint.failing_since is not None:
            rows.update(failing_since=None)
        return
    if answer.status == HTTPStatus.GONE:
        _disable(endpoint, _("The endpoint answered 410 Gone: it wants no more events."))
    elif endpoint.failing_since is None:
        rows.filter(failing_since__isnull=True).update(failing_since=now)
    elif now - endpoint.failing_since >= DISABLED_AFTER:
        sentence = _("No event has been accepted for %(days)d days.")
        _disable(endpoint, sentence % {"days": (now - endpoint.failing_since).days})


def _disable(endpoint: WebhookEndpoint, reason: str) -> None:
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk, enabled=True)
    rows.update(enabled=False, disabled_reason=reason)
    logger.warning("The webhook endpoint %s was disabled: %s", endpoint.name, reason)
    forget_subscriptions()


def deliver_now(*, delivery: WebhookDelivery, clock: Clock = timezone.now) -> bool:
    """Send a delivery at once, in this process; return whether the endpoint accepted it.

    One that another worker has taken in the meantime is left to it, and is not accepted yet.
    """
    claimed = _claim(delivery.pk, clock())
    accepted = claimed is not None and _attempt(claimed, clock)
    delivery.refresh_from_db()
    return accepted


def find_next_due() -> datetime | None:
    """Return when something is to be sent next; None: nothing waits."""
    pending = WebhookDelivery.objects.filter(status=WebhookDelivery.Status.PENDING)
    rows = pending.filter(endpoint__enabled=True).order_by("next_attempt_at")
    return rows.values_list("next_attempt_at", flat=True).first()


@transaction.atomic
def redeliver(delivery_ids: Iterable[UUID | str]) -> int:
    """Send deliveries again, with the same id and body, from the first attempt on.

    Returns:
        How many there were.
    """
    keys = list(delivery_ids)
    count = 0
    for start in range(0, len(keys), ROWS_A_STATEMENT):
        rows = WebhookDelivery.objects.filter(pk__in=keys[start : start + ROWS_A_STATEMENT])
        count += rows.update(
            status=WebhookDelivery.Status.PENDING,
            attempts=0,
            next_attempt_at=timezone.now(),
            claim="",
        )
    wake_after_commit()
    return count


def list_old(*, before: datetime) -> QuerySet[WebhookDelivery]:
    """Return the deliveries of events before then, whatever became of them."""
    return WebhookDelivery.objects.filter(created_at__lt=before).order_by()


def forget_old(*, clock: Clock = timezone.now, kept: timedelta = KEPT) -> int:
    """Delete deliveries that are older than they are kept; return how many there were."""
    old = list_old(before=clock() - kept)
    count = 0
    while keys := list(old.values_list("pk", flat=True)[:ROWS_A_STATEMENT]):
        # A few at a time: others write in between.
        deleted, _models = WebhookDelivery.objects.filter(pk__in=keys).delete()
        count += deleted
    return count
