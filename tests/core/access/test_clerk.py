"""What a verified session token says, and what the verifier needs to know."""

import base64
import traceback
from datetime import UTC, datetime

import pytest

from core.access.clerk import get_verifier, read_host
from core.access.token_errors import TokenCannotBeChecked, TokenRefused, TokensNotConfigured
from core.roles import ROLES
from tests.core.access.test_clerk_tokens import TOKENS
from tests.support.fake_clerk import (
    HOST,
    NOW,
    PUBLISHABLE_KEY,
    SITE,
    make_claims,
    make_claims_v1,
    organization,
    sign,
)


def test_what_a_token_says(world):
    claims = make_claims(
        o=organization("admin", per="read,manage,delete", fpm="3,0,4"),
        fea="o:reports,u:profile,uo:billing,o:members,o:more",
    )
    said = world.verifier.verify(sign(claims))
    assert (said.subject, said.session) == ("user_1", "sess_1")
    assert (said.organization_id, said.organization_slug) == ("org_1", "acme")
    assert said.role == "Administrator"
    # Lowest bit first; the person's own feature does not count; the last one has no number.
    assert said.permissions == ("org:reports:read", "org:reports:manage", "org:members:delete")
    assert said.expires_at == datetime.fromtimestamp(NOW + 60, UTC)


def test_what_a_token_of_the_first_version_says(world):
    claims = make_claims_v1(
        org_id="org_1",
        org_slug="acme",
        org_role="org:member",
        org_permissions=["org:reports:read"],
    )
    said = world.verifier.verify(sign(claims))
    assert (said.organization_id, said.organization_slug) == ("org_1", "acme")
    assert (said.role, said.permissions) == ("Editor", ("org:reports:read",))


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("admin", "Administrator"),
        ("org:admin", "Administrator"),
        ("publisher", "Publisher"),
        ("editor", "Editor"),
        ("member", "Editor"),
        ("viewer", "Viewer"),
        ("Admin", None),
        ("billing_manager", None),
        ("Administrator", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_roles_of_an_organization(world, version, role, expected):
    claims = make_claims(o=organization(role))
    if version == 1:
        claims = make_claims_v1(org_id="org_1", org_role=role)
    # Who is in an organisation never has the role of those without one.
    for default in (None, "Administrator"):
        verifier = world.make_verifier(default_role=default)
        assert verifier.verify(sign(claims)).role == expected


@pytest.mark.parametrize("claims", [make_claims(), make_claims_v1()], ids=["v2", "v1"])
@pytest.mark.parametrize("default", [None, *ROLES])
def test_a_person_without_an_organization(world, claims, default):
    said = world.make_verifier(default_role=default).verify(sign(claims))
    assert (said.organization_id, said.organization_slug, said.permissions) == (None, None, ())
    assert said.role == default


def test_the_version_says_where_the_organization_is(world):
    """Claims of the other version are those of a template, which may hold what a person typed."""
    second = make_claims(org_id="org_2", org_role="org:admin")
    assert world.verifier.verify(sign(second)).role is None
    first = make_claims_v1(o=organization("admin"))
    assert world.verifier.verify(sign(first)).role is None


@pytest.mark.parametrize(
    ("changes", "features", "expected"),
    [
        ({}, None, ()),
        ({"per": "read", "fpm": "1"}, None, ()),
        ({"per": "", "fpm": ""}, "o:reports", ()),
        ({"per": "read", "fpm": "3"}, "o:reports", ("org:reports:read",)),
        ({"per": " read , write ", "fpm": " 2 "}, " o:reports ", ("org:reports:write",)),
        ({"per": ["read"], "fpm": 1}, ["o:reports"], ()),
    ],
)
def test_permissions(world, changes, features, expected):
    claims = make_claims(o=organization("admin", **changes), fea=features)
    assert world.verifier.verify(sign(claims)).permissions == expected


@pytest.mark.parametrize("number", ["-1", "x", "1e3", "9" * 101])
def test_permissions_that_are_no_numbers(world, number):
    claims = make_claims(o=organization("admin", per="read", fpm=number), fea="o:reports")
    with pytest.raises(TokenRefused, match=r"^the token's claim “fpm” has an invalid value$"):
        world.verifier.verify(sign(claims))


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (sign(make_claims(sid=None)), "the token lacks the claim “sid”"),
        (sign(make_claims(exp="soon")), "the token's claim “exp” has an invalid value"),
        (sign(make_claims(sub="")), "the token's claim “sub” has an invalid value"),
        (sign(make_claims(sub="a\n")), "the token's claim “sub” has an invalid value"),
        (sign(make_claims(v=3)), "the token's claim “v” has an invalid value"),
        (sign(make_claims(o=[])), "the token's claim “o” has an invalid value"),
        (
            sign(make_claims_v1(org_permissions="all")),
            "the token's claim “org_permissions” has an invalid value",
        ),
        (sign(make_claims(), algorithm="PS256"), "the token must be signed with RS256"),
        ("x" * 8193, "the token is longer than 8192 characters"),
    ],
)
def test_sentences_name_what_is_wrong(world, token, sentence):
    with pytest.raises(TokenRefused) as caught:
        world.verifier.verify(token)
    assert str(caught.value) == sentence


def test_no_token_is_accepted_without_a_list_of_origins(world):
    verifier = world.make_verifier(authorized_parties=())
    with pytest.raises(TokenRefused, match="set CLERK_AUTHORIZED_PARTIES to the origins") as caught:
        verifier.verify(sign(make_claims()))
    assert caught.value.code == "token.no-parties"
    assert world.clerk.requests == 0


@pytest.mark.parametrize(
    "token",
    [
        sign(make_claims(iss="https://clerk.other.example"), key="second"),
        sign(make_claims(), header={"alg": "HS256"}),
        sign(make_claims(), header={"crit": ["x"]}),
        "a.b.c",
    ],
)
def test_a_token_of_somebody_else_asks_for_no_keys(world, token):
    with pytest.raises(TokenRefused):
        world.verifier.verify(token)
    assert world.clerk.requests == 0


# --- The publishable key --------------------------------------------------------------------------


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("key", "host"),
    [
        (PUBLISHABLE_KEY, HOST),
        ("pk_live_" + encoded("clerk.example.com$"), "clerk.example.com"),
        ("pk_test_" + encoded("happy-cat-12.clerk.accounts.dev$"), None),
        ("pk_test_" + encoded("a.example.com$"), "a.example.com"),
        ("pk_test_" + encoded("a.example.com$").rstrip("="), "a.example.com"),
        ("pk_test_" + encoded("Clerk.Example.com$"), "clerk.example.com"),
    ],
)
def test_publishable_keys(key, host):
    assert read_host(key) == (host or "happy-cat-12.clerk.accounts.dev")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "pk_test_",
        "pk_test_abc",
        "pk_test_%%%",
        PUBLISHABLE_KEY.replace("pk_test_", "pk_test_!"),
        PUBLISHABLE_KEY + "\n",
        "pk_test_=" + encoded("clerk.example.com$"),
        "pk_test_é",
        encoded("clerk.example.com$"),
        "sk_test_" + encoded("clerk.example.com$"),
        "pk_prod_" + encoded("clerk.example.com$"),
        *(
            "pk_test_" + encoded(text)
            for text in (
                "clerk.example.com",
                "clerk.example.com$$",
                "clerk.example.com$ ",
                "$",
                "localhost$",
                "127.0.0.1$",
                "clerk.example.com:8443$",
                "clerk.example.com/path$",
                "user@clerk.example.com$",
                "https://clerk.example.com$",
                "clerk.example.com\n$",
                "-clerk.example.com$",
                "clérk.example.com$",
            )
        ),
    ],
)
def test_keys_that_are_no_publishable_keys(key):
    with pytest.raises(TokensNotConfigured, match=r"^CLERK_PUBLIC_KEY is not a publishable key"):
        read_host(key)


def test_the_issuer_and_the_address_of_the_keys_are_those_of_the_key(world):
    verifier = world.make_verifier(keys=None)
    assert verifier.issuer == "https://clerk.example.com"
    assert verifier._keys.url == "https://clerk.example.com/.well-known/jwks.json"


@pytest.mark.parametrize(
    "options", [{"roles": {"admin": "Root"}}, {"default_role": "viewer"}], ids=str
)
def test_roles_that_there_are_not(world, options):
    sentence = (
        r"^CLERK_ROLES or CLERK_DEFAULT_ROLE names an unknown role; roles are Viewer, Editor, "
        r"Publisher, Administrator$"
    )
    with pytest.raises(TokensNotConfigured, match=sentence):
        world.make_verifier(**options)


# --- This installation's --------------------------------------------------------------------------


def test_the_verifier_of_the_settings(settings):
    settings.CLERK_PUBLIC_KEY = PUBLISHABLE_KEY
    settings.CLERK_AUTHORIZED_PARTIES = (SITE,)
    settings.CLERK_ROLES = {"boss": "Administrator"}
    settings.CLERK_DEFAULT_ROLE = "Viewer"
    verifier = get_verifier()
    assert verifier.issuer == "https://clerk.example.com"
    assert get_verifier() is verifier  # with the keys that it has read
    settings.CLERK_DEFAULT_ROLE = None
    assert get_verifier() is not verifier


def test_without_a_publishable_key_there_is_no_verifier(settings):
    settings.CLERK_PUBLIC_KEY = None
    with pytest.raises(TokensNotConfigured, match=r"set CLERK_PUBLIC_KEY$"):
        get_verifier()


# --- No secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("make_token", "_expected"), TOKENS)
def test_nothing_shows_a_token(world, caplog, make_token, _expected):
    """Neither as a whole nor one of its parts: a signature alone is half of a token."""
    token = make_token()
    shown = []
    try:
        shown.append(repr(world.verifier.verify(token)))
    except (TokenRefused, TokenCannotBeChecked) as error:
        shown += [str(error), repr(error), repr(error.sentence), repr(error.args)]
        shown += traceback.format_exception(error)
    shown += [record.getMessage() for record in caplog.records]
    shown.append(repr(world.verifier))
    text = "\n".join(shown)
    secrets = [part for part in (token, *token.split(".")) if len(part) > 16]
    assert [part for part in secrets if part in text] == []
