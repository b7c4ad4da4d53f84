"""Endpoints: where events are sent, with which secret, and whether at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.errors import InvalidInputError
from core.events.addresses import RefusedURLError, check_url
from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.secrets import encrypt_secret, make_secret
from core.events.services.outbox import wake_after_commit
from core.events.subscriptions import forget_subscriptions
from core.events.types import list_event_types
from core.sentences import Sentence
from core.services import check_row, find_row, refuse_unknown

__all__ = [
    "OVERLAP",
    "EndpointFields",
    "NewSecret",
    "check_endpoint",
    "create_endpoint",
    "delete_endpoints",
    "edit_endpoint",
    "rotate_secret",
]

OVERLAP: Final = timedelta(hours=24)
"""How long after a rotation what is sent is signed with the previous secret as well."""


class EndpointFields(TypedDict, total=False):
    """What people decide about an endpoint."""

    name: str
    url: str
    event_types: list[str]
    enabled: bool


FIELDS: Final = frozenset(EndpointFields.__annotations__)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSecret:
    """An endpoint and the secret that was made for it."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)
    """Shown now, and never again."""


@transaction.atomic
def create_endpoint(**fields: Unpack[EndpointFields]) -> NewSecret:
    """Create an endpoint with a secret of its own.

    Args:
        **fields: `name`, `url`, `event_types` and `enabled`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    refuse_unknown(fields, FIELDS)
    secret = make_secret()
    endpoint = WebhookEndpoint(**fields, secret=encrypt_secret(secret))
    _check(endpoint)
    endpoint.save(force_insert=True)
    _forget()
    return NewSecret(endpoint=endpoint, secret=secret)


@transaction.atomic
def edit_endpoint(*, endpoint_id: UUID | str, **changes: Unpack[EndpointFields]) -> WebhookEndpoint:
    """Change an endpoint; one that is enabled again begins anew, and gets what has waited.

    Args:
        endpoint_id: the endpoint.
        **changes: any field that `create_endpoint` takes.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such endpoint.
    """
    refuse_unknown(changes, FIELDS)
    endpoint = find_row(WebhookEndpoint, endpoint_id)
    was_enabled = endpoint.enabled
    for name, value in changes.items():
        setattr(endpoint, name, value)
    _check(endpoint)
    changed = set(changes)
    if endpoint.enabled and not was_enabled:
        endpoint.disabled_reason = ""
        endpoint.failing_since = None
        changed |= {"disabled_reason", "failing_since"}
        pending = endpoint.deliveries.filter(status=WebhookDelivery.Status.PENDING)
        pending.update(next_attempt_at=timezone.now())
        wake_after_commit()
    endpoint.save(update_fields=changed)
    _forget()
    return endpoint


@transaction.atomic
def rotate_secret(*, endpoint_id: UUID | str) -> NewSecret:
    """Give an endpoint a new secret; for 24 hours the one before it signs as well.

    Raises:
        NotFoundError: there is no such endpoint.
    """
    endpoint = find_row(WebhookEndpoint, endpoint_id)
    secret = make_secret()
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_secret_until = timezone.now() + OVERLAP
    endpoint.secret = encrypt_secret(secret)
    endpoint.save(update_fields={"secret", "previous_secret", "previous_secret_until"})
    return NewSecret(endpoint=endpoint, secret=secret)


@transaction.atomic
def delete_endpoints(endpoint_ids: Iterable[UUID | str]) -> int:
    """Remove endpoints for good, with their deliveries; return how many endpoints there were."""
    rows = WebhookEndpoint.objects.filter(pk__in=list(endpoint_ids))
    count = rows.count()
    rows.delete()
    _forget()
    return count


def check_endpoint(fields: EndpointFields) -> dict[str, Sentence]:
    """Return field → what is wrong with it; what is not named is not checked.

    Args:
        fields: any of `url` and `event_types`.
    """
    problems = {}
    if fields.get("url"):
        try:
            check_url(fields["url"])
        except RefusedURLError as error:
            problems["url"] = error.sentence
    if "event_types" in fields:
        known = list_event_types()
        names = fields["event_types"]
        if not names or not set(names) <= known.keys():
            problems["event_types"] = Sentence("webhook.event-types", names=", ".join(known))
    return problems


def _check(endpoint: WebhookEndpoint) -> None:
    check_row(endpoint)
    problems = check_endpoint({"url": endpoint.url, "event_types": endpoint.event_types})
    if problems:
        raise InvalidInputError(problems)


def _forget() -> None:
    # Now for this transaction, and again for what other threads have read in the meantime.
    forget_subscriptions()
    transaction.on_commit(forget_subscriptions)
