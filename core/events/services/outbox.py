"""What happened, written beside what changed: a delivery for each endpoint that is told of it.

The rows are in the transaction of the change. A change that is undone takes them along, and what is
committed is sent, whenever a process comes to it.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.subscriptions import is_anybody_subscribed
from core.events.types import TEST_EVENT
from core.json import dump

__all__ = ["announce", "announce_many", "send_test_event", "wake_after_commit", "wake_with"]

ROWS_A_STATEMENT: Final = 500

_local = threading.local()
_wakers: list[Callable[[], object]] = []


def announce(*, event_type: str, data: Mapping[str, object]) -> None:
    """Tell the endpoints of an event, once the transaction is committed.

    Args:
        event_type: one that the domain registered.
        data: what receivers read: ids, names and numbers, values of JSON. No contents, no secrets.
    """
    announce_many(event_type=event_type, data=[data])


def announce_many(*, event_type: str, data: Iterable[Mapping[str, object]]) -> None:
    """Tell the endpoints of several events of one type, with as few statements as possible.

    `data` is read only where somebody is subscribed.
    """
    if not is_anybody_subscribed(event_type):
        return
    events = list(data)
    endpoints = []
    for endpoint in WebhookEndpoint.objects.filter(enabled=True).only("event_types"):
        if event_type in endpoint.event_types:
            endpoints.append(endpoint)
    _write(event_type, events, endpoints)


def send_test_event(
    *, endpoint: WebhookEndpoint, actor: str = "", wake: bool = True
) -> WebhookDelivery:
    """Send an event to one endpoint so that people see whether it arrives; return its delivery.

    Args:
        endpoint: who is told.
        actor: who asks for it.
        wake: whether the queue sends it; else the caller does.
    """
    data = {"endpoint": endpoint.name, "actor": actor}
    [delivery] = _write(TEST_EVENT, [data], [endpoint], wake=wake)
    return delivery


def _write(
    event_type: str,
    events: list[Mapping[str, object]],
    endpoints: list[WebhookEndpoint],
    *,
    wake: bool = True,
) -> list[WebhookDelivery]:
    now = timezone.now()
    timestamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    deliveries = []
    for data in events:
        body = dump({"type": event_type, "timestamp": timestamp, "data": data})
        for endpoint in endpoints:
            delivery = WebhookDelivery(
                endpoint=endpoint, event_type=event_type, body=body, next_attempt_at=now
            )
            deliveries.append(delivery)
    # No savepoint: a service's own transaction is what they belong to.
    with transaction.atomic(savepoint=False):
        WebhookDelivery.objects.bulk_create(deliveries, batch_size=ROWS_A_STATEMENT)
        if wake:
            wake_after_commit()
    return deliveries


def wake_with(waker: Callable[[], object]) -> None:
    """Have `waker` called after each commit that has something to be sent; instead of any other."""
    _wakers[:] = [waker]


def wake_after_commit() -> None:
    """Have what waits sent soon, once the transaction is committed."""
    # Once for a transaction, however much it announces. Django keeps what waits for a commit in a
    # list, and takes another list when it is committed or a savepoint is undone.
    if getattr(_local, "waiting", None) is connection.run_on_commit:
        return
    transaction.on_commit(_wake)
    _local.waiting = connection.run_on_commit


def _wake() -> None:
    for waker in _wakers:
        waker()
