"""The fake of Turso is true: what Turso's own client asked it (`make clients`), asked again."""

import http.client
import json
from pathlib import Path

import pytest

from tests.support.fake_turso import FakeTurso
from tests.support.turso_schema import TursoSchema

ROOT = Path(__file__).resolve().parents[4]
RECORDING = ROOT / "tests" / "data" / "turso" / "api-client.json"


def find_shape(value):
    """Return what a client relies on: members and types, not the values."""
    if isinstance(value, dict):
        return {name: find_shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [find_shape(item) for item in value]
    return type(value).__name__


def ask(fake: FakeTurso, request: dict) -> tuple[int, str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", int(fake.url.rpartition(":")[2]))
    token = fake.token if request["caller"] == "Bearer platform" else "wrong"
    body = None if request["body"] is None else json.dumps(request["body"])
    try:
        headers = {"Authorization": f"Bearer {token}"}
        connection.request(request["method"], request["path"], body, headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    kind = response.getheader("Content-Type", "").partition(";")[0]
    return response.status, kind, json.loads(content) if content else None


def test_turso_s_own_client_is_answered_as_it_was(fake):
    fake.groups.clear()  # the client makes its own
    exchanges = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert len(exchanges) == 28
    for number, exchange in enumerate(exchanges):
        request, expected = exchange["request"], exchange["answer"]
        status, kind, body = ask(fake, request)
        where = f"{number}: {request['method']} {request['path']}"
        assert (status, kind) == (expected["status"], expected["type"]), where
        assert find_shape(body) == find_shape(expected["body"]), where


def test_the_recording_has_no_token():
    text = RECORDING.read_text(encoding="utf-8")
    assert "eyJ" not in text
    assert "platform-" not in text


REQUESTS = [
    ("POST", "/v1/organizations/a/databases", {}, {"name": "x", "group": "g"}, []),
    ("POST", "/v1/organizations/a/databases", {}, {"name": "x"}, ["'group' is a required"]),
    ("POST", "/v1/organizations/a/databases", {}, {"name": 7, "group": "g"}, ["7 is not of type"]),
    ("POST", "/v1/organizations/a/databases", {}, None, ["there is no body"]),
    (
        "POST",
        "/v1/organizations/a/databases",
        {},
        {"name": "x", "group": "g", "seed": {"value": "y"}},
        ["Additional properties are not allowed ('value'"],
    ),
    ("GET", "/v1/locations", {}, {"a": 1}, ["there is a body"]),
    ("GET", "/v1/locations", {"x": "1"}, None, ["the query has x"]),
    (
        "POST",
        "/v1/organizations/a/databases/d/auth/tokens",
        {"authorization": "rw"},
        None,
        ["authorization is rw"],
    ),
]


@pytest.mark.parametrize(("method", "path", "query", "body", "expected"), REQUESTS)
def test_the_document_judges_requests(method, path, query, body, expected):
    schema = TursoSchema()
    faults = list(schema.list_request_faults(schema.find(method, path), query, body))
    assert len(faults) == len(expected)
    for fault, part in zip(faults, expected, strict=True):
        assert part in fault


ANSWERS = [
    ("GET", "/v1/locations", 200, {"locations": {"x": "y"}}, []),
    ("GET", "/v1/locations", 200, {"locations": {"x": 1}}, ["is not of type 'string'"]),
    ("GET", "/v1/locations", 200, {"regions": {}}, ["'regions' was unexpected"]),
    ("GET", "/v1/locations", 404, {}, ["status 404"]),
    ("GET", "/v1/locations", 401, {"error": "x"}, []),
    ("POST", "/v1/organizations/a/databases/d/auth/rotate", 200, None, []),
    ("POST", "/v1/organizations/a/databases/d/auth/rotate", 200, {}, ["there is a body"]),
    (
        "GET",
        "/v1/organizations/a/databases/d",
        200,
        {"database": {"name": "x"}},
        ["'name' was unexpected"],
    ),
    ("GET", "/v1/organizations/a/databases/d", 404, {"error": 1}, ["is not of type 'string'"]),
]


@pytest.mark.parametrize(("method", "path", "status", "body", "expected"), ANSWERS)
def test_the_document_judges_answers(method, path, status, body, expected):
    schema = TursoSchema()
    faults = list(schema.list_answer_faults(schema.find(method, path), status, body))
    assert len(faults) == len(expected)
    for fault, part in zip(faults, expected, strict=True):
        assert part in fault


def test_a_path_that_turso_does_not_have():
    assert TursoSchema().find("GET", "/v1/nothing") is None
