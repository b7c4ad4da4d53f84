"""Our own access tokens, and which kind a Bearer value is."""

import json
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from autoforge.health import tokens as health_tokens
from core.access import tokens
from core.access.token_errors import TokenRefused, TokensNotConfigured
from core.roles import ROLES
from tests.support.fake_clerk import encode, make_claims, sign

SECRET = "a secret of tests, longer than the longest hash that signs: 64 bytes, and some more"


@pytest.fixture(autouse=True)
def secret(settings):
    settings.JWT_SECRET_KEY = SECRET
    settings.JWT_ALGORITHM = "HS256"
    settings.JWT_ACCESS_TOKEN_EXPIRE_MINUTES = 30


def make_token(algorithm: str = "HS256", secret: str = SECRET, **changes: object) -> str:
    """Return a token as we would issue it, with these claims changed; None takes one away."""
    now = int(time.time())
    claims = {
        "iss": "autoforge",
        "aud": "autoforge-api",
        "sub": "key-1",
        "scope": "Editor",
        "jti": "1",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
    }
    claims |= changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(claims).encode(), secret, algorithm)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_says_what_it_was_issued_for(settings, algorithm, role):
    settings.JWT_ALGORITHM = algorithm
    before = datetime.now(UTC).replace(microsecond=0)
    token, expires_at = tokens.issue("key-1", role)
    claims = tokens.verify(token)
    assert (claims.key_id, claims.role) == ("key-1", role)
    assert claims.expires_at == expires_at
    assert expires_at - claims.issued_at == timedelta(minutes=30)
    assert before <= claims.issued_at <= datetime.now(UTC)
    assert jwt.get_unverified_header(token)["alg"] == algorithm


def test_each_token_has_its_own_id():
    ids = {tokens.verify(tokens.issue("key-1", "Viewer")[0]).token_id for _ in range(20)}
    assert len(ids) == 20


def test_a_token_ends_with_its_key():
    soon = datetime.now(UTC) + timedelta(minutes=5, microseconds=7)
    token, expires_at = tokens.issue("key-1", "Viewer", latest=soon)
    assert expires_at == soon.replace(microsecond=0) == tokens.verify(token).expires_at
    later = datetime.now(UTC) + timedelta(days=5)
    _token, expires_at = tokens.issue("key-1", "Viewer", latest=later)
    assert expires_at < datetime.now(UTC) + timedelta(minutes=31)


def test_no_token_is_issued_for_another_role():
    with pytest.raises(ValueError, match=r"^Root is not a role$"):
        tokens.issue("key-1", "Root")


def now(seconds: int) -> int:
    return int(time.time()) + seconds


REFUSED = [
    pytest.param(lambda: make_token(aud="health"), "token.not-ours", id="another audience"),
    pytest.param(
        lambda: make_token(aud=["autoforge-api"]), "token.not-ours", id="audience is a list"
    ),
    pytest.param(lambda: make_token(iss="other"), "token.not-ours", id="another issuer"),
    pytest.param(lambda: make_token(algorithm="HS384"), "token.not-ours", id="HS384"),
    pytest.param(lambda: make_token(algorithm="HS512"), "token.not-ours", id="HS512"),
    pytest.param(
        lambda: f"{encode({'alg': 'none'})}.{make_token().split('.')[1]}.",
        "token.not-ours",
        id="none",
    ),
    pytest.param(lambda: make_token(secret="x" * 64), "token.not-ours", id="another secret"),
    pytest.param(lambda: make_token()[:-4] + "AAAA", "token.not-ours", id="another signature"),
    pytest.param(lambda: make_token(exp=now(-1)), "token.expired", id="expired"),
    pytest.param(lambda: make_token(nbf=now(60)), "token.not-ours", id="not yet valid"),
    pytest.param(lambda: make_token(iat=now(60)), "token.not-ours", id="issued in the future"),
    *[
        pytest.param(
            lambda name=name: make_token(**{name: None}), "token.not-ours", id=f"{name} missing"
        )
        for name in tokens.REQUIRED
    ],
    pytest.param(lambda: make_token(exp="soon"), "token.not-ours", id="exp is text"),
    pytest.param(lambda: make_token(exp=10**30), "token.not-ours", id="exp is huge"),
    pytest.param(
        lambda: make_token(exp=str(now(60))), "token.not-ours", id="exp is a number as text"
    ),
    pytest.param(lambda: make_token(iat=[]), "token.not-ours", id="iat is a list"),
    pytest.param(lambda: make_token(sub=7), "token.not-ours", id="sub is a number"),
    pytest.param(lambda: make_token(jti=7), "token.not-ours", id="jti is a number"),
    pytest.param(lambda: make_token(scope="Root"), "token.not-ours", id="another role"),
    pytest.param(lambda: make_token(scope=["Editor"]), "token.not-ours", id="scope is a list"),
    pytest.param(lambda: sign(make_claims()), "token.not-ours", id="of Clerk"),
    pytest.param(
        lambda: sign(make_claims(iss="autoforge", aud="autoforge-api")),
        "token.not-ours",
        id="signed by RS256",
    ),
    pytest.param(lambda: health_tokens.issue()[0], "token.not-ours", id="of the health report"),
    pytest.param(lambda: "af_0123456789", "token.malformed", id="API key"),
    pytest.param(lambda: "", "token.malformed", id="empty"),
    pytest.param(lambda: make_token() + "\ud800", "token.malformed", id="half a surrogate pair"),
    pytest.param(lambda: make_token(x="x" * 9000), "token.too-long", id="huge"),
]


@pytest.mark.parametrize(("make", "code"), REFUSED)
def test_tokens_that_are_refused(caplog, make, code):
    token = make()
    with pytest.raises(TokenRefused) as caught:
        tokens.verify(token)
    assert caught.value.code == code
    shown = f"{caught.value} {caught.value!r} {caplog.text}"
    assert [part for part in token.split(".") if len(part) > 16 and part in shown] == []


def test_a_token_as_the_table_makes_it_is_good():
    assert tokens.verify(make_token()).role == "Editor"


def test_a_token_for_the_api_does_not_open_the_health_report():
    assert not health_tokens.is_valid(tokens.issue("key-1", "Administrator")[0])


def test_without_a_secret_there_are_no_tokens(settings):
    token = make_token()
    settings.JWT_SECRET_KEY = None
    for call in (lambda: tokens.issue("key-1", "Viewer"), lambda: tokens.verify(token)):
        with pytest.raises(TokensNotConfigured, match=r"set JWT_SECRET_KEY$"):
            call()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: "af_0123456789abcdef", "key"),
        (lambda: "af_", "key"),
        (lambda: "af_" + "x" * 100_000, "key"),
        (lambda: tokens.issue("key-1", "Viewer")[0], "access"),
        (lambda: make_token(secret="x" * 64), "access"),
        (lambda: sign(make_claims()), "clerk"),
        (lambda: sign(make_claims(iss="https://login.example.com")), "clerk"),
        (lambda: sign(make_claims(iss=None)), "unknown"),
        (lambda: sign(make_claims(iss=7)), "unknown"),
        (lambda: health_tokens.issue()[0], "unknown"),
        (lambda: sign(make_claims(x="x" * 9000)), "unknown"),
        (lambda: sign([]), "unknown"),
        (lambda: "!" + sign(make_claims()), "unknown"),
        (lambda: sign(make_claims(note="~~~~~~~ ???????")), "clerk"),
        (lambda: "AF_0123", "unknown"),
        (lambda: "sk-live-0123", "unknown"),
        (lambda: "a.b.c", "unknown"),
        (lambda: "\x00.\udfff.é", "unknown"),
        (lambda: "", "unknown"),
    ],
)
def test_kinds(make, expected):
    assert tokens.kind(make()) == expected
