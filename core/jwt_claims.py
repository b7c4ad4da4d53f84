"""What a JSON Web Token says of itself. Nothing is verified: the server does that.

Claims of libSQL tokens: `exp` (seconds since 1970), `a` ("ro" or "rw"; missing means "rw"),
`p` (permissions by access, `{"rw": {"ns": [...]}, "ro": {"ns": [...]}}`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

__all__ = ["expiry", "is_read_only", "read_claims"]


def read_claims(token: str) -> Mapping[str, object]:
    """Return the token's claims; nothing where it is not a JWT."""
    import jwt  # brings cryptography, which most commands never need

    try:
        claims: Mapping[str, object] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError):
        return {}
    return claims


def expiry(token: str) -> datetime | None:
    """Return when the token expires, in UTC; None where it does not say so."""
    seconds = read_claims(token).get("exp")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def is_read_only(token: str) -> bool:
    """Whether the token says that it may not write."""
    claims = read_claims(token)
    permissions = claims.get("p")
    if isinstance(permissions, Mapping) and permissions:
        return not permissions.get("rw")
    return claims.get("a") == "ro"
