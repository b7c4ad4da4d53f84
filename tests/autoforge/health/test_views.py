import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection

from autoforge.health import tokens, views
from autoforge.health.errors import ProbeError
from autoforge.health.report import run_probes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forget():
    views.recent.forget()
    yield
    views.recent.forget()


def test_live_asks_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "healthy"})
    assert "no-store" in response["Cache-Control"]
    assert client.post("/health/live").status_code == 405
    assert client.head("/health/live/").status_code == 200


def test_ready_names_states_and_nothing_else(client):
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "healthy",
        "checks": [
            {"name": "database", "status": "healthy"},
            {"name": "migrations", "status": "healthy"},
            {"name": "cache", "status": "healthy"},
        ],
    }


NEWER = (
    "INSERT INTO django_migrations (app, name, applied) "
    "VALUES ('prompts', '9999_next', '2026-01-01')"
)
PENDING = "DELETE FROM django_migrations WHERE app = 'evaluations'"


@pytest.mark.parametrize(
    ("change", "status"), [(NEWER, 200), (PENDING, 503)], ids=["newer", "pending"]
)
def test_ready_while_a_deployment_migrates(client, change, status):
    """The version before still serves: a balancer must not take it out for what is newer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name, applied FROM django_migrations")
        rows = cursor.fetchall()
        cursor.execute(change)
    try:
        assert client.get("/health/ready").status_code == status
        [check] = run_probes(["migrations"], timeout_seconds=10).checks
        assert check.status == "unhealthy"  # people are told of both
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations")
            insert = "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)"
            cursor.executemany(insert, rows)


def test_ready_is_503_where_redis_is_away(client, settings, redis_server):
    from dataclasses import replace

    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, redis_url=redis_server.url)
    assert client.get("/health/ready").status_code == 200
    redis_server.kill()
    views.recent.forget()
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"][2] == {"name": "cache", "status": "unhealthy"}
    assert str(redis_server.port) not in response.content.decode()


def test_the_report_needs_a_token(client, capsys):
    call_command("health_token")
    token = capsys.readouterr().out.strip()
    good = client.get("/health/report", headers={"authorization": f"Bearer {token}"})
    assert good.status_code == 200
    assert {check["name"] for check in good.json()["checks"]} >= {"database", "disk"}
    for header in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {token}"}):
        refused = client.get("/health/report", headers=header)
        assert refused.status_code == 401
        assert refused["WWW-Authenticate"].startswith("Bearer")


def test_tokens_of_another_kind_are_refused():
    ends = datetime.now(UTC) + timedelta(minutes=5)
    key = django_settings.JWT_SECRET_KEY
    assert tokens.is_valid(tokens.issue()[0])
    assert not tokens.is_valid(jwt.encode({"aud": "health", "exp": ends}, "x" * 40, "HS256"))
    assert not tokens.is_valid(jwt.encode({"aud": "other", "exp": ends}, key, "HS256"))
    assert not tokens.is_valid(jwt.encode({"aud": "health", "exp": ends}, None, "none"))
    assert not tokens.is_valid(jwt.encode({"aud": "health"}, key, "HS256"))
    past = datetime.now(UTC) - timedelta(minutes=5)
    assert not tokens.is_valid(jwt.encode({"aud": "health", "exp": past}, key, "HS256"))


def test_without_a_key_there_are_no_tokens(client, settings):
    settings.JWT_SECRET_KEY = None
    assert client.get("/health/report").status_code == 404
    with pytest.raises(CommandError, match="JWT_SECRET_KEY is not set"):
        call_command("health_token")


def test_a_probe_that_breaks_or_raises_is_a_finding():
    def broken() -> str:
        raise ZeroDivisionError

    def ill() -> str:
        raise ProbeError("ill", "rest")

    report = run_probes(timeout_seconds=5, probes={"broken": broken, "ill": ill})
    assert report.status == "unhealthy"
    assert [check.detail for check in report.checks] == [
        "the probe failed: ZeroDivisionError",
        "ill",
    ]
    assert report.checks[1].hint == "rest"
    assert json.dumps(report.as_dict())
