"""Tokens are renewed: tried before the old one goes, and written where that one was."""

import io
import json
import stat
from contextlib import closing
from pathlib import Path

import pytest

from core.jwt_claims import is_read_only
from django_hrana import driver


class Installation:
    """A database in use, with its token in a file."""

    def __init__(self, fake, settings, monkeypatch, home: Path, app_env: str) -> None:
        self.fake = fake
        self.home = home
        self.monkeypatch = monkeypatch
        self.database = fake.add_database("stage")
        self.old = self.database.mint(access="rw", seconds=1000)
        settings.APP_ENV = app_env
        entry = settings.DATABASES["default"]
        monkeypatch.setitem(entry, "ENGINE", "django_hrana")
        monkeypatch.setitem(entry, "NAME", f"http://{self.database.hostname}")
        monkeypatch.setenv("APP_ENV", app_env)

    def put_into_env_file(self, token: str) -> Path:
        path = self.home / ".env"
        path.write_text(
            f"# by hand\nTURSO_STAGING_DATABASE_URL=http://{self.database.hostname}\n"
            f"TURSO_STAGING_AUTH_TOKEN={token}\nSECRET_KEY=kept\n"
        )
        return path

    def put_into_secret_file(self, token: str) -> Path:
        path = self.home / "token"
        path.write_text(token)
        self.monkeypatch.setenv("TURSO_STAGING_AUTH_TOKEN_FILE", str(path))
        return path

    def is_good(self, token: str) -> bool:
        url = f"http://{self.database.hostname}"
        with closing(driver.connect(url, auth_token=token, autocommit=True)) as connection:
            try:
                connection.cursor().execute("SELECT 1")
            except driver.AccessDenied:
                return False
        return True


@pytest.fixture
def staging(fake, settings, monkeypatch, home) -> Installation:
    return Installation(fake, settings, monkeypatch, home, "staging")


def find_token(path: Path) -> str:
    text = path.read_text()
    return text.partition("AUTH_TOKEN=")[2].splitlines()[0] if "AUTH_TOKEN=" in text else text


@pytest.mark.parametrize("place", ["put_into_env_file", "put_into_secret_file"])
@pytest.mark.parametrize("name", [(), ("stage",)])
def test_a_token_is_renewed_where_it_is(turso, staging, place, name):
    path = getattr(staging, place)(staging.old)
    said = turso("token", "rotate", *name)
    assert said.status == 0, said.errors
    assert "Running processes that read this file take it" in said.errors
    new = find_token(path)
    assert new != staging.old
    assert new not in said.output + said.errors
    assert staging.is_good(new)
    assert staging.is_good(staging.old)  # it runs out by itself
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if place == "put_into_env_file":
        assert "# by hand" in path.read_text()
        assert "SECRET_KEY=kept" in path.read_text()


def test_a_read_only_token_stays_read_only(turso, staging):
    path = staging.put_into_secret_file(staging.database.mint(access="ro", seconds=1000))
    document = json.loads(turso("token", "rotate", "--format", "json").output)
    assert document["access"] == "read-only"
    assert is_read_only(path.read_text())
    assert turso("token", "rotate", "--no-read-only").status == 0
    assert not is_read_only(path.read_text())


def test_a_file_that_cannot_be_read_is_replaced(turso, staging):
    path = staging.put_into_secret_file("x")
    path.write_bytes(b"\xff\xfe")
    # Nobody knows what the old one could do: the new one may write, and the file is whole again.
    assert turso("token", "rotate").status == 0
    assert staging.is_good(path.read_text())


@pytest.mark.parametrize(
    ("arrange", "status", "sentence"),
    [
        # A token that Turso signs with another key than the database's.
        (
            lambda fake: fake.fail(
                "POST", "/auth/tokens$", 200, {"jwt": "eyJhbGciOiJFZERTQSJ9.e30.AAAA"}
            ),
            1,
            "The new token was tried and does not work",
        ),
        (
            lambda fake: fake.fail(
                "POST",
                "/auth/tokens$",
                200,
                {"jwt": fake.databases["stage"].mint(access="ro", seconds=99)},
            ),
            1,
            "it can read, and it cannot write",
        ),
        (lambda fake: fake.databases["stage"].server.kill(), 1, "does not work"),
        (lambda fake: fake.fail("POST", "/auth/tokens$", 500), 4, "failed with status 500"),
        (lambda fake: fake.fail("POST", "/auth/tokens$", 403), 3, "may not do this"),
        (lambda fake: fake.fail("GET", "/databases$", 500), 4, "failed with status 500"),
    ],
    ids=["foreign", "read-only", "down", "refused", "not allowed", "no list"],
)
def test_where_the_trial_fails_nothing_has_changed(turso, staging, fake, arrange, status, sentence):
    path = staging.put_into_env_file(staging.old)
    before = path.read_bytes()
    arrange(fake)
    said = turso("token", "rotate")
    assert said.status == status
    assert sentence in said.errors
    assert path.read_bytes() == before
    assert "eyJ" not in said.errors
    assert not any(path.endswith("/auth/rotate") for _method, path in fake.requests)


def test_a_token_that_was_to_be_read_only_and_can_write(turso, staging, fake):
    path = staging.put_into_env_file(staging.old)
    token = staging.database.mint(access="rw", seconds=99)
    fake.fail("POST", "/auth/tokens$", 200, {"jwt": token})
    said = turso("token", "rotate", "--read-only")
    assert (said.status, "it can write" in said.errors) == (1, True)
    assert find_token(path) == staging.old


def test_the_trial_leaves_nothing(turso, staging):
    staging.put_into_env_file(staging.old)
    assert turso("token", "rotate").status == 0
    url = f"http://{staging.database.hostname}"
    with closing(driver.connect(url, auth_token=staging.old, autocommit=True)) as connection:
        assert connection.cursor().execute("SELECT name FROM sqlite_master").fetchall() == []


def test_a_token_in_the_environment_is_not_ours_to_change(turso, staging, monkeypatch, fake):
    monkeypatch.setenv("TURSO_STAGING_AUTH_TOKEN", staging.old)
    said = turso("token", "rotate")
    assert said.status == 2
    assert "is set in the environment of the process, which a command cannot change" in said.errors
    assert fake.requests == []
    monkeypatch.delenv("TURSO_STAGING_AUTH_TOKEN")
    said = turso("token", "rotate")
    assert (said.status, "is not set anywhere" in said.errors) == (2, True)
    shown = turso("token", "rotate", "--show")
    assert staging.is_good(shown.output.splitlines()[-1])


def test_another_database_s_token_does_not_take_its_place(turso, staging, fake):
    staging.put_into_env_file(staging.old)
    fake.add_database("other")
    said = turso("token", "rotate", "other")
    assert (said.status, "is not the database of this installation" in said.errors) == (2, True)


def test_a_laptop_has_its_token_in_the_url(turso, fake, settings, monkeypatch, home):
    laptop = Installation(fake, settings, monkeypatch, home, "local")
    path = home / ".env.local"
    path.write_text(f"DATABASE_URL=http://{laptop.database.hostname}?authToken={laptop.old}\n")
    assert turso("token", "rotate").status == 0
    new = path.read_text().strip().strip("'").partition("authToken=")[2]
    assert new != laptop.old
    assert laptop.is_good(new)


# Revoking


@pytest.mark.parametrize("place", ["put_into_env_file", "put_into_secret_file"])
def test_revoking_ends_every_token_and_writes_a_new_one(turso, staging, place):
    path = getattr(staging, place)(staging.old)
    said = turso("token", "revoke", "--yes", "stage")
    assert said.status == 0, said.errors
    assert "This revokes every token of stage, " in said.errors
    assert said.errors.endswith("Every token of stage is revoked.\n")
    assert not staging.is_good(staging.old)
    assert staging.is_good(find_token(path))


def test_revoking_asks_first(turso, staging, fake, monkeypatch):
    path = staging.put_into_env_file(staging.old)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = turso("token", "revoke")
    assert (said.status, "Nothing was done" in said.errors) == (2, True)
    assert "revoked" not in said.errors
    assert staging.is_good(staging.old)
    assert find_token(path) == staging.old


def test_revoking_without_a_successor_is_said(turso, staging, fake):
    staging.put_into_env_file(staging.old)
    fake.fail("POST", "/auth/tokens$", 500, {"error": "broken"})
    said = turso("token", "revoke", "--yes", "stage")
    assert said.status == 4
    assert said.errors.endswith(
        "Run `manage.py turso token create stage` as soon as that is mended."
    )
    assert "All tokens of stage are revoked, and there is no new one" in said.errors


def test_a_successor_that_cannot_be_tried_is_written_all_the_same(turso, staging, fake):
    path = staging.put_into_env_file(staging.old)
    fake.on_rotate = staging.database.server.kill
    said = turso("token", "revoke", "--yes", "stage")
    assert said.status == 1
    assert "Every older token is revoked." in said.errors
    assert "It was not tried." in said.output
    assert find_token(path) != staging.old


def test_a_successor_that_cannot_be_written_is_said(turso, staging, fake):
    """The disk is full only when the old tokens are dead already."""
    path = staging.put_into_env_file(staging.old)

    def take_the_file_away():
        path.unlink()
        path.mkdir()

    fake.on_rotate = take_the_file_away
    said = turso("token", "revoke", "--yes", "stage")
    assert said.status == 1
    assert "All tokens of stage are revoked, and the new one is nowhere: " in said.errors
    assert said.errors.endswith("run `manage.py turso token create stage --write-to FILE` at once.")


def test_the_answer_of_a_revocation_is_never_read(turso, staging, fake):
    path = staging.put_into_env_file(staging.old)
    fake.fail("POST", "/auth/rotate$", 200, b"not json at all", after=True)
    assert turso("token", "revoke", "--yes", "stage").status == 0
    assert staging.is_good(find_token(path))
