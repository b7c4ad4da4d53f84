"""Access tokens for the full health report, signed with JWT_SECRET_KEY."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

__all__ = ["is_valid", "issue"]

AUDIENCE = "health"


def issue() -> tuple[str, datetime]:
    """Return a new token and when it expires, in UTC."""
    import jwt  # it brings cryptography, which few processes need

    now = datetime.now(UTC)
    ends = now + timedelta(minutes=settings.JWT_ACCESS_TOKEN_EXPIRE_MINUTES)
    claims: dict[str, object] = {"aud": AUDIENCE, "iat": now, "exp": ends}
    return jwt.encode(claims, str(settings.JWT_SECRET_KEY), settings.JWT_ALGORITHM), ends


def is_valid(token: str) -> bool:
    """Whether we signed the token for this purpose and it has not expired."""
    import jwt

    try:
        jwt.decode(
            token,
            str(settings.JWT_SECRET_KEY),
            algorithms=[settings.JWT_ALGORITHM],  # never the token's own word for it
            audience=AUDIENCE,
            options={"require": ["aud", "exp"]},
        )
    except jwt.InvalidTokenError:
        return False
    return True
