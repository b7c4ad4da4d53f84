"""A table of session tokens, signed by a fake Clerk → accepted, or the code of the refusal."""

from collections.abc import Callable

import pytest

from tests.support.fake_clerk import (
    ISSUER,
    NOW,
    SITE,
    encode,
    make_claims,
    make_claims_v1,
    organization,
    public_jwk,
    sign,
    sign_with_public_key,
)

GOOD = "accepted"


def claims(expected: str, name: str, /, **changes: object):
    """A row: a token of the second version with these claims changed."""
    return pytest.param(lambda: sign(make_claims(**changes)), expected, id=name)


def claims_v1(expected: str, name: str, /, **changes: object):
    """A row: a token of the first version with these claims changed."""
    return pytest.param(lambda: sign(make_claims_v1(**changes)), expected, id=name)


def header(expected: str, name: str, /, **changes: object):
    """A row: a good token with these fields of its header changed."""
    return pytest.param(lambda: sign(make_claims(), header=changes), expected, id=name)


def made(expected: str, name: str, make: Callable[[], str]):
    """A row: a token that is made in another way."""
    return pytest.param(make, expected, id=name)


def forged(fields: dict[str, object]) -> str:
    """Return a token that claims to need no signature."""
    return f"{encode(fields)}.{encode(make_claims())}."


def good_parts() -> list[str]:
    return sign(make_claims()).split(".")


def api_access_token() -> str:
    from core.access import tokens

    return tokens.issue("key-1", "Editor")[0]


TOKENS = [
    # Good ones
    claims(GOOD, "good"),
    claims(GOOD, "good, another origin of the list", azp="https://other.example.com:8443"),
    claims(GOOD, "good, with more claims", act={"sub": "user_2"}, email="a@example.com", aud="x"),
    claims(GOOD, "good, with both letters of base64url", note="~~~~~~~ ???????"),
    claims(GOOD, "good, fractions of seconds", exp=NOW + 59.5, iat=NOW - 0.5, nbf=NOW - 9.5),
    claims_v1(GOOD, "v1, good"),
    claims_v1(GOOD, "v1, with a status", sts="active"),
    header(GOOD, "no typ", typ=None),
    # Whose it is
    claims("token.issuer", "issuer of another instance", iss="https://clerk.other.example"),
    claims("token.issuer", "issuer by http", iss="http://clerk.example.com"),
    claims("token.issuer", "issuer with a slash", iss=f"{ISSUER}/"),
    claims("token.issuer", "issuer with more behind it", iss=f"{ISSUER}.evil.example"),
    claims("token.issuer", "issuer is a list", iss=[ISSUER]),
    claims("token.claim-missing", "issuer missing", iss=None),
    # How it is signed
    made("token.algorithm", "none", lambda: forged({"alg": "none", "kid": "ins_first"})),
    made("token.algorithm", "None", lambda: forged({"alg": "None", "kid": "ins_first"})),
    made("token.algorithm", "no algorithm", lambda: forged({"kid": "ins_first"})),
    made("token.algorithm", "HS256, public key", lambda: sign_with_public_key(make_claims())),
    made("token.algorithm", "RS384", lambda: sign(make_claims(), algorithm="RS384")),
    made("token.algorithm", "RS512", lambda: sign(make_claims(), algorithm="RS512")),
    made("token.algorithm", "PS256", lambda: sign(make_claims(), algorithm="PS256")),
    header("token.algorithm", "rs256", alg="rs256"),
    header("token.algorithm", "list of algorithms", alg=["RS256"]),
    made(
        "token.signature",
        "no signature",
        lambda: forged({"alg": "RS256", "kid": "ins_first", "typ": "JWT"}),
    ),
    made(
        "token.signature",
        "RS384's signature as RS256's",
        lambda: sign(make_claims(), algorithm="RS384", header={"alg": "RS256"}),
    ),
    made(
        "token.signature",
        "another key under this id",
        lambda: sign(make_claims(), key="second", header={"kid": "ins_first"}),
    ),
    made(
        "token.signature",
        "other claims, same signature",
        lambda: ".".join([good_parts()[0], encode(make_claims(sub="user_2")), good_parts()[2]]),
    ),
    made(
        "token.signature",
        "embedded jwk",
        lambda: sign(
            make_claims(),
            key="second",
            header={"kid": "ins_first", "jwk": public_jwk("second")},
        ),
    ),
    header(GOOD, "jku, jwk and x5u are not looked at", jku="http://127.0.0.1:1/", x5u="x", jwk={}),
    header("token.critical", "crit", crit=["exp"]),
    header("token.critical", "crit, empty", crit=[]),
    header("token.critical", "payload without base64", crit=["b64"], b64=False),
    header("token.malformed", "payload without base64, not critical", b64=False),
    header("token.type", "an OAuth access token", typ="at+jwt"),
    header("token.type", "typ is a number", typ=7),
    header("token.key-id", "kid missing", kid=None),
    header("token.key-id", "kid empty", kid=""),
    header("token.key-id", "kid is a number", kid=1),
    header("token.key-id", "kid is an object", kid={"a": 1}),
    header("token.unknown-key", "kid unknown", kid="ins_other"),
    header("token.unknown-key", "kid is a path", kid="../../etc/passwd"),
    made("token.unknown-key", "key not published", lambda: sign(make_claims(), key="second")),
    # For which site
    claims("token.claim-missing", "azp missing", azp=None),
    claims("token.party", "azp of another site", azp="https://evil.example"),
    claims("token.party", "azp begins like ours", azp=f"{SITE}.evil.example"),
    claims("token.party", "azp ends like ours", azp="https://evil-app.example.com"),
    claims("token.party", "azp by http", azp="http://app.example.com"),
    claims("token.party", "azp with a port", azp=f"{SITE}:8443"),
    claims("token.party", "azp with a slash", azp=f"{SITE}/"),
    claims("token.party", "azp in capitals", azp=SITE.upper()),
    claims("token.party", "azp empty", azp=""),
    claims("token.party", "azp is a list", azp=[SITE]),
    claims("token.party", "azp is null as text", azp="null"),
    # When
    claims("token.expired", "expired", exp=NOW - 6),
    claims("token.expired", "expired, at the end of the leeway", exp=NOW - 5),
    claims(GOOD, "expired within the leeway", exp=NOW - 4),
    claims("token.expired", "expired in 1970", exp=0),
    claims("token.not-yet-valid", "not yet valid", nbf=NOW + 6),
    claims(GOOD, "not yet valid, within the leeway", nbf=NOW + 5),
    claims("token.not-yet-issued", "issued in the future", iat=NOW + 6),
    claims(GOOD, "issued in the future, within the leeway", iat=NOW + 5),
    claims("token.claim-missing", "exp missing", exp=None),
    claims("token.claim-missing", "nbf missing", nbf=None),
    claims("token.claim-missing", "iat missing", iat=None),
    claims("token.claim-invalid", "exp is text", exp=str(NOW + 60)),
    claims("token.claim-invalid", "exp is true", exp=True),
    claims("token.claim-invalid", "exp is negative", exp=-1),
    claims("token.claim-invalid", "exp after year 9999", exp=253_402_300_800),
    claims(GOOD, "exp at the end of year 9999", exp=253_402_300_799),
    claims("token.claim-invalid", "nbf is a list", nbf=[NOW]),
    made(
        "token.malformed",
        "exp is not a number of JSON",
        lambda: sign(
            encode_claims_with(exp=b"Infinity"),
        ),
    ),
    # Who
    claims("token.claim-missing", "sid missing", sid=None),
    claims("token.claim-invalid", "sid empty", sid=""),
    claims("token.claim-missing", "sub missing", sub=None),
    claims("token.claim-invalid", "sub empty", sub=""),
    claims("token.claim-invalid", "sub is a number", sub=7),
    claims("token.claim-invalid", "sub too long", sub="u" * 256),
    claims(GOOD, "sub as long as can be", sub="u" * 255),
    claims(GOOD, "sub of one letter", sub="u"),
    claims("token.claim-invalid", "sub with a line break", sub="user_1\nroot"),
    # The session
    claims("token.status", "pending", sts="pending"),
    claims("token.status", "status absent", sts=None),
    claims("token.status", "status of another name", sts="revoked"),
    claims("token.status", "status is true", sts=True),
    claims_v1("token.status", "v1, pending", sts="pending"),
    # The organisation
    claims(GOOD, "organisation", o=organization()),
    claims("token.claim-invalid", "organisation is text", o="org_1"),
    claims("token.claim-invalid", "organisation without an id", o={"rol": "admin"}),
    claims("token.claim-invalid", "role is a list", o=organization(rol=["admin"])),
    claims("token.claim-invalid", "version 3", v=3),
    claims("token.claim-invalid", "version is text", v="2"),
    claims_v1("token.claim-invalid", "v1, organisation is a number", org_id=7),
    claims_v1(
        "token.claim-invalid", "v1, permissions are text", org_id="org_1", org_permissions="all"
    ),
    # What is no session token
    made("token.malformed", "empty", lambda: ""),
    made("token.malformed", "a word", lambda: "token"),
    made("token.malformed", "two parts", lambda: ".".join(good_parts()[:2])),
    made("token.malformed", "four parts", lambda: ".".join([*good_parts(), "x"])),
    made("token.malformed", "five parts, as if encrypted", lambda: "e30.a.b.c.d"),
    made("token.malformed", "empty parts", lambda: ".."),
    made("token.malformed", "bad base64 in the header", lambda: "!!" + sign(make_claims())),
    made(
        "token.malformed",
        "bad base64 in the claims",
        lambda: ".".join([good_parts()[0], "%%%", good_parts()[2]]),
    ),
    made("token.malformed", "bad base64 in the signature", lambda: sign(make_claims()) + "!"),
    made("token.malformed", "line break at its end", lambda: sign(make_claims()) + "\n"),
    made("token.malformed", "not ASCII", lambda: sign(make_claims()) + "署名"),
    made("token.malformed", "half a surrogate pair", lambda: sign(make_claims()) + "\ud800"),
    made("token.malformed", "header is a list", lambda: f"{encode([])}.{encode({})}.x"),
    made("token.malformed", "claims are a list", lambda: sign([make_claims()])),
    made("token.malformed", "claims are no JSON", lambda: sign(b"sub=user_1")),
    made("token.malformed", "claims are nested deeply", lambda: sign(b"[" * 5000)),
    made("token.too-long", "huge", lambda: sign(make_claims(note="x" * 9000))),
    made("token.too-long", "too long by one", lambda: "x" * 8193),
    made("token.malformed", "as long as can be", lambda: "x" * 8192),
    made("token.malformed", "API key", lambda: "af_0123456789abcdef"),
    made("token.algorithm", "own access token", api_access_token),
]


def encode_claims_with(**raw: bytes) -> bytes:
    """Return claims in which these values stand as they are written."""
    text = b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in raw.items())
    return text + b',"iss":"%s"}' % ISSUER.encode()


@pytest.mark.parametrize(("make_token", "expected"), TOKENS)
def test_what_a_token_is_answered(world, make_token, expected):
    assert world.answer(make_token()) == expected
