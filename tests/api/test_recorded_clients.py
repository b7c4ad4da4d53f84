"""What the real clients asked and were answered (`make clients`), asked again: a change that they
would not bear fails here, without their registries.
"""

import base64
import json
from pathlib import Path

import pytest
from django.test import Client

from core.access import services as keys

pytestmark = pytest.mark.django_db
FOLDER = Path(__file__).resolve().parents[1] / "data" / "clients"
RECORDINGS = sorted(FOLDER.glob("*.json"))
CONDITIONS = ("if-none-match", "if-match")


def find_shape(value):
    """Return what a client relies on: members and types, not the values."""
    if isinstance(value, dict):
        return {name: find_shape(member) for name, member in value.items()}
    if isinstance(value, list):
        shapes = []
        for item in value:
            shape = find_shape(item)
            if shape not in shapes:
                shapes.append(shape)
        return shapes
    return type(value).__name__


@pytest.fixture
def authorize(db):
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


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_client_is_answered_as_it_was(path, authorize):
    etags = {}
    for number, exchange in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        request, expected = exchange["request"], exchange["answer"]
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
        assert find_shape(body) == find_shape(expected["body"]), where


def test_the_recordings_are_there_and_hold_no_key():
    assert {path.stem for path in RECORDINGS} >= {"autoforge", "langfuse", "mcp", "otel"}
    for path in RECORDINGS:
        text = path.read_text(encoding="utf-8")
        assert "authorization" not in text.lower()
        assert '"af_' not in text
