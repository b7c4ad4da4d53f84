"""How long does the database's token live?"""

from autoforge.health.errors import ProbeError
from core.token_expiry import REMEDY, SOON, read_token_expiry


def probe() -> str:
    """Return until when the token is good.

    Raises:
        ProbeError: it has expired.
    """
    token = read_token_expiry()
    if token is None:
        return "the database needs no token"
    rights = "read-only" if token.is_read_only else "read and write"
    if token.ends is None:
        return f"the token does not expire, {rights}"
    if token.has_expired:
        raise ProbeError(f"the token expired at {token.ends:%Y-%m-%d %H:%M} UTC", REMEDY)
    detail = f"the token is valid until {token.ends:%Y-%m-%d %H:%M} UTC, {rights}"
    if token.is_soon:
        return f"{detail}\nIt expires within {SOON.days} days. {REMEDY}"
    return detail
