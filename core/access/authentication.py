"""Who sent a request: read from its `Authorization` header.

Authorization: Bearer af_…                     an API key
Authorization: Bearer eyJ…                     a session token of Clerk, or an access token
Authorization: Basic base64("autoforge:af_…")  an API key as the password; the user name is free
"""

import base64
import binascii
import time
from dataclasses import replace
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpRequest
from django.utils import timezone

from core.access.callers import Caller
from core.access.clerk import get_verifier
from core.access.known import remember_caller
from core.access.models import ApiKey
from core.access.secrets import hash_key, is_well_formed
from core.access.services import find_person, record_use
from core.access.tokens import verify as verify_token
from core.access.unverified import kind as kind_of_token
from core.errors import ApplicationError

__all__ = ["NotAuthenticatedError", "authenticate", "authenticate_secret", "find_caller_of_key"]


class NotAuthenticatedError(ApplicationError):
    """The request does not prove who sent it; the sentence never repeats what it held."""


def authenticate(request: HttpRequest) -> Caller:
    """Return who sent the request.

    Raises:
        NotAuthenticatedError: nobody that is known.
        NotFoundError: a person who works in another organization.
        PersonRefusedError: a person without a role here.
        TokenCannotBeChecked: the identity provider is away.
        TokenRefused: a token that is not accepted.
        TokensNotConfigured: a setting is missing, so that no token can be checked.
    """
    return authenticate_secret(_read_secret(request.META.get("HTTP_AUTHORIZATION", "")))


def authenticate_secret(secret: str) -> Caller:
    """Return who a key or a token stands for; raises what `authenticate` raises."""
    kind = kind_of_token(secret)
    if kind == "key":
        return _authenticate_key(secret)
    if kind == "access":
        return _authenticate_token(secret)
    if kind == "clerk":
        return find_person(get_verifier().verify(secret))
    raise NotAuthenticatedError("access.unknown-credentials")


def _authenticate_key(secret: str) -> Caller:
    digest = hash_key(secret)
    caller = remember_caller(digest, lambda: _load_caller_of(secret, digest))
    if caller is None or _is_over(caller):
        raise NotAuthenticatedError("access.key-unknown")
    if caller.key_id is not None:
        record_use(key_id=caller.key_id)
    return caller


def _load_caller_of(secret: str, digest: str) -> Caller | None:
    # Only what could be a key is worth a query.
    if not is_well_formed(secret):
        raise NotAuthenticatedError("access.key-mistyped")
    return _load_caller(Q(digest=digest))


def _authenticate_token(token: str) -> Caller:
    """Return the caller of an access token: what its key may now, as long as there is the key."""
    claims = verify_token(token)
    caller = find_caller_of_key(UUID(claims.key_id))
    if caller is None:
        raise NotAuthenticatedError("access.key-of-token")
    return replace(caller, kind="token")


def find_caller_of_key(key_id: UUID) -> Caller | None:
    """Return the caller of an API key in use; None where it is revoked, expired or gone."""
    caller = remember_caller(str(key_id), lambda: _load_caller(Q(pk=key_id)))
    if caller is None or _is_over(caller):
        return None
    return caller


def _read_secret(header: str) -> str:
    """Return what the header carries.

    Raises:
        NotAuthenticatedError: it carries nothing that could be checked.
    """
    if not header:
        raise NotAuthenticatedError("access.no-credentials")
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise NotAuthenticatedError("access.basic-broken") from None
        return text.partition(":")[2]
    raise NotAuthenticatedError("access.scheme")


def _load_caller(condition: Q) -> Caller | None:
    """Return the caller of a key with the permissions of its role: one query."""
    in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    rows = ApiKey.objects.order_by().filter(condition, in_time, revoked_at__isnull=True)
    # One row for each permission of the role; a role without any still gives one.
    keys = list(
        rows.select_related("role").annotate(
            app=F("role__permissions__content_type__app_label"),
            codename=F("role__permissions__codename"),
        )
    )
    if not keys:
        return None
    key = keys[0]
    permissions = {f"{row.app}.{row.codename}" for row in keys if row.codename}
    return Caller(
        kind="key",
        identity=f"key:{key.pk}",
        name=key.name,
        role=key.role.name,
        permissions=frozenset(permissions),
        requests_per_minute=key.requests_per_minute,
        usd_per_day=key.usd_per_day,
        key_id=key.pk,
        expires=key.expires_at.timestamp() if key.expires_at else None,
    )


def _is_over(caller: Caller) -> bool:
    return caller.expires is not None and caller.expires <= time.time()
