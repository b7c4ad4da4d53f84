"""How long does the database's token live?"""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from autoforge.health.errors import ProbeError
from core.jwt_claims import expiry, is_read_only

SOON = timedelta(days=14)
RENEW = "Create a new one with `turso db tokens create`, and set it."


def probe() -> str:
    """Return until when the token is good.

    Raises:
        ProbeError: it has expired.
    """
    token = settings.DATABASES["default"].get("OPTIONS", {}).get("auth_token")
    if not token:
        return "the database needs no token"
    rights = "read-only" if is_read_only(token) else "read and write"
    ends = expiry(token)
    if ends is None:
        return f"the token does not expire, {rights}"
    left = ends - datetime.now(UTC)
    if left <= timedelta(0):
        raise ProbeError(f"the token expired at {ends:%Y-%m-%d %H:%M} UTC", RENEW)
    detail = f"the token is valid until {ends:%Y-%m-%d %H:%M} UTC, {rights}"
    return f"{detail}\nIt expires within {SOON.days} days. {RENEW}" if left < SOON else detail
