"""Session tokens of Clerk: who is signed in, in which organisation, as what.

A front end sends the token as `Authorization: Bearer`. It is signed by RS256 and lives for a
minute. The publishable key names the instance: `pk_live_` or `pk_test_` and, in base64, its host
and a `$`. The host is the issuer of its tokens, and publishes the keys that they are signed with.

Sources: RFC 7515 and 7519, RFC 8725 (best practices), and Clerk's guide on session tokens, whose
two versions of claims are both read.
"""

import base64
import binascii
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from core.access.clerk_keys import ClerkKeys, KeySource
from core.access.token_errors import TokenRefused, TokensNotConfigured
from core.access.unverified import read_claims, read_unverified
from core.roles import ROLES
from core.sentences import Sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["ClerkClaims", "ClerkVerifier", "get_verifier", "read_host"]

Claims = Mapping[str, object]

PREFIXES: Final = ("pk_live_", "pk_test_")
ALGORITHM: Final = "RS256"
# How far the clocks of Clerk and of this machine may differ.
LEEWAY_SECONDS: Final = 5
# A year above this is none that datetime knows; so is no token's.
LATEST_SECONDS: Final = 253_402_300_799
MAX_NAME_CHARACTERS: Final = 255
REQUIRED: Final = ("exp", "iat", "nbf", "iss", "sub", "sid", "azp")
ORGANIZATION_PREFIX: Final = "org:"
HOST_NAME: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClerkClaims:
    """What a session token that was verified says."""

    subject: str
    """Who is signed in: the user's id at Clerk."""
    session: str
    """The session's id at Clerk."""
    organization_id: str | None
    """The organisation that the person is working in, if any."""
    organization_slug: str | None
    """Its short name in URLs, if it has one."""
    role: str | None
    """One of `core.roles.ROLES`; None: this person may do nothing here."""
    permissions: tuple[str, ...]
    """What the role may at Clerk, such as org:reports:read."""
    expires_at: datetime
    """When the token expires, in UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Organization:
    """The organisation of a token, in whichever version it is written."""

    id: str | None = None
    slug: str | None = None
    role: str | None = None
    """At Clerk, without org: before it."""
    permissions: tuple[str, ...] = field(default=())


class ClerkVerifier:
    """Verifies session tokens of one Clerk instance.

    Args:
        publishable_key: pk_live_… or pk_test_….
        authorized_parties: origins that a token may have been made for (`azp`). Without any, every
            token is refused: a token that was made for another site would be good here.
        roles: role of an organisation at Clerk → role here.
        default_role: role of a person without an organisation; None: none.
        keys: who knows the instance's keys; the instance itself where it is None.
        clock: seconds since 1970.

    Raises:
        TokensNotConfigured: from the constructor, the key is no publishable key, or a role unknown.
    """

    def __init__(
        self,
        publishable_key: str,
        authorized_parties: Iterable[str],
        roles: Mapping[str, str],
        *,
        default_role: str | None = None,
        keys: KeySource | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        host = read_host(publishable_key)
        self.issuer = f"https://{host}"
        self._parties = frozenset(authorized_parties)
        self._roles = dict(roles)
        self._default_role = default_role
        for role in (*self._roles.values(), default_role):
            if role is not None and role not in ROLES:
                raise TokensNotConfigured(Sentence("clerk.role", roles=", ".join(ROLES)))
        self._keys = ClerkKeys(f"{self.issuer}/.well-known/jwks.json") if keys is None else keys
        self._clock = clock

    def verify(self, token: str) -> ClerkClaims:
        """Return what the token says, once all of it is checked.

        Raises:
            TokenRefused: it is not a session token of this instance for this site, or over.
            TokenCannotBeChecked: the instance's keys cannot be read now.
        """
        if not self._parties:
            raise TokenRefused(Sentence("token.no-parties"))
        unverified = read_unverified(token)
        key_id = _check_header(unverified.header)
        # Before the signature, so that no token of somebody else makes us ask Clerk for keys.
        self._check_issuer(unverified.claims)
        key = self._keys.find(key_id)
        if key is None:
            raise TokenRefused(Sentence("token.unknown-key"))
        claims = _verify_signature(token, key)
        self._check_issuer(claims)
        expires_at = self._check_times(claims)
        self._check_party(claims)
        _check_status(claims)
        organization = _read_organization(claims)
        return ClerkClaims(
            subject=_read_name(claims, "sub"),
            session=_read_name(claims, "sid"),
            organization_id=organization.id,
            organization_slug=organization.slug,
            role=self._find_role(organization),
            permissions=organization.permissions,
            expires_at=expires_at,
        )

    def _check_issuer(self, claims: Claims) -> None:
        for name in REQUIRED:
            if name not in claims:
                raise TokenRefused(Sentence("token.claim-missing", name=name))
        if claims["iss"] != self.issuer:
            raise TokenRefused(Sentence("token.issuer"))

    def _check_party(self, claims: Claims) -> None:
        # By the letter: https://app.example.com.evil.example begins like an origin that is allowed.
        party = claims["azp"]
        if not isinstance(party, str) or party not in self._parties:
            raise TokenRefused(Sentence("token.party"))

    def _check_times(self, claims: Claims) -> datetime:
        now = self._clock()
        expires_at = _read_seconds(claims, "exp")
        if now >= expires_at + LEEWAY_SECONDS:
            raise TokenRefused(Sentence("token.expired"))
        if now < _read_seconds(claims, "nbf") - LEEWAY_SECONDS:
            raise TokenRefused(Sentence("token.not-yet-valid"))
        if now < _read_seconds(claims, "iat") - LEEWAY_SECONDS:
            raise TokenRefused(Sentence("token.not-yet-issued"))
        return datetime.fromtimestamp(expires_at, UTC)

    def _find_role(self, organization: _Organization) -> str | None:
        if organization.id is None:
            return self._default_role
        return self._roles.get(organization.role or "")


def read_host(publishable_key: str) -> str:
    """Return the host that a publishable key names.

    Raises:
        TokensNotConfigured: it is no publishable key.
    """
    encoded = publishable_key[len(PREFIXES[0]) :].rstrip("=")
    padding = "=" * (-len(encoded) % 4)
    try:
        text = base64.b64decode(encoded + padding, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    host = text.removesuffix("$")
    is_complete = publishable_key.startswith(PREFIXES) and text == f"{host}$"
    if not is_complete or not HOST_NAME.fullmatch(host):
        raise TokensNotConfigured(Sentence("clerk.publishable-key"))
    return host.lower()


def get_verifier() -> ClerkVerifier:
    """Return the verifier of this installation; always the same one, since it keeps the keys.

    Raises:
        TokensNotConfigured: CLERK_PUBLIC_KEY is missing or no publishable key.
    """
    from django.conf import settings  # everything else here is plain Python

    if not settings.CLERK_PUBLIC_KEY:
        raise TokensNotConfigured(Sentence("clerk.not-configured"))
    return _make_verifier(
        settings.CLERK_PUBLIC_KEY,
        tuple(settings.CLERK_AUTHORIZED_PARTIES),
        tuple(settings.CLERK_ROLES.items()),
        settings.CLERK_DEFAULT_ROLE,
    )


@lru_cache(maxsize=4)  # one for a process; tests have others
def _make_verifier(
    publishable_key: str,
    authorized_parties: tuple[str, ...],
    roles: tuple[tuple[str, str], ...],
    default_role: str | None,
) -> ClerkVerifier:
    return ClerkVerifier(
        publishable_key, authorized_parties, dict(roles), default_role=default_role
    )


# --- Parts of a token -----------------------------------------------------------------------------


def _check_header(header: Claims) -> str:
    """Return the id of the key that a token says it is signed with.

    Keys in the header or at addresses that it names (jwk, jku, x5c, x5u) are never looked at.
    """
    # By the letter: none, and HS256 with a public key as its secret, are how tokens are forged.
    if header.get("alg") != ALGORITHM:
        raise TokenRefused(Sentence("token.algorithm", algorithm=ALGORITHM))
    # Whoever does not know an extension that is critical must refuse (RFC 7515, 4.1.11).
    if "crit" in header:
        raise TokenRefused(Sentence("token.critical"))
    # Clerk signs other kinds of tokens with the same keys, such as at+jwt.
    if header.get("typ", "JWT") != "JWT":
        raise TokenRefused(Sentence("token.type"))
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise TokenRefused(Sentence("token.key-id"))
    return key_id


def _verify_signature(token: str, key: "RSAPublicKey") -> Claims:
    """Return the claims of a token that this key has signed."""
    import jwt  # brings cryptography, which most commands never need

    try:
        verified = jwt.PyJWS().decode_complete(token, key, algorithms=[ALGORITHM])
    except jwt.InvalidSignatureError:
        raise TokenRefused(Sentence("token.signature")) from None
    except jwt.InvalidTokenError:  # such as a signature that is not base64url
        raise TokenRefused(Sentence("token.malformed")) from None
    return read_claims(verified["payload"])


def _read_seconds(claims: Claims, name: str) -> float:
    value = claims[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LATEST_SECONDS:  # type: ignore[operator]  # is_number
        raise TokenRefused(Sentence("token.claim-invalid", name=name))
    return float(value)  # type: ignore[arg-type]  # as above


def _read_name(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS:
        raise TokenRefused(Sentence("token.claim-invalid", name=name))
    if not value.isprintable():
        raise TokenRefused(Sentence("token.claim-invalid", name=name))
    return value


def _read_optional_name(claims: Claims, name: str) -> str | None:
    return None if claims.get(name) is None else _read_name(claims, name)


def _check_status(claims: Claims) -> None:
    """Refuse a session that is not active: a person still has to choose an organisation, say."""
    status = claims.get("sts")
    # Tokens of the first version are older than the claim.
    if status is None and claims.get("v") is None:
        return
    if status != "active":
        raise TokenRefused(Sentence("token.status"))


def _read_organization(claims: Claims) -> _Organization:
    """Return the organisation of a token.

    The version decides where it stands: claims of the other version may be a template's own.
    """
    version = claims.get("v")
    if version == 2:
        return _read_organization_v2(claims)
    if version is None:  # the first version has no number
        return _read_organization_v1(claims)
    raise TokenRefused(Sentence("token.claim-invalid", name="v"))


def _read_organization_v1(claims: Claims) -> _Organization:
    permissions = claims.get("org_permissions") or []
    if not isinstance(permissions, list):
        raise TokenRefused(Sentence("token.claim-invalid", name="org_permissions"))
    role = _read_optional_name(claims, "org_role") or ""
    return _Organization(
        id=_read_optional_name(claims, "org_id"),
        slug=_read_optional_name(claims, "org_slug"),
        role=role.removeprefix(ORGANIZATION_PREFIX),
        permissions=tuple(str(permission) for permission in permissions),
    )


def _read_organization_v2(claims: Claims) -> _Organization:
    organization = claims.get("o")
    if organization is None:
        return _Organization()
    if not isinstance(organization, dict):
        raise TokenRefused(Sentence("token.claim-invalid", name="o"))
    role = _read_optional_name(organization, "rol") or ""
    return _Organization(
        id=_read_name(organization, "id"),
        slug=_read_optional_name(organization, "slg"),
        role=role.removeprefix(ORGANIZATION_PREFIX),
        permissions=_read_permissions(claims.get("fea"), organization),
    )


def _read_permissions(features: object, organization: Claims) -> tuple[str, ...]:
    """Return the permissions of a token of the second version, written out.

    `fea` lists features with who has them, such as o:reports of the organisation; `per` lists
    actions. `fpm` has one number for each feature of the organisation, in their order: its lowest
    bit stands for the first action.
    """
    names = []
    for feature in _split(features):
        scope, _, name = feature.partition(":")
        if "o" in scope:
            names.append(name)
    actions = _split(organization.get("per"))
    permissions = []
    for name, number in zip(names, _split(organization.get("fpm")), strict=False):
        if not re.fullmatch(r"[0-9]{1,100}", number):
            raise TokenRefused(Sentence("token.claim-invalid", name="fpm"))
        bits = int(number)
        for position, action in enumerate(actions):
            if bits >> position & 1:
                permissions.append(f"{ORGANIZATION_PREFIX}{name}:{action}")
    return tuple(permissions)


def _split(text: object) -> list[str]:
    """Return the parts of a list that is written with commas; none where there is no list."""
    if not isinstance(text, str) or not text:
        return []
    return [part.strip() for part in text.split(",")]
