"""A database's bad day is a page with one sentence and status 503, never a traceback."""

import sqlite3

import pytest
from django.db import OperationalError
from django.test import Client

from autoforge.web import error_pages
from core.database.explanation import explain
from core.database.outages import OutageKind, find_outage
from django_hrana import driver


def wrapped(cause: BaseException) -> OperationalError:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.fixture
def broken(monkeypatch):
    """Return a function that lets the start page fail, and what a browser then gets."""

    def ask(error: BaseException, language: str = "en"):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr("django.views.generic.RedirectView.get", fail)
        client = Client(raise_request_exception=False)
        return client.get("/", headers={"accept-language": language})

    return ask


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (driver.AccessDenied("https://db.example s3cret"), "is read-only; nothing was saved"),
        (driver.Blocked("x"), "a quota is exhausted"),
        (driver.Busy("x"), "Someone else saved at the same time"),
        (driver.DatabaseNotFound("x"), "The database cannot be found"),
        (driver.OutcomeUnknown("x"), "Check whether your change was saved"),
        (driver.Overloaded("x"), "is too busy"),
        (driver.TransactionLost("x"), "was too busy; nothing was saved"),
        (driver.Unreachable("x"), "is not responding"),
        (driver.InterfaceError("x"), "is not responding"),
    ],
)
def test_each_bad_day_of_a_server_has_its_sentence(broken, cause, sentence):
    answer = broken(wrapped(cause))
    assert answer.status_code == 503
    is_unknown = isinstance(cause, driver.OutcomeUnknown)  # to be looked at before it is done again
    assert answer.get("Retry-After") == (None if is_unknown else "10")
    assert sentence in answer.content.decode()
    assert "s3cret" not in answer.content.decode()
    assert "db.example" not in answer.content.decode()
    assert find_outage(wrapped(cause)).sentence == str(cause)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_BUSY, "Another program is writing to the database; nothing was saved"),
        (sqlite3.SQLITE_READONLY, "is read-only; nothing was saved"),
        (sqlite3.SQLITE_CORRUPT, "The database is damaged, or the file is not a database"),
        (sqlite3.SQLITE_NOTADB, "The database is damaged, or the file is not a database"),
        (sqlite3.SQLITE_FULL, "The disk of the database is full or failing; nothing was saved"),
        (sqlite3.SQLITE_IOERR_WRITE, "The disk of the database is full or failing"),
    ],
)
def test_each_bad_day_of_a_file_has_its_sentence(broken, code, sentence):
    cause = sqlite3.OperationalError("s3cret")
    cause.sqlite_errorcode, cause.sqlite_errorname = code, "SQLITE_X"
    answer = broken(wrapped(cause))
    assert answer.status_code == 503
    assert sentence in answer.content.decode()
    assert "s3cret" not in answer.content.decode()


def test_every_kind_of_outage_has_a_sentence_for_readers():
    assert set(error_pages.SENTENCES) == set(OutageKind)


def test_in_japanese(broken):
    answer = broken(wrapped(driver.Unreachable("x")), "ja")
    assert "データベースが応答しません" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error", [ValueError("x"), OperationalError("no such table: x"), wrapped(KeyError("x"))]
)
def test_anything_else_is_a_500(broken, error):
    assert broken(error).status_code == 500
    assert explain(error) is None
