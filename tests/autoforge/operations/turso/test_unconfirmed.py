"""Deletions and revocations that Turso does not confirm: nothing is said that is not known."""

import pytest

from tests.autoforge.operations.turso.test_rotation import Installation, find_token
from tests.support.ports import free_port

DESTROY = ("destroy", "stage", "--yes", "stage")
REVOKE = ("token", "revoke", "--yes", "stage")
UNCLEAR = [(500, {"error": "broken"}), (502, b"<html>"), (429, b"")]


@pytest.fixture
def staging(fake, settings, monkeypatch, home) -> Installation:
    """Return an installation with a database at Turso."""
    return Installation(fake, settings, monkeypatch, home, "staging")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    """Let nobody wait between two attempts."""
    monkeypatch.setattr("autoforge.operations.turso.tokens.PAUSE_SECONDS", 0)


@pytest.mark.parametrize(("status", "body"), [*UNCLEAR, (200, b"no json")])
def test_a_deletion_without_an_answer_that_was_done(turso, fake, status, body):
    fake.add_database("stage")
    fake.fail("DELETE", "/databases/stage$", status, body, after=True)
    said = turso(*DESTROY)
    assert (said.status, said.output) == (0, "The database stage is deleted.\n")
    assert said.errors == (
        "This deletes the database stage with all that is in it.\n"
        "Turso did not answer as it should, and was asked again: it has no stage any more.\n"
    )


@pytest.mark.parametrize(("status", "body"), UNCLEAR)
def test_a_deletion_without_an_answer_that_was_not_done(turso, fake, status, body):
    fake.add_database("stage")
    fake.fail("DELETE", "/databases/stage$", status, body)
    said = turso(*DESTROY)
    assert (said.status, said.output) == (4, "")
    assert "The database stage was still there when Turso was asked again: Turso " in said.errors
    assert "is deleted" not in said.errors


def test_a_deletion_that_nobody_knows_of(turso, fake):
    fake.add_database("stage")
    fake.fail("DELETE", "/databases/stage$", 503, after=True)

    def fail_from_now_on() -> None:
        fake.fail("GET", "/databases/stage$", 503)

    serve = fake.delete_database
    fake.delete_database = lambda **options: (fail_from_now_on(), serve(**options))[1]
    said = turso(*DESTROY)
    assert (said.status, said.output) == (4, "")
    assert "Whether the database stage is deleted is not known: Turso failed" in said.errors


def test_what_was_never_sent_has_done_nothing(turso, fake, settings, monkeypatch, staging):
    staging.put_into_env_file(staging.old)
    url = f"http://127.0.0.1:{free_port()}"
    for command, name, sentence in (
        (DESTROY, "delete_database", " Nothing was deleted."),
        (REVOKE, "revoke_tokens", " Nothing was revoked."),
    ):
        lose_the_network_before(monkeypatch, name, url)
        said = turso(*command, *(["--even-if-in-use"] if command == DESTROY else []))
        assert (said.status, said.output) == (4, "")
        assert said.errors.endswith(sentence)
        assert not any(method == "DELETE" or "rotate" in path for method, path in fake.requests)
    assert staging.is_good(staging.old)


def lose_the_network_before(monkeypatch, name: str, url: str) -> None:
    """Let the API be elsewhere, where nobody listens, from one request on."""
    from autoforge.operations.turso.api import PlatformAPI

    method = getattr(PlatformAPI, name)

    def ask(self, database: str) -> None:
        self._port = int(url.rpartition(":")[2])
        method(self, database)

    monkeypatch.setattr(PlatformAPI, name, ask)


@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize(("status", "body"), UNCLEAR)
def test_a_revocation_without_an_answer_is_asked_for_again(
    turso, fake, staging, status, body, is_done
):
    path = staging.put_into_env_file(staging.old)
    fake.fail("POST", "/auth/rotate$", status, body, after=is_done)
    said = turso(*REVOKE)
    assert said.status == 0, said.errors
    assert said.errors.endswith("Every token of stage is revoked.\n")
    assert not staging.is_good(staging.old)
    assert staging.is_good(find_token(path))


@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
def test_a_revocation_that_nobody_knows_of(turso, fake, staging, is_done):
    path = staging.put_into_env_file(staging.old)
    fake.fail("POST", "/auth/rotate$", 503, times=2, after=is_done)
    said = turso(*REVOKE)
    assert (said.status, said.output) == (4, "")
    assert "Whether the tokens of stage are revoked is not known: Turso failed" in said.errors
    assert "is revoked" not in said.errors
    assert find_token(path) == staging.old


def test_a_refused_revocation_has_done_nothing(turso, fake, staging):
    staging.put_into_env_file(staging.old)
    fake.fail("POST", "/auth/rotate$", 403, {"error": "no"})
    said = turso(*REVOKE)
    assert said.status == 3
    assert "revoked" not in said.errors
    assert staging.is_good(staging.old)
