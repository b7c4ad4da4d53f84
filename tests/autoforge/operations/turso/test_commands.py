"""Every command of `manage.py turso`, against a fake that really makes databases."""

import getpass
import io
import json
import stat
from contextlib import closing

import pytest

from autoforge.management.commands import turso as command
from autoforge.operations.env_files.writing import write_variable
from core.jwt_claims import expiry, is_read_only
from django_hrana import driver


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


def query(database, token: str, sql: str = "SELECT 1"):
    url = f"http://{database.hostname}"
    with closing(driver.connect(url, auth_token=token, autocommit=True)) as connection:
        return connection.cursor().execute(sql).fetchall()


def read_env(path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if "=" in line]
    pairs = [line.split("=", 1) for line in lines if not line.startswith("#")]
    return {name: value.strip("'") for name, value in pairs}


# Logging in


def test_login_keeps_the_token_for_its_owner_alone(turso, fake, home, settings, monkeypatch):
    settings.TURSO_PLATFORM_TOKEN = settings.TURSO_ORGANIZATION = None
    fake.expires = 1_900_000_000
    assert turso("list").status == 3
    monkeypatch.setattr("sys.stdin", io.StringIO(f"  {fake.token}\n"))
    said = turso("login")
    assert said.status == 0
    assert "Logged in for acme; the platform token expires: 2030-03-17 17:46 UTC." in said.output
    path = home / "data" / "turso-login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings.TURSO_API_URL = None  # it is kept as well
    assert turso("list").output == "There are no databases.\n"


def test_a_person_types_the_token_and_does_not_see_it(turso, fake, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: fake.token)
    assert "expires: never" in turso("login").output


@pytest.mark.parametrize(
    ("organizations", "arguments", "status", "sentence"),
    [
        (["acme", "beta"], (), 2, "good for 2 organizations; add --organization with one of acme"),
        (["acme", "beta"], ("--organization", "beta"), 0, "Logged in for beta"),
        (["acme"], ("--organization", "other"), 3, "not a member of this organization"),
        (["acme"], ("--organization", "no such/thing"), 2, "cannot be an organization"),
        ([], (), 2, "names no organization for this token"),
    ],
)
def test_the_organization_is_chosen(
    turso, fake, settings, monkeypatch, organizations, arguments, status, sentence
):
    settings.TURSO_ORGANIZATION = None
    fake.organizations = organizations
    monkeypatch.setattr("sys.stdin", io.StringIO(fake.token))
    said = turso("login", *arguments)
    assert said.status == status
    assert sentence in said.output + said.errors


def test_a_wrong_token_is_not_kept(turso, home, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("wrong-token"))
    said = turso("login")
    assert said.status == 3
    assert "does not accept the platform token" in said.errors
    assert "wrong-token" not in said.errors
    assert not (home / "data" / "turso-login.json").exists()


@pytest.mark.parametrize("text", ["", "\n", "two words"])
def test_what_is_no_token_is_not_sent(turso, fake, monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert turso("login").status == 2
    assert fake.requests == []


def test_a_login_that_cannot_be_kept(turso, fake, home, monkeypatch):
    (home / "data").rmdir()
    (home / "data").write_text("a file")
    monkeypatch.setattr("sys.stdin", io.StringIO(fake.token))
    said = turso("login")
    assert (said.status, "could not be kept" in said.errors) == (2, True)


def test_a_broken_login_is_none(turso, settings, home):
    settings.TURSO_PLATFORM_TOKEN = None
    (home / "data" / "turso-login.json").write_text("[]")
    assert turso("list").status == 3


# Looking


def test_locations(turso):
    assert "aws-ap-northeast-1  AWS AP NorthEast (Tokyo)" in turso("locations").output
    assert "aws-us-west-2" in json.loads(turso("locations", "--format", "json").output)


def test_list_takes_all_pages(turso, fake):
    fake.page_size = 1
    for name in ("b", "a", "c"):
        fake.add_database(name)
    lines = turso("list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "a", "b", "c"]
    rows = json.loads(turso("list", "--format", "json").output)
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["region"] == "aws-ap-northeast-1"


def test_show(turso, fake, settings, monkeypatch):
    database = fake.add_database("stage")
    document = json.loads(turso("show", "stage", "--format", "json").output)
    assert document["url"] == f"http://{database.hostname}"
    assert document["delete_protection"] is False
    assert "delete protection  no" in turso("show", "stage").output
    said = turso("show")
    assert (said.status, "uses no database at Turso" in said.errors) == (2, True)
    entry = settings.DATABASES["default"]
    monkeypatch.setitem(entry, "ENGINE", "django_hrana")
    monkeypatch.setitem(entry, "NAME", f"http://{database.hostname}")
    assert "stage" in turso("show").output
    monkeypatch.setitem(entry, "NAME", "http://localhost:1")
    said = turso("show")
    assert (said.status, "has no database at localhost:1" in said.errors) == (1, True)


@pytest.mark.parametrize("member", ["total", "usage"])  # Turso's document, and its own clients
def test_usage_with_quotas(turso, fake, member):
    fake.member = member
    database = fake.add_database("stage")
    token = database.mint(access="rw", seconds=60)
    query(database, token, "CREATE TABLE t (x)")
    query(database, token, "INSERT INTO t VALUES (1), (2), (3)")
    document = json.loads(turso("usage", "stage", "--format", "json").output)
    assert document["database"]["rows_written"] >= 3
    assert document["organization"]["rows_written"] == document["database"]["rows_written"]
    assert document["quotas"]["plan"] == "starter"
    assert document["quotas"]["rows_read"] == 500_000_000
    text = turso("usage", "stage").output
    assert "Database stage, plan starter of acme" in text
    assert "500,000,000" in text


def test_usage_of_a_plan_that_nobody_describes(turso, fake):
    fake.add_database("stage")
    fake.fail("GET", "/plans$", 200, {"plans": []})
    assert "–" in turso("usage", "stage").output


# Creating


def test_create_writes_url_and_token_into_an_env_file(turso, fake, home):
    path = home / ".env"
    path.write_text("# ours\nAPP_ENV=staging\nSECRET_KEY=kept\n")
    said = turso("create", "stage", "--write-to", str(path))
    assert said.status == 0, said.errors
    values = read_env(path)
    assert values["SECRET_KEY"] == "kept"
    assert values["TURSO_STAGING_DATABASE_URL"] == f"http://{fake.databases['stage'].hostname}"
    token = values["TURSO_STAGING_AUTH_TOKEN"]
    assert query(fake.databases["stage"], token) == [(1,)]
    assert token not in said.output + said.errors
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    days = (expiry(token) - expiry(fake.databases["stage"].mint(access="rw", seconds=0))).days
    assert days in {89, 90}
    assert query(fake.databases["stage"], token, "SELECT name FROM sqlite_master") == []


def test_create_makes_the_group_where_it_is_asked_for(turso, fake):
    fake.groups.clear()
    said = turso("create", "stage", "--group", "team", "--location", "nrt", "--show")
    assert said.status == 0, said.errors
    assert (
        "nrt is a location that Turso has retired; its nearest region today is "
        "aws-ap-northeast-1 (AWS AP NorthEast (Tokyo))." in said.errors
    )
    assert fake.groups["team"]["primary"] == "aws-ap-northeast-1"


def test_create_shows_the_token_once_when_asked(turso, fake):
    said = turso("create", "stage", "--show", "--read-only", "--expiration", "2w1d")
    token = said.output.splitlines()[-1]
    assert is_read_only(token)
    assert query(fake.databases["stage"], token) == [(1,)]
    assert token not in said.errors
    document = json.loads(turso("create", "two", "--show", "--format", "json").output)
    assert query(fake.databases["two"], document["token"]["token"]) == [(1,)]
    assert document["group"] == "default"


def test_create_for_a_laptop(turso, fake, home):
    path = home / ".env.local"
    assert turso("create", "mine", "--write-to", str(path)).status == 0
    url = read_env(path)["DATABASE_URL"]
    assert url.startswith(f"http://{fake.databases['mine'].hostname}?authToken=eyJ")
    assert turso("token", "rotate", "mine", "--write-to", str(path)).status == 0
    renewed = read_env(path)["DATABASE_URL"]
    assert renewed != url
    assert query(fake.databases["mine"], renewed.partition("authToken=")[2]) == [(1,)]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("my_db", "--show"), 2, "'my_db' cannot be the name of a database"),
        (("-x", "--show"), 2, ""),
        (("a" * 65, "--show"), 2, "has 65 characters; use at most 64"),
        (("stage", "--group", "A B", "--show"), 2, "cannot be the name of a group"),
        (("stage",), 2, "Say where the token goes"),
        (("stage", "--expiration", "soon", "--show"), 2, "'soon' is not a lifetime"),
        (("stage", "--location", "mars", "--show"), 2, "'mars' is not a location at Turso; choose"),
        (("stage", "--location", "gru", "--show"), 2, "no region of today clearly takes its place"),
        (("stage", "--location", "lhr", "--show"), 2, "group default is in aws-ap-northeast-1, no"),
        (("stage", "--group", "other", "--show"), 2, "There is no group other (groups: default)"),
        (("stage", "--group", "other", "--location", "fra", "--show"), 3, "plan of acme does not"),
        (("stage", "--write-to", "/nowhere/x", "--for", "staging"), 2, "is no folder"),
        (("stage", "--write-to", "/tmp", "--for", "staging"), 2, "is a folder, and no file"),
        (("stage", "--write-to", "/tmp/x.env"), 2, "does not say which environment it is for"),
        (("stage", "--write-to", "x/.env.staging"), 2, "is a template that is committed"),
    ],
)
def test_create_refuses_before_it_makes_anything(turso, fake, arguments, status, sentence):
    said = turso("create", *arguments)
    assert said.status == status if arguments[0] != "-x" else said.status != 0
    assert sentence in said.errors
    assert fake.databases == {}
    assert ("POST", "/v1/organizations/acme/databases") not in fake.requests


def test_a_name_that_is_taken(turso, fake):
    fake.add_database("stage")
    said = turso("create", "stage", "--show")
    assert said.status == 1
    assert "The name is taken (database with name stage already exists)" in said.errors


def test_a_plan_that_is_full(turso, fake):
    for name in "abc":
        fake.add_database(name)
    said = turso("create", "stage", "--show")
    assert said.status == 3
    assert "your plan does not allow more databases" in said.errors


def test_a_database_without_a_token_is_said(turso, fake):
    fake.fail("POST", "/auth/tokens$", 500, {"error": "broken"})
    said = turso("create", "stage", "--show")
    assert said.status == 4
    assert "The database stage is there, without a token that is written down" in said.errors


# Tokens


def test_token_create_leaves_the_others_good(turso, fake, home):
    database = fake.add_database("stage")
    path = home / "production.rendered.env"
    said = turso("token", "create", "stage", "--write-to", str(path), "--for", "production")
    assert said.status == 0
    assert set(read_env(path)) == {"TURSO_DATABASE_URL", "TURSO_AUTH_TOKEN"}
    shown = turso("token", "create", "stage", "--read-only", "--show").output.splitlines()[-1]
    assert is_read_only(shown)
    for token in (shown, read_env(path)["TURSO_AUTH_TOKEN"]):
        assert query(database, token) == [(1,)]
    assert turso("token", "create", "stage").status == 2
    document = json.loads(turso("token", "create", "stage", "--show", "--format=json").output)
    assert document["works"]


# Leaving


def test_a_prompt_for_sql(turso, fake, capsys):
    fake.add_database("stage")
    assert turso("shell", "stage", "--command", "SELECT 'hello' AS word").status == 0
    assert "hello" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        turso("shell", "stage", "--read-only", "-c", "CREATE TABLE t (x)")
    assert caught.value.code == 1
    assert "read-only" in capsys.readouterr().err


def test_destroy_asks_for_the_name(turso, fake, monkeypatch):
    fake.add_database("stage")
    said = turso("destroy", "stage")
    assert (said.status, "Nothing was done: add --yes stage." in said.errors) == (2, True)
    said = turso("destroy", "stage", "--yes", "other")
    assert (said.status, "'other' is not stage" in said.errors) == (2, True)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    assert turso("destroy", "stage").status == 2
    assert "stage" in fake.databases
    monkeypatch.setattr("builtins.input", lambda _question: "stage")
    assert turso("destroy", "stage").output == "The database stage is deleted.\n"
    assert fake.databases == {}
    assert turso("destroy", "stage", "--yes", "stage").status == 1


def test_destroy_respects_protection(turso, fake):
    database = fake.add_database("stage")
    database.configuration["delete_protection"] = True
    said = turso("destroy", "stage", "--yes", "stage")
    assert (said.status, "is protected against deletion" in said.errors) == (1, True)
    database.configuration["delete_protection"] = False
    fake.groups["default"]["delete_protection"] = True
    said = turso("destroy", "stage", "--yes", "stage")
    assert (said.status, "The group default of the database stage" in said.errors) == (1, True)
    assert ("DELETE", "/v1/organizations/acme/databases/stage") not in fake.requests


def test_destroy_leaves_what_is_in_use(turso, fake, settings, monkeypatch):
    database = fake.add_database("stage")
    entry = settings.DATABASES["default"]
    monkeypatch.setitem(entry, "ENGINE", "django_hrana")
    monkeypatch.setitem(entry, "NAME", f"http://{database.hostname}")
    said = turso("destroy", "stage", "--yes", "stage")
    assert (said.status, "the one that this installation uses" in said.errors) == (2, True)
    assert turso("destroy", "stage", "--yes", "stage", "--even-if-in-use").status == 0


@pytest.mark.parametrize(
    ("name", "hostname", "is_the_same"),
    [
        ("libsql://db-me.turso.io", "db-me.aws-ap-northeast-1.turso.io", True),
        ("libsql://DB-me.aws-eu-west-1.turso.io", "db-me.aws-eu-west-1.turso.io", True),
        ("libsql://db2-me.turso.io", "db-me.aws-ap-northeast-1.turso.io", False),
        ("libsql://db-me.example.com", "db-me.aws-ap-northeast-1.turso.io", False),
        ("http://localhost:1", "localhost:2", False),
    ],
)
def test_a_database_is_known_by_its_host(
    turso, fake, settings, monkeypatch, name, hostname, is_the_same
):
    fake.add_database("stage")
    rows = [{"Name": "stage", "DbId": "1", "Hostname": hostname, "group": "default"}]
    fake.fail("GET", "/databases$", 200, {"databases": rows})
    entry = settings.DATABASES["default"]
    monkeypatch.setitem(entry, "ENGINE", "django_hrana")
    monkeypatch.setitem(entry, "NAME", name)
    assert turso("show").status == (0 if is_the_same else 1)


def test_a_file_that_names_another_one(turso, fake, home):
    fake.add_database("stage")
    path = home / "x.env"
    write_variable(path, "TURSO_AUTH_TOKEN_FILE", "/run/token")
    said = turso("token", "create", "stage", "--write-to", str(path), "--for", "production")
    assert said.status == 2
    assert "sets TURSO_AUTH_TOKEN_FILE" in said.errors
    assert fake.requests == []


def test_the_commands_are_those_of_the_guide():
    names = {name for name in dir(command.Command) if name.startswith("do_")}
    assert len(names) == 11
