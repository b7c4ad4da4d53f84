"""Suites and cases over HTTP: written one by one, imported and exported as files."""

import json
import uuid

import pytest

from core.api.cursors import write_cursor
from evaluations.models import TestCase, TestSuite
from evaluations.services import suites
from tests.api.problems import read_problem, walk

pytestmark = pytest.mark.django_db

CHECK = [{"type": "contains", "value": "a"}]
CASE = {
    "name": "greets 挨拶",
    "variables": {"name": "Aiko", "n": [1, None]},
    "expected": "Hi",
    "assertions": CHECK,
    "threshold": 0.5,
    "weight": 2,
    "tags": ["short"],
    "metadata": {"source": "mail"},
    "position": 3,
    "enabled": False,
}
YAML = """autoforge: suite/1
name: Smoke
cases:
  - name: one
    variables: {x: 1}
    assertions: [{type: contains, value: a}]
"""
PROMPTFOO = """prompts: ["Say {{x}}"]
providers: [echo]
tests:
  - vars: {x: 1}
    assert: [{type: equals, value: a}]
"""


@pytest.fixture
def suite():
    return suites.create_suite(name="Smoke", description="the first look")


def upload(client, body, content_type, **query):
    return client.client.generic(
        "POST",
        "/api/v1/suites/import",
        data=body if isinstance(body, bytes) else body.encode(),
        content_type=content_type,
        query_params={
            name: value if isinstance(value, list) else str(value) for name, value in query.items()
        },
    )


def test_a_suite_is_made_read_changed_thrown_away_and_taken_back(api):
    editor = api("Editor")
    made = editor.post("suites", {"name": "Smoke"})
    assert made.status_code == 201, made.content
    body = made.json()
    path = f"suites/{body['id']}"
    assert (body["name"], body["cases"], body["enabled_cases"]) == ("Smoke", 0, 0)
    assert editor.get(path).json() == body
    changed = editor.send("PATCH", path, {"description": "why"}).json()
    assert (changed["name"], changed["description"]) == ("Smoke", "why")

    read_problem(editor.send("DELETE", path), 403)
    assert api("Publisher").send("DELETE", path).status_code == 204
    for method, sent in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        read_problem(api().send(method, path, sent), 404)
    [item] = editor.get("trash/suites").json()["items"]
    assert item["id"] == body["id"]
    editor.post("suites", {"name": "Smoke"})
    trashed = f"trash/suites/{item['id']}"
    assert read_problem(editor.post(trashed), 422)["errors"][0]["code"] == "suite.name-taken"
    TestSuite.objects.all().delete()
    assert editor.post(trashed).json()["name"] == "Smoke"
    read_problem(editor.post(trashed), 404)


def test_a_case_is_added_read_changed_and_removed(api, suite):
    editor = api("Editor")
    made = editor.post(f"suites/{suite.pk}/cases", CASE)
    assert made.status_code == 201, made.content
    body = made.json()
    assert {name: body[name] for name in CASE} == CASE
    path = f"cases/{body['id']}"
    assert api("Viewer").get(path).json() == body
    changed = editor.send("PATCH", path, {"threshold": None, "enabled": True}).json()
    assert (changed["threshold"], changed["enabled"], changed["expected"]) == (None, True, "Hi")
    other = suites.create_suite(name="Other")
    moved = editor.send("PATCH", path, {"suite_id": str(other.pk)}).json()
    assert moved["suite_id"] == str(other.pk)
    read_problem(editor.send("PATCH", path, {"suite_id": str(uuid.uuid4())}), 404)
    counts = editor.get(f"suites/{other.pk}").json()
    assert (counts["cases"], counts["enabled_cases"]) == (1, 1)

    read_problem(editor.send("DELETE", path), 403)
    assert api("Publisher").send("DELETE", path).status_code == 204
    for method, sent in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        read_problem(api().send(method, path, sent), 404)


def test_cases_of_a_suite_in_the_trash_are_out_of_sight(api, suite):
    case = suites.create_case(suite_id=suite.pk, name="one")
    suites.delete_suites([suite.pk])
    path = f"cases/{case.pk}"
    for method, sent in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        read_problem(api().send(method, path, sent), 404)
    read_problem(api().get(f"suites/{suite.pk}/cases"), 404)
    read_problem(api().post(f"suites/{suite.pk}/cases", CASE), 404)
    assert TestCase.objects.get().name == "one"


def test_viewers_only_read(api, suite):
    case = suites.create_case(suite_id=suite.pk, name="one")
    viewer = api("Viewer")
    for path in ("suites", f"suites/{suite.pk}", f"suites/{suite.pk}/cases", f"cases/{case.pk}"):
        assert viewer.get(path).status_code == 200
    assert viewer.get(f"suites/{suite.pk}/export").status_code == 200
    read_problem(viewer.post("suites", {"name": "x"}), 403)
    read_problem(viewer.send("PATCH", f"suites/{suite.pk}", {"name": "x"}), 403)
    read_problem(viewer.post(f"suites/{suite.pk}/cases", CASE), 403)
    read_problem(viewer.send("PATCH", f"cases/{case.pk}", {"name": "x"}), 403)
    read_problem(upload(viewer, YAML, "application/yaml"), 403)


def test_suites_are_listed_by_name_searched_and_paged(api, django_assert_max_num_queries):
    for number in range(53):
        made = suites.create_suite(name=f"s{number:02}", description="朝" if number % 2 else "")
        suites.create_case(suite_id=made.pk, name="a")
        suites.create_case(suite_id=made.pk, name="b", enabled=False)
    client = api("Viewer")
    items = walk(client, "suites", limit=10)
    assert [item["name"] for item in items] == [f"s{number:02}" for number in range(53)]
    assert {(item["cases"], item["enabled_cases"]) for item in items} == {(2, 1)}
    assert len(walk(client, "suites", limit=10, search="朝")) == 26
    assert len(walk(client, "suites", limit=10, search="S1")) == 10
    assert [item["name"] for item in walk(client, "suites", limit=10, name="s07")] == ["s07"]
    with django_assert_max_num_queries(2):
        assert len(client.get("suites", limit=50).json()["items"]) == 50
    read_problem(client.get("suites", cursor="e30"), 422)


def test_cases_are_listed_in_their_order(api, suite, django_assert_max_num_queries):
    for number in range(55):
        suites.create_case(
            suite_id=suite.pk, name=f"c{number:02}", position=number // 10, enabled=number % 2 == 0
        )
    client = api("Viewer")
    path = f"suites/{suite.pk}/cases"
    assert [item["name"] for item in walk(client, path, limit=8)] == [
        f"c{number:02}" for number in range(55)
    ]
    assert len(walk(client, path, limit=8, enabled="true")) == 28
    assert len(walk(client, path, limit=8, search="c1")) == 10
    with django_assert_max_num_queries(3):  # the key, the suite, the cases
        assert len(client.get(path, limit=50).json()["items"]) == 50
    for cursor in ("x", write_cursor(["a", 1])):
        assert read_problem(client.get(path, cursor=cursor), 422)["code"] == "api.cursor"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"variables": []}, "variables"),
        ({"variables": {"x": "file://secret.txt"}}, "variables"),
        ({"assertions": {}}, "assertions"),
        ({"assertions": [{"type": "contians"}]}, "assertions[0]"),
        ({"assertions": [*CHECK, {"value": 1}]}, "assertions[1]"),
        ({"assertions": [{"type": "equals", "value": "file://x.py"}]}, "assertions"),
        ({"assertions": [1]}, "assertions[0]"),
        ({"threshold": 1.5}, "threshold"),
        ({"weight": -1}, "weight"),
        ({"tags": [""]}, "tags"),
        ({"position": -1}, "position"),
        ({"position": 10**30}, "position"),
        ({"enabled": "maybe"}, "enabled"),
        ({"check": 1}, "check"),
    ],
)
def test_wrong_cases_are_refused_at_their_field(api, suite, change, field):
    client = api("Editor")
    path = f"suites/{suite.pk}/cases"
    body = read_problem(client.post(path, CASE | change), 422)
    assert body["errors"][0]["field"] == field
    assert not TestCase.objects.exists()
    made = client.post(path, CASE).json()
    body = read_problem(client.send("PATCH", f"cases/{made['id']}", change), 422)
    assert body["errors"][0]["field"] == field
    assert read_problem(client.post(path, CASE), 422)["errors"][0]["code"] == "suite.case-exists"


@pytest.mark.parametrize(
    ("body", "content_type", "query", "cases"),
    [
        (YAML, "application/yaml", {}, ["one"]),
        (YAML, "text/plain", {"format": "yaml"}, ["one"]),
        (PROMPTFOO, "text/yaml; charset=utf-8", {"name": "P"}, None),
        (PROMPTFOO, "application/octet-stream", {"format": "promptfoo", "name": "P"}, None),
        (
            "question,answer\nwhat,that\n",
            "text/csv",
            {"mapping": ["variables.q=question", "expected=answer"], "assertion": "exact"},
            None,
        ),
        (json.dumps([{"vars": {"x": 1}, "assert": CHECK}]), "application/json", {}, None),
        (json.dumps({"vars": {"x": 1}, "assert": CHECK}), "application/x-ndjson", {}, None),
    ],
)
def test_a_suite_is_imported_from_any_format(api, body, content_type, query, cases):
    client = api("Editor")
    tried = upload(client, body, content_type, dry_run="true", **query)
    assert tried.status_code == 200, tried.content
    assert tried.json()["suite"] is None
    assert not TestSuite.objects.exists()
    made = upload(client, body, content_type, **query)
    assert made.status_code == 201, made.content
    imported = made.json()
    assert (imported["cases"], imported["suite"]["cases"]) == (1, 1)
    assert "all 1 cases have one" in imported["checks"][0]
    [case] = TestCase.objects.all()
    assert cases is None or [case.name] == cases
    assert case.assertions

    again = upload(client, body, content_type, **query)
    assert read_problem(again, 422)["errors"][0]["code"] == "suite.exists"
    replaced = upload(client, body, content_type, replace="true", **query)
    assert replaced.json()["suite"]["id"] == imported["suite"]["id"]


@pytest.mark.parametrize(
    ("body", "content_type", "query", "status"),
    [
        (YAML, "text/plain", {}, 422),
        ("", "application/yaml", {}, 422),
        ("{", "application/json", {}, 422),
        ("tests: file:///etc/passwd\nprompts: [x]\n", "application/yaml", {}, 422),
        (YAML, "application/yaml", {"mapping": ["expected=x"]}, 422),
        (YAML, "application/yaml", {"mapping": ["nonsense"]}, 422),
        (YAML, "application/yaml", {"format": "pdf"}, 422),
        (b"PK\x03\x04", "application/octet-stream", {"format": "xlsx"}, 422),
        (b"\xff\xfe\x00", "text/csv", {}, 422),
    ],
)
def test_a_file_that_is_wrong_is_refused(api, body, content_type, query, status):
    answer = upload(api(), body, content_type, **query)
    assert "root:" not in read_problem(answer, status)["detail"]
    assert not TestSuite.objects.exists()


def test_a_file_that_is_too_large_is_refused(api):
    body = b"# " + b"x" * (20 * 1024 * 1024)
    assert upload(api(), body, "application/yaml").status_code == 413
    assert not TestSuite.objects.exists()


@pytest.mark.parametrize(
    ("kind", "accept"),
    [("yaml", "*/*"), ("promptfoo", "application/yaml"), ("csv", "text/csv"), ("jsonl", "*/*")],
)
def test_an_exported_suite_is_imported_again(api, suite, kind, accept):
    suites.create_case(
        suite_id=suite.pk, name="one", variables={"x": "愛"}, assertions=CHECK, expected="e"
    )
    client = api("Editor")
    answer = client.get(f"suites/{suite.pk}/export", format=kind, headers={"Accept": accept})
    assert answer.status_code == 200, answer.content
    assert "attachment" in answer["Content-Disposition"]
    back = upload(client, answer.content, answer["Content-Type"], name="Copy")
    assert back.status_code == 201, back.content
    [case] = TestCase.objects.filter(suite__name="Copy")
    assert case.variables == {"x": "愛"}
    assert case.assertions[0]["type"] == "contains"
    read_problem(client.get(f"suites/{suite.pk}/export", format="pdf"), 422)
    read_problem(client.get(f"suites/{uuid.uuid4()}/export"), 404)
