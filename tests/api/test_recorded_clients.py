"""What the real clients asked and were answered (`make clients`), asked again: a change that they
would not bear fails here, without their registries.
"""

import base64
import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from autoforge.background import wait_until_idle
from core.access import services as keys
from tests.support.fake_models import FakeModels

FOLDER = Path(__file__).resolve().parents[1] / "data" / "clients"
RECORDINGS = sorted(FOLDER.glob("*.json"))
CONDITIONS = ("if-none-match", "if-match")
MODELS_URL = "http://models.invalid"  # what a recording has for the address of the fake models
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Runs work in the background, after the commit.
WITH_RUNS = pytest.mark.django_db(transaction=True)
WITHOUT_RUNS = pytest.mark.django_db


def find_shape(value):
    """Return what a client relies on: members and types, not the values."""
    if isinstance(value, dict):
        # An object may be keyed by IDs, such as the progress of a run by those of its columns.
        return {UUID.sub("ID", name): find_shape(member) for name, member in value.items()}
    if isinstance(value, list):
        shapes = []
        for item in value:
            shape = find_shape(item)
            if shape not in shapes:
                shapes.append(shape)
        return shapes
    return type(value).__name__


def match_ids(recorded, actual):
    """Yield the IDs of a recorded answer with those at the same places of this one."""
    if isinstance(recorded, dict) and isinstance(actual, dict):
        for name, member in recorded.items():
            yield from match_ids(member, actual.get(name))
    elif isinstance(recorded, list) and isinstance(actual, list):
        for one, other in zip(recorded, actual, strict=False):
            yield from match_ids(one, other)
    elif isinstance(recorded, str) and isinstance(actual, str) and UUID.fullmatch(recorded):
        yield recorded, actual


def load_recordings():
    for path in RECORDINGS:
        has_runs = '"/api/v1/runs"' in path.read_text(encoding="utf-8")
        yield pytest.param(path, marks=WITH_RUNS if has_runs else WITHOUT_RUNS, id=path.stem)


@pytest.fixture
def models():
    with closing(FakeModels()) as server:
        yield server


@pytest.fixture
def authorize(request):
    # Of the test's own kind: one with transactions empties the tables when it ends.
    marker = request.node.get_closest_marker("django_db")
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    call_command("sync_roles", verbosity=0)
    texts = {"-": "af_wrong"}
    for role in ("Administrator", "Viewer"):
        new = keys.create_key(name=f"clients {role}", role=role, requests_per_minute=0)
        texts[role] = new.text

    def headers(caller):
        scheme, _, role = caller.partition(" ")
        if not scheme:
            return {}
        value = texts[role]
        if scheme == "Basic":
            value = base64.b64encode(f"autoforge:{value}".encode()).decode()
        return {"Authorization": f"{scheme} {value}"}

    return headers


def ask(request, headers):
    body = request.get("body")
    data = b""
    if "base64" in request:  # protobuf, or compressed
        data = base64.b64decode(request["base64"])
    elif body is not None:
        text = body if isinstance(body, str) else json.dumps(body)
        data = text.encode()
    return Client().generic(
        request["method"],
        request["path"],
        data=data,
        content_type=headers.pop("content-type", "application/octet-stream"),
        headers=headers,
    )


@pytest.mark.parametrize("path", list(load_recordings()))
def test_a_recorded_client_is_answered_as_it_was(path, authorize, models):
    etags = {}
    ids = {}
    for number, exchange in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        expected = exchange["answer"]
        sent = json.dumps(exchange["request"]).replace(MODELS_URL, models.url)
        request = json.loads(UUID.sub(lambda match: ids.get(match[0], match[0]), sent))
        headers = dict(request["headers"])
        for name in CONDITIONS:
            if name in headers:  # the tag that this server gave where that one gave its own
                headers[name] = etags[headers[name]]
        answer = ask(request, headers | authorize(request["caller"]))
        content = answer.getvalue()  # of a stream all its pieces
        text = content.decode(errors="replace")  # protobuf is none
        where = f"{number}: {request['method']} {request['path']}: {text}"
        assert answer.status_code == expected["status"], where
        assert answer.get("Content-Type", "").partition(";")[0] == expected["type"], where
        assert bool(answer.get("ETag")) == bool(expected["etag"]), where
        etags[expected["etag"]] = answer.get("ETag")
        body = None
        if content:
            is_json = expected["type"].endswith("json")
            body = json.loads(content) if is_json else text
        ids.update(match_ids(expected["body"], body))
        if (request["method"], request["path"]) == ("POST", "/api/v1/runs"):
            wait_until_idle(20)
        assert find_shape(body) == find_shape(expected["body"]), where


def test_the_recordings_are_there_and_hold_no_key():
    assert {path.stem for path in RECORDINGS} >= {
        "autoforge",
        "langfuse",
        "mcp",
        "openai",
        "otel",
        "promptfoo",
    }
    for path in RECORDINGS:
        text = path.read_text(encoding="utf-8")
        assert "authorization" not in text.lower()
        assert '"af_' not in text
