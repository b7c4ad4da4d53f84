"""Release gates over HTTP: written by publishers, each change with its actor."""

import uuid
from datetime import datetime

import pytest

from core.api.cursors import write_cursor
from evaluations.models import ReleaseGate
from evaluations.services import gates
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_label_rule, create_prompt
from tests.api.problems import read_problem, walk

pytestmark = pytest.mark.django_db

CHECK = [{"type": "contains", "value": "a"}]


@pytest.fixture
def prompt():
    return create_prompt(title="P", name="support/p", content="x")


@pytest.fixture
def suite():
    return make_suite("S")


def make_suite(name, assertions=CHECK):
    suite = create_suite(name=name)
    create_case(suite_id=suite.pk, name="one", assertions=assertions)
    return suite


def test_a_gate_is_made_read_changed_and_removed(api, prompt, suite):
    publisher = api("Publisher")
    actor = publisher.get("me").json()["name"]
    made = publisher.post("gates", {"prompt": "support/p", "suite_id": str(suite.pk)})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["prompt"], body["suite"]) == ("support/p", "S")
    assert (body["prompt_id"], body["suite_id"]) == (str(prompt.pk), str(suite.pk))
    assert (body["pass_rate"], body["lower_bound"]) == (0.8, None)
    path = f"gates/{body['id']}"
    assert api("Viewer").get(path).json() == body

    other = make_suite("T")
    changed = publisher.send(
        "PATCH", path, {"suite_id": str(other.pk), "lower_bound": 0.5, "pass_rate": 1}
    ).json()
    assert (changed["suite"], changed["lower_bound"], changed["pass_rate"]) == ("T", 0.5, 1)
    publisher.send("PATCH", path, {})  # nothing differs: no event
    assert publisher.send("PATCH", path, {"lower_bound": None}).json()["lower_bound"] is None

    assert publisher.send("DELETE", path).status_code == 204
    for method, sent in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert read_problem(publisher.send(method, path, sent), 404)["code"] == "gate.missing"

    events = walk(publisher, f"{path}/history", limit=2)
    assert [event["kind"] for event in events] == ["deleted", "changed", "changed", "created"]
    assert {event["actor"] for event in events} == {actor}
    assert events[1]["changes"] == [{"field": "lower_bound", "before": 0.5, "after": None}]
    assert walk(publisher, "gates/history", limit=3, prompt="support/p") == events
    read_problem(publisher.get(f"gates/{uuid.uuid4()}/history"), 404)
    read_problem(publisher.get("gates/history", prompt="none"), 404)
    read_problem(publisher.get("gates/history"), 422)


@pytest.mark.parametrize("role", ["Viewer", "Editor"])
def test_other_roles_only_read(api, role, prompt, suite):
    gate = gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk)
    client = api(role)
    path = f"gates/{gate.pk}"
    assert client.get(path).status_code == 200
    assert client.get(f"{path}/history").status_code == 200
    body = {"prompt": "support/p", "suite_id": str(make_suite("T").pk)}
    read_problem(client.post("gates", body), 403)
    read_problem(client.send("PATCH", path, {"pass_rate": 0.1}), 403)
    read_problem(client.send("DELETE", path), 403)
    assert ReleaseGate.objects.get().pass_rate == 0.8


def test_gates_are_listed_newest_first_and_filtered(api, suite, django_assert_max_num_queries):
    for number in range(52):
        prompt = create_prompt(title=f"P{number}", name=f"p{number}", content="x")
        gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk)
    other = make_suite("T")
    gates.create_gate(prompt_id=prompt.pk, suite_id=other.pk)
    client = api("Viewer")
    # Rows of the same millisecond stand by their IDs: none is left out, none comes twice.
    items = walk(client, "gates", limit=7)
    assert len({item["id"] for item in items}) == len(items) == 53
    made = [datetime.fromisoformat(item["created_at"]) for item in items]
    assert made == sorted(made, reverse=True)
    with django_assert_max_num_queries(3):  # the key, the gates, the labels
        page = client.get("gates", limit=50).json()
    assert len(page["items"]) == 50
    assert page["checked_labels"] == []
    create_label_rule(label="stable", is_protected=False, needs_checks=True)
    assert client.get("gates").json()["checked_labels"] == ["stable"]
    assert [item["suite"] for item in walk(client, "gates", limit=9, prompt="p51")] == ["T", "S"]
    assert len(walk(client, "gates", limit=9, suite_id=other.pk)) == 1
    for cursor in ("x", write_cursor(["2026", "x"]), write_cursor([1, 2])):
        assert read_problem(client.get("gates", cursor=cursor), 422)["code"] == "api.cursor"


@pytest.mark.parametrize(
    ("change", "field", "status"),
    [
        ({"pass_rate": 0}, "pass_rate", 422),
        ({"pass_rate": 1.1}, "pass_rate", 422),
        ({"pass_rate": None}, "pass_rate", 422),
        ({"lower_bound": -1}, "lower_bound", 422),
        ({"suite_id": "x"}, "suite_id", 422),
        ({"suite_id": str(uuid.UUID(int=7))}, "suite", 422),
        ({"prompt": "none"}, None, 404),
        ({"prompt": ""}, "prompt", 422),
        ({"rate": 1}, "rate", 422),
    ],
)
def test_wrong_input_is_refused_at_its_field(api, prompt, suite, change, field, status):
    body = {"prompt": "support/p", "suite_id": str(suite.pk)} | change
    problem = read_problem(api().post("gates", body), status)
    if field:
        assert problem["errors"][0]["field"] == field
    assert not ReleaseGate.objects.exists()


def test_no_gate_stands_on_a_suite_that_checks_nothing_or_twice(api, prompt, suite):
    empty = make_suite("Empty", [])
    body = {"prompt": "support/p", "suite_id": str(empty.pk)}
    assert "has an assertion" in read_problem(api().post("gates", body), 422)["detail"]
    body["suite_id"] = str(suite.pk)
    assert api().post("gates", body).status_code == 201
    assert read_problem(api().post("gates", body), 422)["errors"][0]["code"] == "gate.twice"
