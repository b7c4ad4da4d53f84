"""What a token says of itself, before anybody has checked it.

It is enough to choose who checks the token, and for a refusal that names its reason. Nothing here
may be acted on. The form is RFC 7515, section 3.1: header, payload and signature in base64url.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from core.access.token_errors import TokenRefused
from core.sentences import Sentence

__all__ = [
    "ACCESS_TOKEN_ISSUER",
    "API_KEY_PREFIX",
    "MAX_TOKEN_CHARACTERS",
    "Kind",
    "Unverified",
    "kind",
    "read_claims",
    "read_unverified",
]

Kind = Literal["key", "clerk", "access", "unknown"]

API_KEY_PREFIX: Final = "af_"
ACCESS_TOKEN_ISSUER: Final = "autoforge"  # noqa: S105 (a name, not a secret)
# A session token of Clerk is a cookie as well, and a browser keeps none above 4 KiB.
MAX_TOKEN_CHARACTERS: Final = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class Unverified:
    """The two parts of a token that can be read."""

    header: Mapping[str, object]
    """How it is said to be signed."""
    claims: Mapping[str, object]
    """What it says of its bearer."""


def kind(token: str) -> Kind:
    """Return who can check a Bearer value: "key", "clerk", "access", or "unknown" for nobody.

    A token of any issuer but ours is "clerk": its check says that it comes from somewhere else.
    """
    if token.startswith(API_KEY_PREFIX):
        return "key"
    try:
        issuer = read_unverified(token).claims.get("iss")
    except TokenRefused:
        return "unknown"
    if issuer == ACCESS_TOKEN_ISSUER:
        return "access"
    if isinstance(issuer, str):
        return "clerk"
    return "unknown"


def read_unverified(token: str) -> Unverified:
    """Return header and claims of a token, believing neither.

    Raises:
        TokenRefused: it is too long, or no JSON Web Token.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenRefused(Sentence("token.too-long", limit=MAX_TOKEN_CHARACTERS))
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise TokenRefused(Sentence("token.malformed"))
    try:
        header = _decode(parts[0])
        payload = _decode(parts[1])
    except (binascii.Error, ValueError):
        raise TokenRefused(Sentence("token.malformed")) from None
    return Unverified(header=read_claims(header), claims=read_claims(payload))


def _decode(part: str) -> bytes:
    padding = "=" * (-len(part) % 4)
    return base64.b64decode(part + padding, altchars=b"-_", validate=True)


def read_claims(document: bytes) -> Mapping[str, object]:
    """Return the members of a JSON object.

    Raises:
        TokenRefused: it is something else.
    """
    try:
        members = msgspec.json.decode(document, type=dict[str, object])
    # msgspec refuses deep nesting by a RecursionError.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise TokenRefused(Sentence("token.malformed")) from None
    return members
