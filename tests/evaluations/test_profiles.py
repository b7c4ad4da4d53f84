"""Model profiles on their page: addresses that are not asked, models that are missing."""

import pytest
from django.urls import reverse

from evaluations.models import ModelProfile

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "mine", "provider": "openai", "model": "gpt-4.1", "base_url": "", "parameters": "{}",
    "concurrency": "2", "timeout_seconds": "10",
}  # fmt: skip
ADDRESS = "No model is asked at this address"
ROWS = [
    ({}, "", ""),
    ({"base_url": "http://169.254.169.254/latest"}, ADDRESS, ""),
    ({"base_url": "http://[::ffff:169.254.169.254]/v1"}, ADDRESS, ""),
    ({"base_url": "http://10.0.0.7/v1"}, ADDRESS, ""),
    ({"base_url": "http://127.0.0.1:11434/v1"}, ADDRESS, ""),
    ({"base_url": "http://10.0.0.7/v1"}, "", "10.0.0.0/8"),
    ({"base_url": "http://127.0.0.1:11434/v1"}, "", "loopback"),
    ({"base_url": "https://models.example/v1?api-version=1"}, "", ""),
    ({"model": ""}, "This provider needs a model", ""),
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
    assert "does not take these parameters as they are: temperature." in reply.content.decode()
