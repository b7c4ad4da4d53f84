"""Requests in the log: one line each, with what is needed to find it, and nothing secret."""

import asyncio
import json
import logging

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncClient, Client
from django.utils.module_loading import import_string

from autoforge.logging import formatters
from autoforge.logging.limits import limits
from autoforge.web.request_log import find_user_id


@pytest.fixture
def events(settings):
    """Return what is logged during the test, as the configured handler writes it."""
    limits.forget()
    lines: list[dict] = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record)))

    handler = Keep()
    for entry in settings.LOGGING["filters"].values():
        handler.addFilter(import_string(entry["()"])())
    handler.setFormatter(formatters.make_formatter(json_lines=True))
    logging.root.addHandler(handler)
    yield lines
    logging.root.removeHandler(handler)
    limits.forget()


@pytest.fixture
def failing(monkeypatch):
    """Let the start page raise what the test says."""

    def fail_with(error):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr("django.views.generic.RedirectView.get", fail)

    return fail_with


def shown(events):
    return [(event["method"], event["path"], event["status"]) for event in events]


@pytest.mark.parametrize(
    ("path", "status", "level"),
    [
        ("/?token=planted-in-a-query", 302, "info"),
        ("/no/such/page?password=planted-in-a-query", 404, "warning"),
        ("/i18n/setlang/", 302, "info"),
        ("/%0A%5Berror%5D%20forged", 404, "warning"),
    ],
)
def test_one_line_each(events, path, status, level):
    assert Client().get(path).status_code == status
    [event] = events
    assert event["event"] == "request_finished"
    assert (event["method"], event["status"], event["level"]) == ("GET", status, level)
    assert event["path"] == path.partition("?")[0]
    assert event["duration_ms"] >= 0
    assert event["ip"] == "127.0.0.1"
    assert len(event["request_id"]) == 32
    assert "planted" not in json.dumps(event)


def test_the_same_over_asgi(events):
    async def ask():
        return await AsyncClient().get("/no/such/page?token=planted")

    assert asyncio.run(ask()).status_code == 404
    assert shown(events) == [("GET", "/no/such/page", 404)]


@pytest.mark.django_db
def test_who_it_was_is_known_without_asking(events, client, owner, django_assert_num_queries):
    client.force_login(owner)
    client.get("/admin/password_change/")
    assert events[-1]["user_id"] == owner.pk
    with django_assert_num_queries(0):  # a page that asks nobody is not made to
        client.get("/")
    assert events[-1]["user_id"] is None


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        ({}, None),
        ({"user": AnonymousUser()}, None),
        ({"_acached_user": type("Member", (), {"pk": 7})()}, 7),
        ({"user": type("Member", (), {"pk": ("a", 1)})()}, "('a', 1)"),
    ],
)
def test_kinds_of_users(rf, attributes, key):
    request = rf.get("/")
    vars(request).update(attributes)
    assert find_user_id(request) == key


def test_a_failure_has_its_traceback_in_that_line(events, failing):
    failing(ValueError("the cause"))
    assert Client(raise_request_exception=False).get("/").status_code == 500
    [event] = events
    assert (event["status"], event["level"]) == (500, "error")
    assert event["exception"][0]["exc_value"] == "the cause"
    assert not any("locals" in frame for frame in event["exception"][0]["frames"])


def test_a_wrong_host_is_a_line_with_its_reason_and_no_traceback(events):
    assert Client().get("/", headers={"host": "evil.example"}).status_code == 400
    [event] = events
    assert event["reason"].startswith("Invalid HTTP_HOST header")
    assert "exception" not in event


@pytest.mark.django_db
def test_a_form_without_its_token_says_why(events):
    client = Client(enforce_csrf_checks=True)
    assert client.post("/admin/login/", {"password": "planted-password"}).status_code == 403
    [event] = events
    assert "CSRF cookie not set" in event["reason"]
    assert "planted" not in json.dumps(event)


@pytest.mark.django_db
def test_health_checks_are_not_logged_unless_they_fail(events, monkeypatch):
    client = Client()
    for _ in range(3):
        assert client.get("/health/live").status_code == 200
    assert events == []
    for _ in range(3):
        assert client.get("/health/nothing").status_code == 404
    assert shown(events) == [("GET", "/health/nothing", 404)]


def test_a_redis_that_is_away_is_a_reason_and_no_traceback(events, failing):
    import redis

    error = RuntimeError("queue")
    error.__cause__ = redis.ConnectionError("Error 111 connecting to redis://:pw@host")
    failing(error)
    Client(raise_request_exception=False).get("/")
    [event] = events
    assert event["reason"].startswith("Redis is not responding")
    assert "exception" not in event


def test_an_id_of_the_callers_is_taken_where_it_is_sane(events):
    assert Client().get("/", headers={"x-request-id": "abc-1"})["X-Request-ID"] == "abc-1"
    made = Client().get("/", headers={"x-request-id": "a b\n"})["X-Request-ID"]
    assert [event["request_id"] for event in events] == ["abc-1", made]
