"""Model profiles over HTTP: read by everybody with a role, written by administrators."""

import pytest

from evaluations.models import ModelProfile
from evaluations.services import profiles
from tests.api.problems import read_problem, walk

pytestmark = pytest.mark.django_db

PROFILE = {
    "name": "Fast 速い",
    "provider": "openai",
    "model": "gpt-5-mini",
    "parameters": {"max_tokens": 100, "temperature": 0.5},
    "concurrency": 8,
    "requests_per_minute": 60,
    "timeout_seconds": 30,
    "input_usd_per_million": 0.1,
    "output_usd_per_million": 2,
}


def test_a_profile_is_made_read_changed_and_removed(api):
    admin = api()
    made = admin.post("profiles", PROFILE)
    assert made.status_code == 201, made.content
    body = made.json()
    assert {name: body[name] for name in PROFILE} == PROFILE
    assert body["tokens_per_minute"] is None
    assert body["unsent_parameters"] == ["temperature", "max_tokens"]
    path = f"profiles/{body['id']}"
    assert api("Viewer").get(path).json() == body

    change = {"requests_per_minute": None, "input_usd_per_million": None, "concurrency": 2}
    changed = admin.send("PATCH", path, change).json()
    assert {name: changed[name] for name in change} == change
    assert changed["output_usd_per_million"] == 2
    assert admin.send("PATCH", path, {}).json()["name"] == PROFILE["name"]

    assert admin.send("DELETE", path).status_code == 204
    read_problem(admin.get(path), 404)
    read_problem(admin.send("PATCH", path, {}), 404)
    read_problem(admin.send("DELETE", path), 404)


def test_prices_are_kept_as_they_were_written(api):
    api().post("profiles", PROFILE | {"input_usd_per_million": 0.000001})
    assert str(ModelProfile.objects.get().input_usd_per_million) == "0.000001"


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Publisher"])
def test_other_roles_only_read(api, role):
    profile = profiles.create_profile(name="Echo", provider="echo")
    client = api(role)
    path = f"profiles/{profile.pk}"
    assert client.get(path).json()["name"] == "Echo"
    assert len(client.get("profiles").json()["items"]) == 1
    read_problem(client.post("profiles", PROFILE), 403)
    read_problem(client.send("PATCH", path, {"name": "x"}), 403)
    read_problem(client.send("DELETE", path), 403)
    assert ModelProfile.objects.get().name == "Echo"


def test_profiles_are_listed_by_name_and_filtered(api, django_assert_max_num_queries):
    for number in range(55):
        provider = "echo" if number % 5 else "local"
        profiles.create_profile(name=f"m{number:02}", provider=provider)
    client = api("Viewer")
    names = [item["name"] for item in walk(client, "profiles", limit=20)]
    assert names == [f"m{number:02}" for number in range(55)]
    locals_ = walk(client, "profiles", limit=4, provider="local")
    assert [item["name"] for item in locals_] == [f"m{n:02}" for n in range(0, 55, 5)]
    assert len(walk(client, "profiles", limit=4, search="M1")) == 10
    with django_assert_max_num_queries(2):
        assert len(client.get("profiles", limit=50).json()["items"]) == 50
    assert read_problem(client.get("profiles", cursor="x"), 422)["code"] == "api.cursor"
    read_problem(client.get("profiles", limit=0), 422)
    read_problem(client.get("profiles", order="name"), 422)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": None}, "name"),
        ({"name": "zero\0"}, "name"),
        ({"provider": "nobody"}, "provider"),
        ({"provider": "replay"}, "provider"),
        ({"model": ""}, "model"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "https://user:secret@example.com"}, "base_url"),
        ({"base_url": "http://169.254.169.254/"}, "base_url"),
        ({"parameters": {"api_key": "sk-1234567890"}}, "parameters"),
        ({"parameters": []}, "parameters"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": -1}, "concurrency"),
        ({"concurrency": 10**30}, "concurrency"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"requests_per_minute": 10**30}, "requests_per_minute"),
        ({"input_usd_per_million": -1}, "input_usd_per_million"),
        ({"input_usd_per_million": 1e300}, "input_usd_per_million"),
        ({"input_usd_per_million": 0.0000001}, "input_usd_per_million"),
        ({"key": "sk-1"}, "key"),
    ],
)
def test_wrong_input_is_refused_at_its_field(api, change, field):
    client = api()
    body = read_problem(client.post("profiles", PROFILE | change), 422)
    assert body["errors"][0]["field"] == field
    assert "sk-1234567890" not in str(body)
    assert not ModelProfile.objects.exists()
    made = client.post("profiles", PROFILE).json()
    body = read_problem(client.send("PATCH", f"profiles/{made['id']}", change), 422)
    assert body["errors"][0]["field"] == field
    assert client.get(f"profiles/{made['id']}").json() == made


def test_a_name_is_taken_once_and_a_request_carried_out_once(api):
    client = api()
    key = {"Idempotency-Key": "p1"}
    first = client.post("profiles", PROFILE, headers=key)
    again = client.post("profiles", PROFILE, headers=key)
    assert first.content == again.content
    body = read_problem(client.post("profiles", PROFILE), 422)
    assert body["errors"][0]["field"] == "name"
    assert ModelProfile.objects.count() == 1
