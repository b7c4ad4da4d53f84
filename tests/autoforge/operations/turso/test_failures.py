"""What Turso may answer instead, and no answer at all: one sentence and an exit status each."""

import socket

import pytest

from autoforge.operations.turso.api import PlatformAPI
from autoforge.operations.turso.errors import (
    TursoAccessError,
    TursoError,
    TursoExistsError,
    TursoInputError,
    TursoNotFoundError,
    TursoUnavailable,
)
from tests.support.ports import free_port

STATUSES = [
    (400, {"error": "group not found"}, TursoError, 1, "refused this with status 400 (group not f"),
    (
        401,
        {"error": "invalid"},
        TursoAccessError,
        3,
        "does not accept the platform token (invalid)",
    ),
    (402, {"error": "pay"}, TursoAccessError, 3, "The plan of acme does not allow this (pay)"),
    (403, {}, TursoAccessError, 3, "may not do this in acme: use one of a member"),
    (404, {"error": "gone"}, TursoNotFoundError, 1, "nothing at databases/stage (gone)"),
    (409, {"error": "taken"}, TursoExistsError, 1, "The name is taken (taken)"),
    (422, {"error": "no"}, TursoExistsError, 1, "does not accept the name (no)"),
    (429, b"slow down", TursoUnavailable, 4, "gets too many requests; try again"),
    (500, b"<html>", TursoUnavailable, 4, "failed with status 500; look at status.turso.tech"),
    (503, {"error": {"message": "down"}}, TursoUnavailable, 4, "status 503 (down)"),
    (418, {"error": 7}, TursoError, 1, "refused this with status 418."),
    (302, b"", TursoError, 1, "status 302"),
]


@pytest.mark.parametrize(("status", "body", "kind", "exit_status", "sentence"), STATUSES)
def test_statuses(turso, fake, status, body, kind, exit_status, sentence):
    fake.fail("GET", "/databases/stage$", status, body)
    said = turso("show", "stage")
    assert said.status == exit_status == kind.exit_status
    assert sentence in said.errors
    assert said.errors.count("\n") == 0


@pytest.mark.parametrize(
    ("command", "pattern", "body"),
    [
        (("show", "stage"), "/databases/stage$", b""),
        (("show", "stage"), "/databases/stage$", b"<html>"),
        (("show", "stage"), "/databases/stage$", {"database": []}),
        (("show", "stage"), "/databases/stage$", {"database": {"Name": "stage"}}),
        (("show", "stage"), "/databases/stage$", ["database"]),
        (("list",), "/databases$", {"databases": {}}),
        (("list",), "/databases$", {"databases": ["x"]}),
        (("locations",), "/locations$", {"locations": []}),
        (("usage", "stage"), "/usage$", {"database": {}}),
        (("usage", "stage"), "/usage$", {"database": {"total": {"rows_read": True}}}),
        (("token", "create", "stage", "--show"), "/auth/tokens$", {"jwt": ""}),
        (("token", "create", "stage", "--show"), "/auth/tokens$", {"token": "x"}),
        (("create", "x", "--show"), "/groups$", {"groups": [7]}),
    ],
)
def test_answers_that_are_not_turso_s(turso, fake, command, pattern, body):
    fake.add_database("stage")
    for method in ("GET", "POST"):
        fake.fail(method, pattern, 200, body)
    said = turso(*command)
    assert said.status == 4
    assert "is not what Turso's API says; check TURSO_API_URL" in said.errors


def test_nobody_answers(turso, settings):
    settings.TURSO_API_URL = f"http://127.0.0.1:{free_port()}"
    said = turso("list")
    assert (said.status, "cannot be reached (Connection refused)" in said.errors) == (4, True)


def test_no_such_host(turso, settings):
    settings.TURSO_API_URL = "https://turso.invalid"
    said = turso("list")
    assert (said.status, "Turso (turso.invalid) cannot be reached" in said.errors) == (4, True)


def test_an_answer_that_never_comes(fake):
    fake.fail("GET", "/locations$", 200, {}, delay_seconds=1)
    api = PlatformAPI(fake.url, fake.token, "acme", timeout=0.1)
    with pytest.raises(TursoUnavailable, match=r"did not answer within 0\.1 s; check with"):
        api.list_locations()


def test_what_is_no_http(settings, turso):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.TURSO_API_URL = f"https://localhost:{listener.getsockname()[1]}"
        import threading

        def answer() -> None:
            client, _address = listener.accept()
            with client:
                client.recv(1000)
                client.sendall(b"hello, this is no TLS\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = turso("list")
        thread.join()
    assert (said.status, "is not secure" in said.errors) == (4, True)


def test_an_answer_that_is_too_long(fake, monkeypatch):
    monkeypatch.setattr("autoforge.operations.turso.api.LONGEST_ANSWER", 10)
    with pytest.raises(TursoUnavailable, match="is not what Turso's API says"):
        PlatformAPI(fake.url, fake.token, "acme").list_locations()


@pytest.mark.parametrize("url", ["http://api.turso.tech", "ftp://x", "api.turso.tech"])
def test_the_token_is_never_sent_in_plain_text(url):
    with pytest.raises(TursoInputError, match="use https://"):
        PlatformAPI(url, "token", "acme")


def test_turso_s_words_do_not_repeat_the_token(turso, fake):
    fake.fail("GET", "/databases$", 400, {"error": f"bad token {fake.token}\nsecond line"})
    said = turso("list")
    assert "(bad token **** second line)" in said.errors


def test_who_is_not_logged_in(turso, settings):
    settings.TURSO_PLATFORM_TOKEN = None
    said = turso("list")
    assert (said.status, "run `manage.py turso login`" in said.errors) == (3, True)
    settings.TURSO_PLATFORM_TOKEN, settings.TURSO_ORGANIZATION = "token", None
    said = turso("list")
    assert (said.status, "set TURSO_ORGANIZATION" in said.errors) == (2, True)


def test_nothing_of_the_api_shows_the_token(fake):
    assert fake.token not in repr(PlatformAPI(fake.url, fake.token, "acme"))


def test_organizations_as_turso_s_own_client_expects_them(fake):
    fake.fail("GET", "/v1/organizations$", 200, {"organizations": [{"slug": "acme"}]})
    api = PlatformAPI(fake.url, fake.token)
    assert api.list_organizations() == ["acme"] == api.list_organizations()
    fake.fail("GET", "/v1/organizations$", 200, {"organizations": 7})
    with pytest.raises(TursoUnavailable):
        api.list_organizations()
