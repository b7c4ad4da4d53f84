"""Our own access tokens: short-lived, for a machine that has an API key.

A key is exchanged for a token, and the token is then sent instead of it. Checking one takes no
query, so a token lives on for JWT_ACCESS_TOKEN_EXPIRE_MINUTES when its key is revoked, unless the
caller looks the key up by `AccessClaims.key_id`.

Source: RFC 7519; the profile follows RFC 8725 (one algorithm, an issuer and an audience).
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from django.conf import settings

from core.access.token_errors import TokenRefused, TokensNotConfigured
from core.access.unverified import ACCESS_TOKEN_ISSUER, Kind, kind, read_unverified
from core.roles import ROLES
from core.sentences import Sentence

__all__ = ["AccessClaims", "Kind", "issue", "kind", "verify"]

# Tokens of /health/report are signed with the same key and have another audience.
AUDIENCE: Final = "autoforge-api"
REQUIRED: Final = ("aud", "exp", "iat", "iss", "jti", "nbf", "scope", "sub")


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessClaims:
    """What an access token that was verified says."""

    key_id: str
    """Id of the API key that it was issued for."""
    role: str
    """One of `core.roles.ROLES`."""
    token_id: str
    """Its own id."""
    issued_at: datetime
    """In UTC, whole seconds."""
    expires_at: datetime
    """In UTC, whole seconds."""


# Seconds since 1970; datetime knows no later ones.
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]


class _Claims(msgspec.Struct, frozen=True):
    """The claims of a token that are handed on."""

    sub: str
    scope: str
    jti: str
    iat: _Seconds
    exp: _Seconds


def issue(key_id: str, role: str, *, latest: datetime | None = None) -> tuple[str, datetime]:
    """Return a new access token and when it expires, in UTC.

    Args:
        key_id: id of the API key that it stands for.
        role: one of `core.roles.ROLES`.
        latest: when it expires at the latest, such as the end of the key.

    Raises:
        TokensNotConfigured: JWT_SECRET_KEY is not set.
        ValueError: there is no such role.
    """
    import jwt  # brings cryptography, which most commands never need

    if role not in ROLES:
        message = f"{role} is not a role"
        raise ValueError(message)
    now = datetime.now(UTC).replace(microsecond=0)
    expires_at = now + timedelta(minutes=settings.JWT_ACCESS_TOKEN_EXPIRE_MINUTES)
    if latest is not None:
        expires_at = min(expires_at, latest.replace(microsecond=0))
    claims = {
        "iss": ACCESS_TOKEN_ISSUER,
        "aud": AUDIENCE,
        "sub": key_id,
        "scope": role,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now,
        "exp": expires_at,
    }
    return jwt.encode(claims, _read_secret(), settings.JWT_ALGORITHM), expires_at


def verify(token: str) -> AccessClaims:
    """Return what an access token says, once all of it is checked.

    Raises:
        TokenRefused: we did not sign it for the API, or it has expired.
        TokensNotConfigured: JWT_SECRET_KEY is not set.
    """
    import jwt

    secret = _read_secret()
    read_unverified(token)  # bounds its length, and says what is wrong with its form
    try:
        payload = jwt.decode(
            token,
            secret,
            algorithms=[settings.JWT_ALGORITHM],  # never the token's own word for it
            issuer=ACCESS_TOKEN_ISSUER,
            audience=AUDIENCE,
            options={"require": list(REQUIRED), "strict_aud": True},
        )
    except jwt.ExpiredSignatureError:
        raise TokenRefused(Sentence("token.expired")) from None
    # One sentence for all others: only we make these tokens, so each of them is a forgery, or
    # was made for something else.
    except jwt.InvalidTokenError:
        raise TokenRefused(Sentence("token.not-ours")) from None
    try:
        claims = msgspec.convert(payload, type=_Claims)
    except msgspec.ValidationError:
        raise TokenRefused(Sentence("token.not-ours")) from None
    if claims.scope not in ROLES:
        raise TokenRefused(Sentence("token.not-ours"))
    return AccessClaims(
        key_id=claims.sub,
        role=claims.scope,
        token_id=claims.jti,
        issued_at=datetime.fromtimestamp(claims.iat, UTC),
        expires_at=datetime.fromtimestamp(claims.exp, UTC),
    )


def _read_secret() -> str:
    """Return what tokens are signed with.

    Raises:
        TokensNotConfigured: nothing is set.
    """
    if not settings.JWT_SECRET_KEY:
        raise TokensNotConfigured(Sentence("token.no-secret"))
    return str(settings.JWT_SECRET_KEY)
