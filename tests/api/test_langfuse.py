"""Langfuse's prompt API: the answers that its clients read, and what they would get wrong."""

import base64
import json

import pytest
from django.db import OperationalError
from django.test import Client

from core.access import services as keys
from prompts import services
from prompts.models import Prompt

pytestmark = pytest.mark.django_db


class Langfuse:
    """Sends requests as Langfuse's clients do."""

    def __init__(self, role: str) -> None:
        key = keys.create_key(name=f"langfuse {role}", role=role, requests_per_minute=0).text
        value = base64.b64encode(f"autoforge:{key}".encode()).decode()
        self.client = Client(headers={"Authorization": f"Basic {value}"})

    def __call__(self, method: str, path: str, body: object = None, **query: object):
        """Send a request below /api/public."""
        return self.client.generic(
            method,
            f"/api/public/{path}",
            data=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            query_params={name: str(value) for name, value in query.items()},
        )


@pytest.fixture
def langfuse(db):
    return Langfuse("Administrator")


def error(answer, status: int, name: str) -> str:
    assert (answer.status_code, answer.json()["error"]) == (status, name), answer.content
    assert set(answer.json()) == {"message", "error"}
    return answer.json()["message"]


NEW = {"name": "support/reply", "prompt": "Hi {{name}}", "labels": ["production"], "tags": ["mail"]}


def test_a_text_is_created_and_read(langfuse):
    made = langfuse("POST", "v2/prompts", NEW | {"config": {"model": "m"}, "commitMessage": "why"})
    assert made.status_code == 201, made.content
    body = langfuse("GET", "v2/prompts/support%2Freply").json()
    assert body == made.json()
    assert body | {"id": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "name": "support/reply",
        "version": 1,
        "type": "text",
        "prompt": "Hi {{name}}",
        "config": {"model": "m"},
        "labels": ["production", "latest"],
        "tags": ["mail"],
        "commitMessage": "why",
        "resolutionGraph": None,
        "isActive": True,
        "projectId": "autoforge",
        "createdBy": "langfuse Administrator",
        "createdAt": "",
        "updatedAt": "",
    }


def test_a_chat_keeps_its_placeholders(langfuse):
    messages = [
        {"type": "chatmessage", "role": "system", "content": "Be {{tone}}."},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{question}}"},
    ]
    made = langfuse("POST", "v2/prompts", {"name": "chat", "type": "chat", "prompt": messages})
    assert made.status_code == 201, made.content
    read = langfuse("GET", "v2/prompts/chat", label="latest").json()
    assert read["type"] == "chat"
    assert read["prompt"] == [
        *messages[:2],
        {"type": "chatmessage", "role": "user", "content": "{{question}}"},
    ]
    assert "not found" not in error(
        langfuse("GET", "v2/prompts/chat"), 404, "LangfuseNotFoundError"
    )


def test_a_name_that_exists_gets_the_next_version(langfuse):
    langfuse("POST", "v2/prompts", NEW)
    second = langfuse("POST", "v2/prompts", NEW | {"prompt": "Hello {{name}}", "labels": []}).json()
    assert (second["version"], second["labels"]) == (2, ["latest"])
    labelled = langfuse(
        "PATCH", "v2/prompts/support/reply/versions/2", {"newLabels": ["production", "beta"]}
    ).json()
    assert labelled["labels"] == ["beta", "production", "latest"]
    assert langfuse("GET", "v2/prompts/support/reply").json()["version"] == 2
    assert langfuse("GET", "v2/prompts/support/reply", version=1).json()["labels"] == []
    both = langfuse("GET", "v2/prompts/support/reply", version=1, label="beta")
    error(both, 400, "InvalidRequestError")


def test_a_prompt_may_be_called_like_an_address(langfuse):
    langfuse("POST", "v2/prompts", NEW | {"name": "a/versions/3"})
    assert langfuse("GET", "v2/prompts/a%2Fversions%2F3").json()["name"] == "a/versions/3"


def test_includes_are_put_in_place(langfuse):
    services.create_prompt(
        title="Tone",
        name="tone",
        content="Be {{ tone }}, {{ name }}.",
        syntax="mustache",
        variables=[{"name": "tone", "type": "text"}, {"name": "name", "type": "text"}],
    )
    text = "Hi {{ name }}. {{> tone@latest }}"
    variables = [{"name": "tone", "type": "text"}, {"name": "name", "type": "text"}]
    services.create_prompt(
        title="Reply", name="reply", content=text, syntax="mustache", variables=variables
    )
    read = langfuse("GET", "v2/prompts/reply", label="latest").json()
    assert read["prompt"] == "Hi {{name}}. Be {{tone}}, {{name}}."
    raw = langfuse("GET", "v2/prompts/reply", label="latest", resolve="false").json()
    assert raw["prompt"] == text


@pytest.mark.parametrize(
    ("syntax", "content", "expected"),
    [
        ("plain", "No {braces} here", "No {braces} here"),
        ("jinja", "Hi {{ name }} and {{name}}", "Hi {{name}} and {{name}}"),
        ("jinja", "{{- name -}} !", "{{name}}!"),
        ("mustache", "日本 {{ 名前 }}", "日本 {{名前}}"),
    ],
)
def test_what_both_fill_alike_goes_out(langfuse, syntax, content, expected):
    names = [name for name in ("name", "名前") if name in content]
    variables = [{"name": name, "type": "text"} for name in names]
    services.create_prompt(
        title="Good", name="good", content=content, syntax=syntax, variables=variables
    )
    assert langfuse("GET", "v2/prompts/good", label="latest").json()["prompt"] == expected


@pytest.mark.parametrize(
    ("syntax", "content", "variables"),
    [
        ("plain", "Write {{ name }} as it is", []),
        ("mustache", r"Write \{{ name }} as it is", []),
        ("jinja", "{% if name %}Hi{% endif %}", ["name"]),
        ("jinja", "{{ name | upper }}", ["name"]),
        ("jinja", "{{ name }}{# a note #}", ["name"]),
        ("jinja", "{{ 'a' }}", []),
        ("jinja", "{% raw %}{{ x }}{% endraw %}", []),
    ],
)
def test_what_their_clients_would_fill_wrongly_is_refused(langfuse, syntax, content, variables):
    services.create_prompt(
        title="Bad",
        name="bad",
        content=content,
        syntax=syntax,
        variables=[{"name": name, "type": "text"} for name in variables],
    )
    answer = langfuse("GET", "v2/prompts/bad", label="latest")
    assert "/api/v1" in error(answer, 400, "InvalidRequestError")


def test_a_chat_with_images_is_refused(langfuse):
    parts = [{"type": "image", "url": "https://example.com/a.png"}]
    services.create_prompt(
        title="Look",
        name="look",
        kind="chat",
        content=json.dumps([{"role": "user", "content": parts}]),
    )
    answer = langfuse("GET", "v2/prompts/look", label="latest")
    assert "message 1" in error(answer, 400, "InvalidRequestError")


def test_lists_are_filtered_and_paged(langfuse):
    for name in ("a", "b", "c/d"):
        langfuse("POST", "v2/prompts", NEW | {"name": name, "tags": [f"tag {name}"]})
    langfuse("POST", "v2/prompts", NEW | {"name": "a", "prompt": "again", "labels": ["beta"]})
    body = langfuse("GET", "v2/prompts", limit=2).json()
    assert body["meta"] == {"page": 1, "limit": 2, "totalItems": 3, "totalPages": 2}
    first = body["data"][0]
    assert (first["name"], first["versions"]) == ("a", [1, 2])
    assert first["labels"] == ["beta", "production", "latest"]
    assert [
        row["name"] for row in langfuse("GET", "v2/prompts", limit=2, page=2).json()["data"]
    ] == ["c/d"]

    def names(**query) -> list[str]:
        return [row["name"] for row in langfuse("GET", "v2/prompts", **query).json()["data"]]

    assert names(name="c/d") == names(tag="tag c/d") == ["c/d"]
    assert names(label="beta") == ["a"]
    assert names(label="latest") == ["a", "b", "c/d"]
    assert names(fromUpdatedAt="2001-01-01T00:00:00Z") == ["a", "b", "c/d"]
    assert names(toUpdatedAt="2001-01-01T00:00:00") == []
    for wrong in ({"page": 0}, {"limit": 101}, {"limit": "x"}, {"fromUpdatedAt": "soon"}):
        error(langfuse("GET", "v2/prompts", **wrong), 400, "InvalidRequestError")


def test_a_list_of_fifty_takes_three_queries(langfuse, django_assert_max_num_queries):
    for number in range(60):
        services.create_prompt(title=f"Prompt {number}", content="x")
    langfuse("GET", "projects")
    with django_assert_max_num_queries(4):  # and the key, in a transaction of the test
        assert len(langfuse("GET", "v2/prompts").json()["data"]) == 50


def test_a_prompt_goes_into_the_trash_and_its_versions_stay(langfuse):
    langfuse("POST", "v2/prompts", NEW)
    for query in ({"version": 1}, {"label": "production"}):
        answer = langfuse("DELETE", "v2/prompts/support/reply", **query)
        error(answer, 400, "InvalidRequestError")
    assert langfuse("DELETE", "v2/prompts/support/reply").status_code == 204
    assert Prompt.all_objects.get().is_deleted
    error(langfuse("DELETE", "v2/prompts/support/reply"), 404, "LangfuseNotFoundError")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "prompt": 5},
        {"name": "x|y", "prompt": "a"},
        {"name": "x" * 256, "prompt": "a"},
        {"name": "x", "prompt": "{{#a}}b{{/a}}"},
        {"name": "x", "prompt": "a", "type": "chat"},
        {"name": "x", "prompt": [{"role": "king", "content": "a"}], "type": "chat"},
        {"name": "x", "prompt": ["a"], "type": "chat"},
        {"name": "x", "prompt": "a", "labels": ["Not a label!"]},
        {"name": "x", "prompt": "a", "config": {"temperature": "hot"}},
        {"name": "x", "prompt": "a", "commitMessage": "x" * 501},
    ],
)
def test_wrong_input_is_told_in_their_words(langfuse, body):
    message = error(langfuse("POST", "v2/prompts", body), 400, "InvalidRequestError")
    assert message
    assert not Prompt.objects.exists()


def test_latest_moves_by_itself(langfuse):
    langfuse("POST", "v2/prompts", NEW | {"labels": ["latest"]})
    answer = langfuse("PATCH", "v2/prompts/support/reply/versions/1", {"newLabels": ["latest"]})
    error(answer, 400, "InvalidRequestError")
    answer = langfuse("PATCH", "v2/prompts/support/reply/versions/9", {"newLabels": ["beta"]})
    error(answer, 404, "LangfuseNotFoundError")
    answer = langfuse("PUT", "v2/prompts/support/reply")
    error(answer, 405, "MethodNotAllowedError")


def test_rights_are_the_keys(langfuse):
    langfuse("POST", "v2/prompts", NEW)
    services.create_label_rule(label="guarded", is_protected=True, needs_checks=True)
    viewer, editor = Langfuse("Viewer"), Langfuse("Editor")
    assert viewer("GET", "v2/prompts/support/reply").status_code == 200
    error(viewer("POST", "v2/prompts", NEW), 403, "ForbiddenError")
    path = "v2/prompts/support/reply/versions/1"
    error(viewer("PATCH", path, {"newLabels": ["beta"]}), 403, "ForbiddenError")
    error(editor("PATCH", path, {"newLabels": ["guarded"]}), 403, "ForbiddenError")
    error(editor("DELETE", "v2/prompts/support/reply"), 403, "ForbiddenError")
    error(Client().get("/api/public/v2/prompts"), 401, "UnauthorizedError")
    refused = langfuse("PATCH", path, {"newLabels": ["guarded"]})  # a gate: never to be sent again
    error(refused, 400, "InvalidRequestError")


def test_the_clients_check_their_credentials(langfuse):
    [project] = langfuse("GET", "projects").json()["data"]
    assert project["id"] == "autoforge"
    error(Client().get("/api/public/projects"), 401, "UnauthorizedError")
    assert Client().get("/api/public/health").json()["status"] == "OK"


def test_a_bad_day_is_503_and_never_404(langfuse, monkeypatch):
    import sqlite3

    langfuse("POST", "v2/prompts", NEW)

    def fail(*_arguments, **_named):
        error = OperationalError("database is locked")
        error.__cause__ = sqlite3.OperationalError("database is locked")
        error.__cause__.sqlite_errorcode = sqlite3.SQLITE_BUSY
        error.__cause__.sqlite_errorname = "SQLITE_BUSY"
        raise error

    monkeypatch.setattr("prompts.selectors.find_named", fail)
    answer = langfuse("GET", "v2/prompts/support/reply")
    assert answer.status_code == 503
    assert answer["Retry-After"]
