"""A database's bad day is a page with one sentence and status 503, never a traceback."""

import pytest
from django.db import OperationalError
from django.test import Client

from autoforge.db import hrana
from autoforge.db.libsql.explanation import explain


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
        (hrana.AccessDenied("https://db.example s3cret"), "only lets it read: nothing was saved"),
        (hrana.Blocked("x"), "a quota is used up"),
        (hrana.Busy("x"), "Somebody else saved at the same moment"),
        (hrana.DatabaseNotFound("x"), "The database is not there"),
        (hrana.OutcomeUnknown("x"), "Look whether your change is there"),
        (hrana.Overloaded("x"), "too busy now"),
        (hrana.TransactionLost("x"), "was too busy: nothing was saved"),
        (hrana.Unreachable("x"), "does not answer now"),
        (hrana.InterfaceError("x"), "does not answer now"),
    ],
)
def test_each_bad_day_has_its_sentence(broken, cause, sentence):
    answer = broken(wrapped(cause))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert sentence in answer.content.decode()
    assert "s3cret" not in answer.content.decode()
    assert "db.example" not in answer.content.decode()
    assert explain(wrapped(cause)) == str(cause)


def test_in_japanese(broken):
    answer = broken(wrapped(hrana.Unreachable("x")), "ja")
    assert "データベースが応答しません" in answer.content.decode()


@pytest.mark.parametrize(
    "error", [ValueError("x"), OperationalError("no such table: x"), wrapped(KeyError("x"))]
)
def test_anything_else_is_a_500(broken, error):
    assert broken(error).status_code == 500
    assert explain(error) is None
