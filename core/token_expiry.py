"""Until when is the database's token good? One answer for checks, health, metrics and pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings

from core.jwt_claims import expiry, is_read_only

__all__ = ["REMEDY", "SOON", "TokenExpiry", "read_token_expiry"]

SOON: Final = timedelta(days=14)  # to renew a token takes a person and a deployment
REMEDY: Final = "Renew it with `manage.py turso token rotate`."


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenExpiry:
    """What the token in use says of itself; nothing of it is verified."""

    ends: datetime | None
    """When it expires, in UTC; None: never."""
    is_read_only: bool
    """Whether it may not write."""
    now: datetime
    """When this was asked, in UTC."""

    @property
    def left(self) -> timedelta | None:
        """How long it is still good, negative where it has expired; None: for ever."""
        return None if self.ends is None else self.ends - self.now

    @property
    def has_expired(self) -> bool:
        """Whether it is no longer good."""
        return self.left is not None and self.left <= timedelta(0)

    @property
    def is_soon(self) -> bool:
        """Whether it expires within `SOON`, or has expired."""
        return self.left is not None and self.left < SOON


def read_token_expiry(database: Mapping[str, Any] | None = None) -> TokenExpiry | None:
    """Return what the token in use now says; None where the database needs none.

    After a rotation it is the new one, also in processes that began with the old one.

    Args:
        database: an entry of DATABASES; the default one if None.
    """
    entry = settings.DATABASES["default"] if database is None else database
    token = entry.get("OPTIONS", {}).get("auth_token")
    if callable(token):  # a file's, or the project's own function
        token = token()
    if not token:
        return None
    return TokenExpiry(ends=expiry(token), is_read_only=is_read_only(token), now=datetime.now(UTC))
