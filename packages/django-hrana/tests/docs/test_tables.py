"""The tables of the package's pages say what the code does: settings, checks, errors."""

import re
from pathlib import Path

import pytest

from django_hrana import checks, driver, validation
from django_hrana.driver import aio, connection, errors, network, outcomes
from django_hrana.replica import options as replica
from hrana_support.fault_proxy import Answer
from hrana_support.pages import read_table

OPTIONS = {row["option"].strip("`"): row for row in read_table("settings", "option")}
CHECKS = {row["id"].strip("`"): row for row in read_table("checks", "id")}
ERRORS = {row["error"].strip("`"): row for row in read_table("errors", "error")}
DEFAULTS = {
    "async_connections": aio.DEFAULT_MAX_CONNECTIONS,
    "connect_timeout": network.DEFAULT_CONNECT_TIMEOUT_SECONDS,
    "keepalive": network.DEFAULT_KEEPALIVE_SECONDS,
    "replica_max_age_seconds": replica.DEFAULT_MAX_AGE_SECONDS,
    "replica_sync_seconds": replica.DEFAULT_SYNC_SECONDS,
    "timeout": connection.DEFAULT_TIMEOUT_SECONDS,
}
WRONG = {
    "async_connections": 129,
    "auth_token": "a b",
    "ca_file": "/nowhere",
    "connect_timeout": 0,
    "keepalive": 0.5,
    "namespace": "a.b",
    "proxy": "ftp://h:1",
    "replica": 5,
    "replica_max_age_seconds": 0,
    "replica_reads": "some",
    "replica_sync_seconds": "1",
    "timeout": True,
    "transaction_mode": "sometimes",
}


class TestOptions:
    def test_each_is_there(self):
        assert set(OPTIONS) == set(checks.OPTIONS)

    @pytest.mark.parametrize("name", sorted(OPTIONS))
    def test_defaults(self, name):
        default = OPTIONS[name]["default"]
        if name in DEFAULTS:
            assert float(default) == DEFAULTS[name]
        else:
            words = {"transaction_mode": '`"auto"`', "replica_reads": '`"all"`'}
            assert default == words.get(name, "–")

    @pytest.mark.parametrize("name", sorted(OPTIONS))
    def test_what_is_not_allowed_has_this_check(self, name):
        entry = {"NAME": "libsql://h.io", "CONN_MAX_AGE": 60, "OPTIONS": {name: WRONG[name]}}
        first, *_more = checks.check_settings(entry, "default")
        assert OPTIONS[name]["if not"] == f"`{first.id}`"

    @pytest.mark.parametrize("mode", ["auto", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
    def test_the_modes(self, mode):
        assert f"`{mode}`" in OPTIONS["transaction_mode"]["allowed"]
        assert mode.upper() in checks.MODES


def test_each_check_is_there():
    sources = [Path(module.__file__).read_text("utf-8") for module in (checks, validation)]
    numbers = re.findall(r'"(?:libsql\.)?([EW]\d{3})"', "".join(sources))
    assert set(CHECKS) == {f"libsql.{number}" for number in numbers}


def run(connection, sql, parameters=()):
    return connection.cursor().execute(sql, parameters)


def no_server(connect, proxy):
    run(connect("http://127.0.0.1:9"), "SELECT 1")


def no_room(connect, proxy):
    proxy.fail("429", times=9)
    run(connect(proxy.url), "SELECT 1")


def broken_transaction(connect, proxy):
    own = connect(proxy.url)
    run(own, "CREATE TABLE t (x)")
    run(own, "BEGIN")
    run(own, "INSERT INTO t VALUES (1)")
    proxy.fail("cut after")
    run(own, "INSERT INTO t VALUES (2)")


def read_before_another_wrote(connect, proxy):
    own, other = connect(transaction_mode="DEFERRED"), connect()
    run(own, "CREATE TABLE t (x)")
    run(own, "BEGIN")
    run(own, "SELECT * FROM t").fetchall()
    run(other, "INSERT INTO t VALUES (1)")
    run(own, "INSERT INTO t VALUES (2)")


def unconfirmed_write(connect, proxy):
    own = connect(proxy.url)
    proxy.fail("cut after")
    run(own, "CREATE TABLE t (x)")


def refused_token(connect, proxy):
    proxy.fail(Answer(status=401, body=b'{"error":"Unauthorized: no token"}'))
    run(connect(proxy.url), "SELECT 1")


def no_such_database(connect, proxy):
    run(connect(namespace="nowhere"), "SELECT 1")


def exhausted_quota(connect, proxy):
    proxy.fail(Answer(status=403, body=b'{"message":"reads are blocked","code":"BLOCKED"}'))
    run(connect(proxy.url), "SELECT 1")


def no_such_table(connect, proxy):
    run(connect(), "SELECT * FROM nowhere")


def violated_constraint(connect, proxy):
    own = connect()
    run(own, "CREATE TABLE t (x UNIQUE)")
    run(own, "INSERT INTO t VALUES (1)")
    run(own, "INSERT INTO t VALUES (1)")


def too_large_value(connect, proxy):
    run(connect(), "SELECT length(?)", ["x" * 5_300_000])


def text_that_is_none(connect, proxy):
    run(connect(), "SELECT CAST(x'ff' AS TEXT)")


def two_statements(connect, proxy):
    run(connect(), "SELECT 1; SELECT 2")


def pragma_that_would_lie(connect, proxy):
    run(connect(), "PRAGMA data_version")


def wrong_url(connect, proxy):
    connect("ftp://nowhere")


def internal_error(connect, proxy):
    raise errors.from_server("internal error", "SQLITE_INTERNAL")


def damaged_database(connect, proxy):
    raise errors.from_server("database disk image is malformed", "SQLITE_CORRUPT")


EVENTS = {
    "AccessDenied": refused_token,
    "Blocked": exhausted_quota,
    "Busy": read_before_another_wrote,
    "DataError": text_that_is_none,
    "DatabaseError": damaged_database,
    "DatabaseNotFound": no_such_database,
    "IntegrityError": violated_constraint,
    "InterfaceError": wrong_url,
    "InternalError": internal_error,
    "NotSupportedError": pragma_that_would_lie,
    "OperationalError": no_such_table,
    "OutcomeUnknown": unconfirmed_write,
    "Overloaded": no_room,
    "ProgrammingError": two_statements,
    "TooLarge": too_large_value,
    "TransactionLost": broken_transaction,
    "Unreachable": no_server,
}


class TestErrors:
    def test_each_is_there(self):
        raised = {name for name in errors.__all__ if name[0].isupper()} - {"Error", "Warning"}
        assert set(ERRORS) == raised == set(EVENTS)

    @pytest.mark.parametrize("name", sorted(ERRORS))
    def test_its_class(self, name):
        kind = getattr(driver, name)
        assert ERRORS[name]["base class"] == f"`{kind.__base__.__name__}`"
        assert ERRORS[name]["retry"].split()[0] == ("yes" if kind.retryable else "no")

    @pytest.mark.parametrize("name", sorted(EVENTS))
    def test_it_is_raised(self, name, connect, proxy, monkeypatch):
        monkeypatch.setattr(outcomes, "PAUSES_SECONDS", (0.01,))
        with pytest.raises(getattr(driver, name)) as raised:
            EVENTS[name](connect, proxy)
        assert type(raised.value) is getattr(driver, name)
        assert ERRORS[name]["retry"].startswith("yes" if raised.value.retryable else "no")
