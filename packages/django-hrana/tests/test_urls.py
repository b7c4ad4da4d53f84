"""URLs of databases as platforms hand them out, also by way of other people's helpers."""

import dj_database_url
import environ
import pytest

from django_hrana import urls

GOOD = [
    ("libsql://team.turso.io", "libsql://team.turso.io", None),
    ("libsql://team.turso.io?authToken=a.b-c_d", "libsql://team.turso.io", "a.b-c_d"),
    ("https://team.turso.io/?authToken=abc", "https://team.turso.io/", "abc"),
    ("http://127.0.0.1:8080?namespace=n&authToken=1", "http://127.0.0.1:8080?namespace=n", "1"),
    ("libsql://host:99?tls=0", "libsql://host:99?tls=0", None),
    ("turso://team.turso.io?authToken=abc", "turso://team.turso.io", "abc"),
    ("wss://team.turso.io?authToken=abc", "wss://team.turso.io", "abc"),
    ("ws://127.0.0.1:8080?authToken=abc", "ws://127.0.0.1:8080", "abc"),
    ("libsql://host?authToken=a%2Bb%3D", "libsql://host", "a+b="),
    ("http://[::1]:8080/a/path", "http://[::1]:8080/a/path", None),
]
BAD = [
    "libsql://",
    "libsql://host:99999",
    "libsql://[host",
    "libsql://user:s3cret-value@host",
    "libsql://host?password=s3cret-value",
    "libsql://host?authToken=s3cret-value&authToken=s3cret-value",
    "libsql://host?namespace=a.b&authToken=s3cret-value",
]
# What dj-database-url leaves to other backends, or refuses in words of its own.
OTHERS = [
    "postgres://user:s3cret-value@host/database",
    "sqlite:///s3cret-value.db",
    "host.turso.io?authToken=s3cret-value",
    "",
]
FRAGMENT = "libsql://host?authToken=s3cret-value#fragment"  # dj-database-url drops what follows #


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(dj_database_url, "ENGINE_SCHEMES", dj_database_url.ENGINE_SCHEMES.copy())
    urls.register()


@pytest.mark.parametrize(("url", "name", "token"), GOOD)
def test_an_entry(url, name, token):
    entry = urls.database(url)
    assert entry["ENGINE"] == "django_hrana"
    assert entry["NAME"] == name
    assert entry["OPTIONS"] == ({"auth_token": token} if token else {})
    assert (entry["CONN_MAX_AGE"], entry["CONN_HEALTH_CHECKS"]) == (60, True)


@pytest.mark.parametrize("url", [*BAD, *OTHERS, FRAGMENT])
def test_what_is_not_valid_is_refused_without_its_secrets(url):
    with pytest.raises(ValueError, match=r"the database URL|the namespace") as refusal:
        urls.database(url)
    assert "s3cret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_what_the_caller_says_takes_precedence():
    options = {"timeout": 20, "auth_token": "mine"}
    entry = urls.database("libsql://h?authToken=abc", CONN_MAX_AGE=None, OPTIONS=options)
    assert entry["CONN_MAX_AGE"] is None
    assert entry["OPTIONS"] == options


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("url", "name", "token"), GOOD)
def test_the_same_by_dj_database_url(url, name, token):
    entry = dj_database_url.parse(url, conn_max_age=300)
    assert entry["ENGINE"] == "django_hrana"
    assert entry["NAME"].rstrip("/") == name.rstrip("/")
    assert entry.get("OPTIONS", {}) == ({"auth_token": token} if token else {})
    assert entry["CONN_MAX_AGE"] == 300
    assert not entry.keys() & {"HOST", "PORT", "USER", "PASSWORD"}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("url", BAD)
def test_the_same_refusals_by_dj_database_url(url):
    with pytest.raises(ValueError, match=r"URL|url|namespace") as refusal:
        dj_database_url.parse(url)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.usefixtures("registered")
def test_other_databases_stay_theirs():
    assert dj_database_url.parse("sqlite:///x.db")["ENGINE"] == "django.db.backends.sqlite3"


@pytest.mark.parametrize(
    ("url", "engine"),
    [
        ("libsql://h?authToken=abc", "django_hrana"),
        ("LIBSQL://h", "django_hrana"),
        ("sqlite:///x.db", "django.db.backends.sqlite3"),
        ("postgres://u:p@h/d", "django.db.backends.postgresql"),
    ],
)
def test_beside_django_environ_as_the_readme_shows(monkeypatch, url, engine):
    monkeypatch.setenv("DATABASE_URL", url)
    env = environ.Env()
    url = env("DATABASE_URL")
    entry = urls.database(url) if urls.is_libsql(url) else env.db_url_config(url)
    assert entry["ENGINE"] == engine


def test_each_scheme_is_tried():
    assert {url.partition(":")[0] for url, _name, _token in GOOD} == set(urls.SCHEMES)


@pytest.mark.usefixtures("registered")
def test_a_token_is_where_django_masks_it():
    from django.views.debug import SafeExceptionReporterFilter

    for make in (urls.database, dj_database_url.parse):
        entry = make("libsql://host?authToken=s3cret-value")
        shown = SafeExceptionReporterFilter().cleanse_setting("DATABASES", {"default": entry})
        assert "s3cret" not in str(shown)
