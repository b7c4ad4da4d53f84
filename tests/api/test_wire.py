"""What goes over the wire beside the bodies: CORS, sizes, ids, bad days, languages."""

import json

import pytest
import structlog
from django.db import OperationalError
from django.test import Client

pytestmark = pytest.mark.django_db

SITE = "https://app.example.com"


@pytest.fixture
def site(settings):
    settings.CORS_ALLOWED_ORIGINS = [SITE]


@pytest.mark.parametrize(
    "path", ["/api/v1/me", "/api/openapi.json", "/api/public/health", "/v1/models", "/mcp"]
)
def test_cors_covers_what_programs_speak(site, path):
    asked = "authorization,if-match,if-none-match,idempotency-key,content-type"
    answer = Client().options(
        path,
        headers={
            "Origin": SITE,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": asked,
        },
    )
    assert answer["Access-Control-Allow-Origin"] == SITE
    assert set(asked.split(",")) <= set(answer["Access-Control-Allow-Headers"].split(", "))
    answer = Client().get(path, headers={"Origin": SITE})
    exposed = set(answer["Access-Control-Expose-Headers"].split(", "))
    assert {"ETag", "X-Request-ID", "Retry-After", "RateLimit"} <= exposed
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("path", ["/admin/login/", "/", "/i18n/setlang/", "/apis/v1/me", "/mcps"])
def test_cors_covers_nothing_else(site, path):
    answer = Client().get(path, headers={"Origin": SITE})
    assert "Access-Control-Allow-Origin" not in answer


def test_other_origins_get_nothing(site):
    answer = Client().get("/api/v1/me", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer


def test_every_answer_has_the_requests_id(api):
    assert api().get("me", headers={"X-Request-ID": "mine-1"})["X-Request-ID"] == "mine-1"
    assert Client().get("/api/v1/nothing")["X-Request-ID"]


def test_a_large_body_needs_a_key(api):
    body = json.dumps({"content": "x" * 100_000, "name": "long"}).encode()
    answer = Client().post("/api/v1/prompts", data=body, content_type="application/json")
    assert answer.status_code == 413
    assert answer.json()["code"] == "api.body-over-limit"
    answer = Client(headers={"Authorization": "Bearer af_no"}).post(
        "/api/v1/prompts", data=body, content_type="application/json"
    )
    assert answer.status_code == 413
    answer = api().client.post("/api/v1/prompts", data=body, content_type="application/json")
    assert answer.status_code == 201


def test_a_bad_day_of_the_database_is_a_problem_to_try_again(api, monkeypatch):
    import sqlite3

    client = api()
    client.get("me")

    def fail(*_arguments, **_named):
        error = OperationalError("disk I/O error")
        error.__cause__ = sqlite3.OperationalError("disk I/O error")
        error.__cause__.sqlite_errorcode = sqlite3.SQLITE_IOERR
        error.__cause__.sqlite_errorname = "SQLITE_IOERR"
        raise error

    monkeypatch.setattr("prompts.api.reading.list_prompts", fail)
    answer = client.get("prompts")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer["Retry-After"]


def test_a_fault_of_ours_is_a_problem_too(api, monkeypatch):
    def fail(*_arguments, **_named):
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("prompts.api.reading.list_prompts", fail)
    client = api()
    client.client.raise_request_exception = False
    answer = client.get("prompts")
    assert (answer.status_code, answer.json()["code"]) == (500, "api.error")
    assert "secret" not in answer.text


def test_the_asked_language_beats_the_servers(api, settings):
    settings.LANGUAGE_IS_SET = True
    answer = api().get("nothing", headers={"Accept-Language": "ja"})
    assert answer["Content-Language"] == "ja"
    assert "操作" in answer.json()["detail"]


def test_nothing_is_kept_by_caches_that_are_shared(api):
    assert "private" in api().get("me")["Cache-Control"]
    assert api().get("prompts/none")["Cache-Control"] == "no-store"


def test_no_session_is_opened(api):
    assert not api().get("me").cookies


def test_the_log_names_the_caller_and_never_the_key(api, monkeypatch):
    lines = []

    def log(*_arguments: object, **_named: object) -> None:
        lines.append(structlog.contextvars.get_contextvars())

    client = api("Viewer")
    monkeypatch.setattr("autoforge.web.request_log.logger.log", log)
    client.get("me")
    [line] = lines
    assert line["caller"].startswith("key:")
    assert client.key[12:] not in str(line)
