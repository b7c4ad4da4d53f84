"""Every write to API keys: keyword-only, checked, atomic."""

import logging
import threading
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.contrib.auth.models import Group, Permission
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from core.access.known import forget_callers
from core.access.models import ApiKey
from core.access.secrets import PREFIX_LENGTH, hash_key, make_key
from core.errors import ApplicationError, InvalidInputError, NotFoundError
from core.roles import ROLES
from core.sentences import Sentence
from core.services import check_fields

__all__ = [
    "DEFAULT_REQUESTS",
    "OVERLAP",
    "KeyRefusedError",
    "NewKey",
    "check_new_key",
    "create_key",
    "edit_key",
    "find_key",
    "record_use",
    "revoke_key",
    "rotate_key",
]

OVERLAP: Final = timedelta(hours=24)
DEFAULT_REQUESTS: Final = 600
LAST_USED_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)
_used: dict[UUID, float] = {}
_used_lock = threading.Lock()


class KeyRefusedError(ApplicationError):
    """Whoever asks may not do this with the key, or the key is in another state."""


class NewKey(NamedTuple):
    """A key that was just made."""

    row: ApiKey
    """What is stored of it."""
    text: str
    """The key itself: it is shown now and never again."""


@transaction.atomic
def create_key(
    *,
    name: str,
    role: str,
    expires_at: datetime | None = None,
    requests_per_minute: int = DEFAULT_REQUESTS,
    usd_per_day: Decimal | None = None,
    created_by: str = "",
    granted: frozenset[str] | None = None,
) -> NewKey:
    """Make a key.

    Args:
        name: what uses it; unique among keys in use.
        role: one of `core.roles.ROLES`.
        expires_at: from when on it is refused; None: never.
        requests_per_minute: more are refused; 0: no limit.
        usd_per_day: most that its model calls may cost in a day.
        created_by: who makes it.
        granted: permissions of whoever makes it, who can give away no other; None: a command on
            the server, which may give all.

    Raises:
        InvalidInputError: the name, the role or a limit is not allowed, the time is past, or the
            role may do what its maker may not.
    """
    problems = check_new_key(name=name, role=role, expires_at=expires_at, granted=granted)
    if problems:
        raise InvalidInputError(problems)
    group = Group.objects.get(name=role)
    text = make_key()
    row = ApiKey(
        name=name,
        prefix=text[:PREFIX_LENGTH],
        digest=hash_key(text),
        role=group,
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
        usd_per_day=usd_per_day,
        created_by=created_by,
    )
    check_fields(row)
    row.save()
    return NewKey(row, text)


def check_new_key(
    *,
    name: str,
    role: str,
    expires_at: datetime | None = None,
    granted: frozenset[str] | None = None,
) -> dict[str, Sentence]:
    """Return field → what is wrong with it; see `create_key`."""
    problems: dict[str, Sentence] = {}
    if role not in ROLES:
        problems["role"] = Sentence("key.role", roles=", ".join(ROLES))
    elif _is_above(role, granted):
        problems["role"] = Sentence("key.role-above-maker", role=role)
    if expires_at is not None and expires_at <= timezone.now():
        problems["expires_at"] = Sentence("key.expires-in-the-past")
    if _usable().filter(name=name).exists():
        problems["name"] = Sentence("key.name-taken", name=name)
    return problems


@transaction.atomic
def rotate_key(
    *,
    key_id: UUID | str,
    overlap: timedelta = OVERLAP,
    created_by: str = "",
    granted: frozenset[str] | None = None,
) -> NewKey:
    """Make a key that takes the place of another, which is refused after `overlap`.

    Raises:
        InvalidInputError: the overlap is negative.
        KeyRefusedError: the old key is not in use any more, or its role may do what the maker may
            not.
        NotFoundError: there is no such key.
    """
    if overlap < timedelta(0):
        raise InvalidInputError({"overlap": Sentence("key.overlap-negative")})
    old = find_key(key_id)
    if not old.is_usable:
        raise KeyRefusedError("key.not-usable", name=old.name)
    if _is_above(old.role.name, granted):
        raise KeyRefusedError("key.role-above-maker", role=old.role.name)
    text = make_key()
    row = ApiKey(
        name=old.name,
        prefix=text[:PREFIX_LENGTH],
        digest=hash_key(text),
        role=old.role,
        expires_at=_prolong(old),
        requests_per_minute=old.requests_per_minute,
        usd_per_day=old.usd_per_day,
        created_by=created_by,
    )
    row.save()
    end = timezone.now() + overlap
    if old.expires_at is None or old.expires_at > end:
        old.expires_at = end
        old.save(update_fields=["expires_at"])
    forget_callers()
    return NewKey(row, text)


@transaction.atomic
def revoke_key(*, key_id: UUID | str) -> ApiKey:
    """Refuse a key from now on, on every process; one that is revoked already stays so.

    Raises:
        NotFoundError: there is no such key.
    """
    row = find_key(key_id)
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
    forget_callers()
    return row


@transaction.atomic
def edit_key(
    *, key_id: UUID | str, requests_per_minute: int, usd_per_day: Decimal | None
) -> ApiKey:
    """Change the limits of a key.

    Raises:
        InvalidInputError: a limit is not allowed.
        NotFoundError: there is no such key.
    """
    row = find_key(key_id)
    row.requests_per_minute = requests_per_minute
    row.usd_per_day = usd_per_day
    check_fields(row)
    row.save(update_fields=["requests_per_minute", "usd_per_day"])
    forget_callers()
    return row


def record_use(*, key_id: UUID) -> None:
    """Write when a key was last used, once a minute and process; nobody is refused for it."""
    now = time.monotonic()
    with _used_lock:
        last = _used.get(key_id)
        if last is not None and now - last < LAST_USED_SECONDS:
            return
        _used[key_id] = now
    try:
        # The row itself did not change: its time of change stays.
        ApiKey.objects.filter(pk=key_id).update(last_used_at=Now(), updated_at=F("updated_at"))
    except DatabaseError as error:
        logger.warning("the last use of an API key was not recorded: %s", type(error).__name__)


def find_key(text: UUID | str) -> ApiKey:
    """Return the key of an ID, of a prefix, or of a name: of those in use the newest.

    Raises:
        NotFoundError: there is none.
    """
    rows = ApiKey.objects.select_related("role").order_by("-created_at", "-pk")
    if isinstance(text, UUID):
        row = rows.filter(pk=text).first()
    else:
        named = rows.filter(Q(prefix=text) | Q(name=text))
        in_use = named.filter(pk__in=_usable().values("pk"))
        row = in_use.first() or named.first()
    if row is None:
        raise NotFoundError("key.missing", key=str(text)[:100])
    return row


def _usable() -> QuerySet[ApiKey]:
    in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(in_time, revoked_at__isnull=True)


def _is_above(role: str, granted: frozenset[str] | None) -> bool:
    """Whether a role may do what its giver may not."""
    if granted is None:
        return False
    rows = Permission.objects.filter(group__name=role)
    needed = {
        f"{app}.{codename}"
        for app, codename in rows.values_list("content_type__app_label", "codename")
    }
    return not needed <= granted


def _prolong(old: ApiKey) -> datetime | None:
    """Return when the next key expires: as long after now as the old one did after its making."""
    if old.expires_at is None:
        return None
    return timezone.now() + (old.expires_at - old.created_at)
