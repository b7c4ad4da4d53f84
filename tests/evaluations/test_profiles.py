"""Model profiles on their page: addresses that are not asked, models that are missing."""

from uuid import uuid4

import pytest
from django.urls import reverse

from core.errors import InvalidInputError, NotFoundError
from evaluations.models import ModelProfile
from evaluations.services import profiles

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "mine", "provider": "openai", "model": "gpt-4.1", "base_url": "", "parameters": "{}",
    "concurrency": "2", "timeout_seconds": "10",
}  # fmt: skip
ADDRESS = "This address is link-local, private"
ROWS = [
    ({}, "", ""),
    ({"base_url": "http://169.254.169.254/latest"}, ADDRESS, ""),
    ({"base_url": "http://[::ffff:169.254.169.254]/v1"}, ADDRESS, ""),
    ({"base_url": "http://10.0.0.7/v1"}, ADDRESS, ""),
    ({"base_url": "http://127.0.0.1:11434/v1"}, ADDRESS, ""),
    ({"base_url": "http://10.0.0.7/v1"}, "", "10.0.0.0/8"),
    ({"base_url": "http://127.0.0.1:11434/v1"}, "", "loopback"),
    ({"base_url": "https://models.example/v1?api-version=1"}, "", ""),
    ({"model": ""}, "This provider requires a model", ""),
    ({"provider": "echo", "model": ""}, "", ""),
]


@pytest.mark.parametrize(("fields", "refusal", "networks"), ROWS, ids=range(len(ROWS)))
def test_what_a_profile_may_hold(settings, client, owner, fields, refusal, networks):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    settings.PROVIDER_ENVIRONMENT = {"MODEL_ALLOWED_NETWORKS": networks}
    client.force_login(owner)
    reply = client.post(reverse("admin:evaluations_modelprofile_add"), FIELDS | fields)
    assert reply.status_code == (200 if refusal else 302)
    assert refusal in reply.content.decode()
    assert ModelProfile.objects.count() == (0 if refusal else 1)


def test_parameters_that_the_model_does_not_take_are_named(settings, client, owner):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    fields = {"model": "gpt-5-mini", "parameters": '{"temperature": 0, "seed": 1}'}
    reply = client.post(reverse("admin:evaluations_modelprofile_add"), FIELDS | fields, follow=True)
    assert "does not accept these parameters: temperature." in reply.content.decode()


PROFILE = {"name": "mine", "provider": "openai", "model": "gpt-4.1"}
REFUSED = [
    ({"name": ""}, "name", "This field cannot be blank."),
    ({"name": "taken"}, "name", "Model profile with this Name already exists."),
    ({"model": ""}, "model", "This provider requires a model."),
    ({"provider": "replay"}, "provider", "Unknown provider “replay”; available: openai, anth"),
    (
        {"base_url": "ftp://models.example"},
        "base_url",
        "The address must start with http:// or https:",
    ),
    (
        {"base_url": "http://me:pass@models.example"},
        "base_url",
        "The address must start with http://",
    ),
    (
        {"base_url": "http://10.0.0.7/v1"},
        "base_url",
        "This address is link-local, private or belongs",
    ),
    ({"parameters": {"api_key": "abc"}}, "parameters", "“api_key” cannot be stored here. Set keys"),
    ({"parameters": []}, "parameters", "must be a JSON object"),
    ({"concurrency": 0}, "concurrency", "Ensure this value is greater than or equal to 1."),
    ({"concurrency": 10**6}, "concurrency", "Concurrency must be an integer from 1 to"),
    (
        {"key": "abc"},
        "key",
        "unknown field; allowed fields: base_url, concurrency, input_usd_per_mill",
    ),
]


@pytest.mark.parametrize(("fields", "field", "message"), REFUSED)
def test_a_bad_profile_is_refused_by_field(settings, fields, field, message):
    settings.PROVIDER_ENVIRONMENT = {"MODEL_ALLOWED_NETWORKS": ""}
    profiles.create_profile(name="taken", provider="echo")
    row = profiles.create_profile(**PROFILE)
    with pytest.raises(InvalidInputError) as created:
        profiles.create_profile(**(PROFILE | {"name": "new"} | fields))
    with pytest.raises(InvalidInputError) as edited:
        profiles.edit_profile(profile_id=row.pk, **fields)
    assert created.value.messages == edited.value.messages
    assert created.value.messages.keys() == {field}
    assert created.value.messages[field].startswith(message)
    assert ModelProfile.objects.count() == 2


def test_a_profile_is_changed_and_removed():
    row = profiles.create_profile(**PROFILE, concurrency=2)
    profiles.edit_profile(profile_id=row.pk, name="mine", base_url="https://models.example/v1")
    row.refresh_from_db()
    assert (row.base_url, row.concurrency) == ("https://models.example/v1", 2)
    assert profiles.delete_profiles([row.pk, uuid4()]) == 1
    with pytest.raises(NotFoundError, match=f"there is no model profile {row.pk}"):
        profiles.edit_profile(profile_id=row.pk, model="m")


def test_the_page_changes_and_removes_a_profile(settings, client, owner):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    row = profiles.create_profile(**PROFILE)
    page = reverse("admin:evaluations_modelprofile_change", args=[row.pk])
    assert client.post(page, FIELDS | {"concurrency": "3"}).status_code == 302
    assert ModelProfile.objects.get().concurrency == 3
    page = reverse("admin:evaluations_modelprofile_delete", args=[row.pk])
    assert client.post(page, {"post": "yes"}).status_code == 302
    assert not ModelProfile.objects.exists()
