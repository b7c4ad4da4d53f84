"""The API and its document say the same: schemathesis asks every operation, and judges."""

import json
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from jsonschema import Draft202012Validator

from autoforge.api.mount import ROUTER, document
from autoforge.wsgi import application
from core.access import services as keys
from evaluations.models import ModelProfile, ReleaseGate, TestCase, TestSuite
from prompts import services as prompts

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = 3
FILES = (
    "application/jsonl",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
existing: dict[str, str] = {}


@schemathesis.serializer(*FILES)
def write_file(_context, value):
    """Send what it makes up as a file: it knows no such types."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture
def one_connection():
    """Keep the connection, whose transaction is the test's, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def key(db, one_connection) -> str:
    """Give a key, and something of each kind to find."""
    prompt = prompts.create_prompt(title="Reply", name="support/reply", content="Hi {{ name }}")
    prompts.edit_prompt(prompt_id=prompt.pk, content="Hello {{ name }}")
    prompts.move_label(prompt_id=prompt.pk, label="beta", number=1)
    trashed = prompts.create_prompt(title="Old", name="old", content="Old")
    prompts.delete_prompt(prompt_id=trashed.pk)
    suite = TestSuite.objects.create(name="Suite")
    case = TestCase.objects.create(suite=suite, position=1, name="Case")
    profile = ModelProfile.objects.create(name="Echo", provider="echo")
    gate = ReleaseGate.objects.create(prompt=prompt, suite=suite, pass_rate=0.9)
    existing.update(
        {
            "name": "support/reply",
            "label": "beta",
            "number": "1",
            "/trash/prompts/": str(trashed.pk),
            "/suites/": str(suite.pk),
            "/cases/": str(case.pk),
            "/profiles/": str(profile.pk),
            "/gates/": str(gate.pk),
        }
    )
    return keys.create_key(name="schemathesis", role="Administrator", requests_per_minute=0).text


def find_existing(path: str, name: str) -> str | None:
    """Return what there is in the place of a path's parameter."""
    if name != "id":
        return existing.get(name)
    for part, value in existing.items():
        if part.startswith("/") and part in path:
            return value
    return None


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_every_operation_answers_as_its_document_says(case, key):
    headers = {}
    if "Authorization" not in case.headers:  # else it is made up, to be refused
        headers = {"Authorization": f"Bearer {key}"}
    if case.meta.generation.mode.is_positive:
        ask_for_what_there_is(case)
    case.call_and_validate(headers=headers)


def ask_for_what_there_is(case) -> None:
    """Put the names and IDs of what there is into every second path."""
    if len(json.dumps(case.path_parameters, default=str)) % 2:
        return
    for name in case.path_parameters:
        value = find_existing(case.operation.path, name)
        if value is not None:
            case.path_parameters[name] = value


def test_the_document_is_openapi_3_1_with_schemas_that_are_schemas():
    body = json.loads(document())
    assert body["openapi"].startswith("3.1")
    assert len(body["components"]["schemas"]) > 20
    for definition in body["components"]["schemas"].values():
        Draft202012Validator.check_schema(definition)


def test_every_operation_is_described_and_names_its_permission():
    body = json.loads(document())
    operations = [
        (method, path, operation)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "responses" in operation
    ]
    routed = sum(len(route.callback.view_class.api_endpoints) for route in ROUTER.urls)
    assert len(operations) == routed
    for method, path, operation in operations:
        assert operation.get("summary"), (method, path)
        assert "x-permission" in operation, (method, path)
        assert {"401", "403", "429", "503"} <= set(operation["responses"]), (method, path)
    identities = [operation["operationId"] for _method, _path, operation in operations]
    assert len(set(identities)) == len(identities)


def test_the_configuration_of_schemathesis_is_found():
    assert (ROOT / "schemathesis.toml").is_file()


def test_every_parameter_is_described_by_a_text_of_its_own():
    paths = json.loads(document())["paths"]
    for path, methods in paths.items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            for parameter in methods[method].get("parameters", []):
                assert parameter["description"], (method, path, parameter["name"])


def test_members_are_described_by_what_stands_below_them():
    schemas = json.loads(document())["components"]["schemas"]
    assert schemas["Problem"]["properties"]["code"]["description"]
    described = [
        member
        for definition in schemas.values()
        for member in definition.get("properties", {}).values()
        if "description" in member
    ]
    assert len(described) > 150


def test_what_succeeds_is_no_problem():
    for path, methods in json.loads(document())["paths"].items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            for status, answer in methods[method]["responses"].items():
                is_problem = "application/problem+json" in answer.get("content", {})
                # 414 comes from the server in front, which has no sentences.
                should_be = status >= "400" and status != "414"
                assert is_problem == should_be, (method, path, status)


def test_a_file_is_a_body():
    paths = json.loads(document())["paths"]
    operation = paths["/api/v1/suites/import"]["post"]
    assert "x-file-types" not in operation
    assert set(operation["requestBody"]["content"]) >= {"text/csv", "application/yaml"}
    assert operation["requestBody"]["required"]
