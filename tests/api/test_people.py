"""Who gets in: people of Clerk, access tokens, and what another organization sees."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from autoforge.api.mount import ROUTER
from core.access import services
from core.access.services import people
from prompts.services import create_prompt
from tests.support.fake_clerk import (
    PUBLISHABLE_KEY,
    SITE,
    World,
    make_claims,
    organization,
    sign,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(settings, monkeypatch):
    """Let the API check tokens with the keys of a fake Clerk, at the fake's time."""
    settings.CLERK_PUBLIC_KEY = PUBLISHABLE_KEY
    settings.CLERK_AUTHORIZED_PARTIES = [SITE]
    settings.CLERK_ORGANIZATION = "org_1"
    world = World()
    monkeypatch.setattr("core.access.authentication.get_verifier", lambda: world.verifier)
    yield world
    world.clerk.stop()


def call(token: str, path: str = "me", method: str = "GET"):
    client = Client(headers={"Authorization": f"Bearer {token}"})
    return client.generic(method, f"/api/v1/{path}", content_type="application/json")


def token_of(role: str = "admin", subject: str = "user_1", **changes):
    return sign(make_claims(sub=subject, o=organization(role, **changes)))


def test_a_person_is_made_at_first_sight_and_gets_the_tokens_role(clerk):
    body = call(token_of("member")).json()
    assert (body["kind"], body["name"], body["role"]) == ("person", "user_1", "Editor")
    user = User.objects.get()
    assert not user.has_usable_password()
    assert not user.is_staff
    assert "prompts.move_label" in body["permissions"]
    assert "prompts.delete_prompt" not in body["permissions"]

    body = call(token_of("viewer")).json()
    assert body["role"] == "Viewer"
    assert "prompts.move_label" not in body["permissions"]
    assert list(user.groups.values_list("name", flat=True)) == ["Viewer"]


def test_groups_that_are_no_roles_stay(clerk):
    call(token_of("viewer"))
    User.objects.get().groups.add(Group.objects.create(name="Translators"))
    call(token_of("admin"))
    names = User.objects.get().groups.values_list("name", flat=True)
    assert set(names) == {"Administrator", "Translators"}


@pytest.mark.django_db(transaction=True)
def test_a_person_who_is_known_costs_no_query(clerk, django_assert_num_queries):
    from django.core.management import call_command

    call_command("sync_roles", verbosity=0)
    token = token_of("member")
    call(token)
    with django_assert_num_queries(0):
        assert call(token).status_code == 200


def test_who_was_locked_out_in_the_admin_stays_out(clerk):
    call(token_of("admin"))
    User.objects.update(is_active=False)
    answer = call(token_of("member"))
    assert (answer.status_code, answer.json()["code"]) == (403, "access.inactive")


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"o": organization("unknown")}, 403, "access.no-role"),
        ({"o": None}, 403, "access.no-role"),
        ({"o": organization("admin"), "sub": "u" * 151}, 403, "access.long-subject"),
        ({"o": organization("admin", id="org_2")}, 404, "access.other-organization"),
        ({"o": organization("admin"), "sts": "pending"}, 401, None),
        ({"o": organization("admin"), "azp": "https://other.example"}, 401, None),
    ],
)
def test_who_gets_in_and_who_does_not(clerk, claims, status, code):
    present = {name: value for name, value in claims.items() if value is not None}
    answer = call(sign(make_claims(**present)))
    assert answer.status_code == status, answer.content
    if code:
        assert answer.json()["code"] == code
    assert not User.objects.exists()


def test_without_an_organization_of_its_own_it_lets_none_in(clerk, settings):
    settings.CLERK_ORGANIZATION = None
    answer = call(token_of("admin"))
    assert (answer.status_code, answer.json()["code"]) == (403, "access.organization-not-set")


def test_while_clerk_is_away_a_token_cannot_be_checked(clerk):
    clerk.clerk.stop()
    answer = call(token_of("admin"))
    assert answer.status_code == 503
    assert answer["Retry-After"]


def test_without_clerk_a_session_token_is_refused_with_the_variable(db):
    answer = call(sign(make_claims()))
    assert answer.status_code == 401
    assert "CLERK_PUBLIC_KEY" in answer.json()["detail"]


def every_operation() -> list[tuple[str, str]]:
    """Return method and path of every operation, with an object of ours in each place."""
    values = {"name": "support-reply", "label": "production", "number": "1"}
    operations = []
    for pattern in ROUTER.urls:
        path = str(pattern.pattern)
        for converter in ("path", "str", "int", "uuid", "slug"):
            for name in ("name", "label", "number", "id"):
                value = values.get(name, "00000000-0000-0000-0000-000000000001")
                path = path.replace(f"<{converter}:{name}>", value)
        for method in pattern.callback.view_class.api_endpoints:
            operations.append((method, path))
    return operations


def test_another_organization_finds_nothing_by_any_road(clerk):
    create_prompt(title="Support reply", name="support-reply", content="Hello")
    token = token_of("admin", id="org_2")
    operations = every_operation()
    assert len(operations) > 20
    for method, path in operations:
        answer = call(token, path, method)
        assert answer.status_code == 404, (method, path)
        assert answer.json()["code"] == "access.other-organization", (method, path)
    assert not User.objects.exists()


def test_a_key_is_exchanged_for_a_token_that_ends_with_it(api):
    new = services.create_key(name="machine", role="Editor")
    answer = call(new.text, "tokens", "POST")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "Editor")
    assert 0 < body["expires_in"] <= 24 * 3600

    me = call(body["access_token"]).json()
    assert (me["kind"], me["name"], me["role"]) == ("token", "machine", "Editor")
    again = call(body["access_token"], "tokens", "POST")
    assert (again.status_code, again.json()["code"]) == (403, "access.only-keys")

    services.revoke_key(key_id=new.row.pk)
    answer = call(body["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "access.key-of-token")


def test_two_first_requests_at_once_make_one_person():
    User.objects.create_user("user_1")
    assert people._make_person("user_1").username == "user_1"
    assert User.objects.count() == 1
