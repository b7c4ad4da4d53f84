"""API keys in the admin: shown once, kept from those who may not."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from core.access import services
from core.access.models import ApiKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_of(client):
    def log_in(role: str):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return log_in


def add(client, **fields):
    form = {"name": "website", "role": Group.objects.get(name="Editor").pk, "expires_at_0": ""}
    form |= {"expires_at_1": "", "requests_per_minute": "600", "usd_per_day": ""}
    return client.post(reverse("admin:access_apikey_add"), form | fields)


def test_a_key_is_shown_once(admin_of):
    client = admin_of("Administrator")
    page = add(client)
    key = page.context["key"]
    assert key in page.text
    assert "no-store" in page["Cache-Control"]
    row = ApiKey.objects.get()
    assert (row.name, row.role.name, row.created_by) == ("website", "Editor", "Administrator")
    for name, arguments in (("changelist", []), ("change", [row.pk])):
        text = client.get(reverse(f"admin:access_apikey_{name}", args=arguments)).text
        assert row.prefix in text
        assert key not in text
        assert row.digest not in text


def test_a_key_is_rotated_and_revoked(admin_of):
    client = admin_of("Administrator")
    add(client)
    row = ApiKey.objects.get()
    assert client.get(reverse("admin:access_apikey_rotate", args=[row.pk])).status_code == 403
    page = client.post(reverse("admin:access_apikey_rotate", args=[row.pk]))
    assert page.context["key"] in page.text
    assert ApiKey.objects.count() == 2
    page = client.post(reverse("admin:access_apikey_revoke", args=[row.pk]), follow=True)
    assert "is revoked" in page.text
    page = client.post(reverse("admin:access_apikey_rotate", args=[row.pk]), follow=True)
    assert "revoked or expired" in page.text
    assert ApiKey.objects.count() == 2


def test_limits_change_and_nothing_else(admin_of):
    client = admin_of("Administrator")
    row = services.create_key(name="website", role="Viewer").row
    form = {"requests_per_minute": "5", "usd_per_day": "1.50", "name": "other"}
    client.post(reverse("admin:access_apikey_change", args=[row.pk]), form)
    row.refresh_from_db()
    assert (row.name, row.requests_per_minute, str(row.usd_per_day)) == ("website", 5, "1.50")


@pytest.mark.parametrize(
    "fields",
    [{"name": ""}, {"role": ""}, {"expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"}],
)
def test_what_no_key_may_be_comes_back_with_the_form(admin_of, fields):
    page = add(admin_of("Administrator"), **fields)
    assert page.context["errors"]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Publisher"])
def test_others_see_no_keys(admin_of, role):
    row = services.create_key(name="website", role="Viewer").row
    client = admin_of(role)
    for name, arguments in (("changelist", []), ("add", []), ("change", [row.pk])):
        assert client.get(reverse(f"admin:access_apikey_{name}", args=arguments)).status_code == 403
    for name in ("rotate", "revoke"):
        answer = client.post(reverse(f"admin:access_apikey_{name}", args=[row.pk]))
        assert answer.status_code == 403
    row.refresh_from_db()
    assert row.is_usable
