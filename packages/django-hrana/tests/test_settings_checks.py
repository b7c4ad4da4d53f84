"""System checks of the package: each of them, by settings that anyone could write."""

from pathlib import Path

import pytest
from django.core.checks import registry

from django_hrana import checks

GOOD = {"ENGINE": "django_hrana", "NAME": "libsql://h.io", "CONN_MAX_AGE": 60}


def ids(messages):
    return [message.id.removeprefix("libsql.") for message in messages]


@pytest.fixture
def check(settings, monkeypatch):
    """Return a function that checks databases, which are given as what differs from good ones."""

    settings.ASGI_APPLICATION = None

    def check_them(*changes, databases=None):
        for alias in list(settings.DATABASES):
            monkeypatch.delitem(settings.DATABASES, alias)
        for number, change in enumerate(changes):
            monkeypatch.setitem(settings.DATABASES, str(number), GOOD | change)
        return checks.check_databases(databases=databases)

    return check_them


def options(**values):
    return {"OPTIONS": values}


WARNED = [
    ({}, []),
    ({"NAME": "ftp://h"}, ["E001"]),
    ({"NAME": None}, ["E001"]),
    (options(auth_token="a b"), ["E002"]),
    (options(auth_token=lambda: "t"), []),
    (options(timeout=0), ["E003"]),
    (options(timeout="60"), ["E003"]),
    (options(transaction_mode="sometimes"), ["E004"]),
    (options(transaction_mode=None, timeout=5.5, namespace="a-b_1"), []),
    (options(namespace="a.b"), ["E005"]),
    (options(pool=True), ["E006"]),
    ({"TEST": {"ADMIN_URL": "nowhere"}}, ["E007"]),
    ({"TEST": {"NAME": "nowhere"}}, ["E008"]),
    (options(keepalive=-1), ["E010"]),
    (options(ca_file="/nowhere"), ["E010"]),
    (options(proxy="h:1", keepalive=0, connect_timeout=0.5), []),
    (options(replica=""), ["E011"]),
    (options(replica=5), ["E011", "W003"]),
    (options(replica="r.db", replica_sync_seconds=0), ["E012", "W003"]),
    (options(replica_max_age_seconds="9"), ["E012"]),
    (options(replica_sync_seconds=10), ["E013"]),
    (options(async_connections=129), ["E017"]),
    (options(replica_reads="some"), ["E018"]),
    ({"CONN_MAX_AGE": "60"}, ["E015"]),
    ({"CONN_MAX_AGE": -1}, ["E015"]),
    ({"CONN_MAX_AGE": True}, ["E015"]),
    ({"CONN_MAX_AGE": None}, []),
    ({"ATOMIC_REQUESTS": True}, ["W001"]),
    ({"ATOMIC_REQUESTS": True} | options(transaction_mode="deferred"), []),
    ({"NAME": "http://10.0.0.1"} | options(auth_token="t"), ["W002"]),
    ({"NAME": "ws://10.0.0.1?authToken=t"}, ["W002"]),
    ({"NAME": "http://localhost:1", "CONN_MAX_AGE": 0} | options(auth_token="t"), []),
    (options(replica=Path("r.db")), ["W003"]),
    ({"CONN_MAX_AGE": 0}, ["W004"]),
    ({"HOST": "h.io", "PASSWORD": "s3cret", "PORT": "", "USER": ""}, ["W005"]),
    ({"AUTH_TOKEN": "s3cret"}, ["W005"]),
    (options(timeout=3), ["W007"]),
]


@pytest.mark.parametrize(("change", "expected"), WARNED)
def test_what_is_said_of_an_entry(check, change, expected):
    messages = check(change)
    assert ids(messages) == expected
    for message in messages:
        assert message.hint
        assert "settings.DATABASES['0']" in message.msg
        assert "s3cret" not in str(message)


def test_all_that_is_wrong_is_said_at_once(check):
    wrong = options(
        auth_token="s3cret with a blank",
        timeout=0,
        transaction_mode="sometimes",
        namespace="a.b",
        pool=True,
        keepalive=-1,
    )
    messages = check(wrong | {"NAME": "ftp://h", "TEST": {"ADMIN_URL": "nowhere"}})
    assert ids(messages) == ["E001", "E002", "E003", "E004", "E005", "E010", "E006", "E007"]
    assert "s3cret" not in str(messages)


@pytest.mark.parametrize("name", checks.ELSEWHERE)
def test_an_option_of_another_backend_is_told_what_stands_for_it(check, name):
    [message] = check(options(**{name: "x"}))
    assert message.id == "libsql.E006"
    assert repr(name) in message.msg
    assert message.hint.startswith(("Remove it: ", "Write "))


def test_an_unknown_option_is_told_which_there_are(check):
    [message] = check(options(sevrer="x"))
    assert message.hint == f"Available options: {', '.join(checks.OPTIONS)}."


def test_a_replica_that_no_view_would_read(check, settings):
    settings.MIDDLEWARE = [checks.READ_OWN_WRITES, *settings.MIDDLEWARE]
    assert check(options(replica="r.db")) == []
    entry = options(replica="r.db", transaction_mode="DEFERRED") | {"ATOMIC_REQUESTS": True}
    assert ids(check(entry)) == ["W006"]


def test_two_databases_have_two_replicas(check, settings):
    settings.MIDDLEWARE = [checks.READ_OWN_WRITES, *settings.MIDDLEWARE]
    here, there = {"NAME": "libsql://a.io"}, {"NAME": "libsql://b.io"}
    same = options(replica="data/r.db")
    [message] = check(here | same, there | options(replica=Path.cwd() / "data" / "r.db"))
    assert message.id == "libsql.E016"
    assert "'0' and '1'" in message.msg
    assert check(here | same, there | options(replica="other.db")) == []
    assert check(here | same, here | same) == []  # two aliases of one database


def test_asgi_sites_open_a_connection_for_each_request_anyway(check, settings):
    settings.ASGI_APPLICATION = "mysite.asgi.application"
    assert check({"CONN_MAX_AGE": 0}) == []


def test_what_the_backend_itself_says_is_said_once(check):
    wrong = {"NAME": "ftp://h"}
    assert [m.msg[:25] for m in check(wrong, wrong, databases=["0"])] == [
        "settings.DATABASES['1']['"[:25]
    ]


def test_other_engines_are_left_alone(check):
    assert check({"ENGINE": "django.db.backends.sqlite3", "NAME": 5}) == []


def test_every_check_of_the_code_is_tried_here():
    source = Path(checks.__file__).read_text(encoding="utf-8")
    # E009 asks a server, E014 is for systems without POSIX's locks.
    tried = {"E009", "E014", "E016", "W006"}
    tried |= {number for _change, numbers in WARNED for number in numbers}
    numbers = {f"E{n:03}" for n in range(1, 19)} | {f"W{n:03}" for n in range(1, 8)}
    assert tried == numbers
    assert all(number in source for number in numbers - {"E009"})


def test_manage_py_check_runs_them():
    assert checks.check_databases in registry.registry.get_checks()
