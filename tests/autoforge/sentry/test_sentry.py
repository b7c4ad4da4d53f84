"""Errors as they arrive at Sentry: what failed and where, and nothing of anybody."""

import logging
import os
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from autoforge import __version__
from autoforge.logging.limits import limits
from autoforge.logging.secrets import current_request
from autoforge.sentry.dsn import read_dsn
from autoforge.sentry.events import build_event
from autoforge.sentry.handler import SentryHandler, make_sender
from autoforge.tracing.context import TraceContext
from autoforge.tracing.sender import close_all
from tests.support.fake_sentry import KEY, FakeSentry

ROOT = Path(__file__).resolve().parents[3]


class Reports:
    """A handler on the root of the log, with its server."""

    def __init__(self, *script: int) -> None:
        limits.forget()
        self.server = FakeSentry(*script)
        self.handler = SentryHandler(make_sender(self.server.dsn))
        logging.getLogger().addHandler(self.handler)

    @property
    def events(self) -> list[dict]:
        close_all([self.handler.sender])
        assert self.server.faults == []
        return self.server.events

    def close(self) -> None:
        logging.getLogger().removeHandler(self.handler)
        close_all([self.handler.sender])
        self.server.close()


@pytest.fixture
def reports():
    with closing(Reports()) as reports:
        yield reports


def fail(password: str = "a-password-in-a-variable") -> None:
    local_secret = password * 2
    raise ZeroDivisionError(f"failed, token=abc-secret-def {len(local_secret)}")


def log_failure(message: str = "A task failed: %s", *arguments: object) -> None:
    try:
        fail()
    except ZeroDivisionError:
        logging.getLogger("autoforge.tests").exception(message, *(arguments or ("x",)))


def test_an_event_says_what_failed_and_where(reports, settings):
    log_failure()
    [event] = reports.events
    assert event["release"] == f"autoforge@{__version__}"
    assert event["environment"] == settings.APP_ENV
    assert (event["level"], event["logger"]) == ("error", "autoforge.tests")
    assert event["logentry"] == {"formatted": "A task failed: x"}
    [exception] = event["exception"]["values"]
    assert (exception["type"], exception["module"]) == ("ZeroDivisionError", "builtins")
    frame = exception["stacktrace"]["frames"][-1]
    assert frame["function"] == "fail"
    assert frame["filename"] == "tests/autoforge/sentry/test_sentry.py"
    assert frame["context_line"].startswith("raise ZeroDivisionError")
    assert not frame["in_app"]  # tests are beside the product
    [headers] = reports.server.requests
    assert headers["content-type"] == "application/x-sentry-envelope"
    assert headers["user-agent"] == "AutoForge-Errors"


def test_no_variable_and_no_secret_is_among_it(reports):
    log_failure()
    text = repr(reports.events)
    assert "a-password-in-a-variable" not in text
    assert "abc-secret-def" not in text
    assert "token=****" in text
    assert "vars" not in text


def test_the_causes_come_first_and_end_where_they_go_in_circles(reports):
    try:
        try:
            fail()
        except ZeroDivisionError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        logging.getLogger("autoforge.tests").error("failed", exc_info=error)  # noqa: TRY400
        first, second = ValueError("a"), ValueError("b")
        first.__cause__, second.__cause__ = second, first
        logging.getLogger("autoforge.tests").error("circle", exc_info=first)  # noqa: TRY400
    chain, circle = reports.events
    assert [value["type"] for value in chain["exception"]["values"]] == [
        "ZeroDivisionError",
        "ValueError",
    ]
    assert [value["value"] for value in circle["exception"]["values"]] == ["b", "a"]


@pytest.mark.django_db
def test_a_request_that_fails_is_one_event_without_anything_of_the_caller(
    reports, owner, monkeypatch
):
    def broken(*_arguments) -> HttpResponse:
        fail()
        return HttpResponse()

    monkeypatch.setattr("autoforge.site.dashboard.fill", broken)
    client = Client(raise_request_exception=False, headers={"X-Request-ID": "my-id"})
    client.force_login(owner)
    answer = client.get(
        "/admin/", {"search": "private words"}, headers={"Authorization": "Bearer hush-hush-1"}
    )
    assert answer.status_code == 500
    [event] = reports.events
    assert event["transaction"] == "admin:index"
    assert event["tags"] == {"route": "admin/", "request_id": "my-id"}
    assert event["request"] == {"method": "GET"}
    assert "user" not in event
    text = repr(event)
    for private in ("private words", "hush-hush", "owner", "127.0.0.1", "sessionid"):
        assert private not in text
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][0]["in_app"] in {True, False}


def test_an_error_of_a_traced_request_has_its_trace():
    request = RequestFactory().get("/")
    request.trace_context = TraceContext(trace_id=b"a" * 16, span_id=b"b" * 8, is_sampled=True)
    token = current_request.set(request)
    try:
        record = logging.makeLogRecord({"levelno": logging.CRITICAL, "msg": "x"})
        event = build_event(record, environment="local", server="s")
    finally:
        current_request.reset(token)
    assert event["contexts"]["trace"] == {"trace_id": "61" * 16, "span_id": "62" * 8}
    assert event["level"] == "fatal"


def test_what_a_request_carries_is_hidden_in_texts():
    request = RequestFactory().post("/", {"password": "typed-by-somebody"})
    assert request.POST  # the view has read it
    token = current_request.set(request)
    try:
        record = logging.makeLogRecord({"levelno": 40, "msg": "no login with typed-by-somebody"})
        event = build_event(record, environment="local", server="s")
    finally:
        current_request.reset(token)
    assert event["logentry"]["formatted"] == "no login with ****"


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_what_cannot_be_written_is_left_out(reports, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger = logging.getLogger("autoforge.tests")
    logger.propagate = False
    logger.addHandler(reports.handler)
    try:
        logger.error("%s", Unwritable(), exc_info=SilentError())
    finally:
        logger.removeHandler(reports.handler)
        logger.propagate = True
    [event] = reports.events
    assert event["exception"]["values"][0]["value"] == ""
    assert event["logentry"]["formatted"] == "%s"


def test_long_texts_are_cut(reports):
    logging.getLogger("autoforge.tests").error("x" * 10_000, exc_info=ValueError("y" * 10_000))
    [event] = reports.events
    assert len(event["logentry"]["formatted"]) == 2001
    assert len(event["exception"]["values"][0]["value"]) == 2001


def test_the_same_failure_is_told_once_a_minute(reports):
    for _ in range(50):
        log_failure()
    assert len(reports.events) == 1


def test_only_errors_with_an_exception_are_told_and_none_of_redis_or_our_own(reports):
    from redis.exceptions import ConnectionError as RedisConnectionError

    logger = logging.getLogger("autoforge.tests")
    logger.error("a sentence")
    logger.warning("a warning", exc_info=ValueError())
    logger.error("Redis", exc_info=RedisConnectionError())
    for name in ("autoforge.tracing.sender", "autoforge.sentry.handler", "django.request"):
        logging.getLogger(name).error("ours", exc_info=ValueError(name))
    assert reports.events == []


def test_a_server_that_refuses_or_is_away_disturbs_nobody(caplog):
    with closing(Reports(403)) as reports:
        log_failure()
        assert reports.events == []
        assert reports.handler.sender.counts.dropped == 1
    assert "Errors cannot be sent to Sentry" in caplog.text
    assert KEY not in caplog.text


def test_a_fault_of_ours_is_not_another_ones(reports, monkeypatch):
    monkeypatch.setattr("autoforge.sentry.handler.build_event", fail)
    log_failure()
    assert reports.handler.sender.counts.dropped == 1


def test_the_fake_takes_what_the_sdk_of_sentry_sends_and_we_send_no_other_fields(reports):
    """The referee: what a real client sends is taken, and has every field that ours has."""
    script = f"""
import sentry_sdk
sentry_sdk.init({reports.server.dsn!r}, traces_sample_rate=0, release="a@1", environment="local",
                default_integrations=False)
try:
    1 / 0
except ZeroDivisionError as error:
    sentry_sdk.set_tag("route", "x")
    sentry_sdk.capture_exception(error)
sentry_sdk.flush(20)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert reports.server.faults == []
    [theirs] = reports.server.events
    log_failure()
    ours = reports.events[-1]
    # What is of the log and of a request has its own names in the documentation of events.
    assert set(ours) - {"logger", "logentry", "transaction", "request"} <= set(theirs)
    [their_value], [our_value] = (event["exception"]["values"] for event in (theirs, ours))
    assert set(our_value) <= set(their_value)
    [their_frame] = their_value["stacktrace"]["frames"]
    assert set(our_value["stacktrace"]["frames"][0]) <= set(their_frame) | {"context_line"}


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        ("https://k@sentry.io/1", "https://sentry.io/api/1/envelope/"),
        ("http://k@s:9000/1", "http://s:9000/api/1/envelope/"),
        ("https://k:old@s/a/b/77", "https://s/a/b/api/77/envelope/"),
        ("https://k@[::1]:9/1", "https://[::1]:9/api/1/envelope/"),
    ],
)
def test_a_dsn_names_the_endpoint(dsn, url):
    parts = read_dsn(dsn)
    assert (parts.url, parts.public_key) == (url, "k")
    assert "'k'" not in repr(parts)


# --- Processes ------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, migrated_file):
    shutil.copy(migrated_file, tmp_path / "db.sqlite3")

    def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity=0", "--command", script],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"} | variables,
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip

    return run


@pytest.mark.once
def test_without_a_dsn_nothing_is_loaded(run):
    done = run("import sys; print([n for n in sys.modules if n.startswith('autoforge.sentry')])")
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.once
def test_what_ends_a_command_a_thread_or_a_task_is_reported_and_still_printed(run):
    script = """
import threading
from autoforge import background
from django_tasks import task

thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
class Task:
    name = "a-task"
    @staticmethod
    def call():
        raise LookupError("of a task")
background._run(Task, (), {})
raise KeyError("of the command")
"""
    with closing(FakeSentry()) as server:
        done = run(script, SENTRY_DSN=server.dsn)
        events = {event["exception"]["values"][-1]["type"]: event for event in server.events}
        assert server.faults == []
    assert done.returncode == 2
    assert "KeyError: 'of the command'" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert set(events) == {"ZeroDivisionError", "LookupError", "KeyError"}
    assert events["KeyError"]["logger"] == "autoforge.command"
    assert events["ZeroDivisionError"]["logger"] == "autoforge.thread"
    assert events["LookupError"]["logger"] == "autoforge.background"
    assert KEY not in done.stderr


@pytest.mark.once
def test_a_server_that_hangs_does_not_hold_the_end_of_a_command_up_for_long(run):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []
        threading.Thread(target=lambda: held.append(silent.accept()[0]), daemon=True).start()
        port = silent.getsockname()[1]
        done = run("raise KeyError('x')", SENTRY_DSN=f"http://{KEY}@127.0.0.1:{port}/1")
        for connection in held:
            connection.close()
    assert done.returncode == 2
    assert "KeyError: 'x'" in done.stderr


@pytest.mark.once
def test_a_wrong_dsn_is_refused_in_one_sentence():
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT, env=os.environ | {"SENTRY_DSN": "https://sentry.example.com/42"},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "Configuration error: SENTRY_DSN is **** (29 characters) (from the environment): it must "
        "be a DSN such as https://key@sentry.example.com/42; set another one.\n"
    )
