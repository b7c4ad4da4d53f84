"""The parts of the driver without a network: statements, addresses, errors."""

import pytest

from django_hrana import driver
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import from_server, from_status
from django_hrana.driver.statements import Kind, classify


@pytest.mark.parametrize(
    ("sql", "kind", "argument"),
    [
        ("SELECT 1", Kind.READ, ""),
        ("  select 1", Kind.READ, ""),
        ("-- a comment; with 'quotes\nSELECT 1", Kind.READ, ""),
        ("/* INSERT */ SELECT 1", Kind.READ, ""),
        ("(SELECT 1)", Kind.READ, ""),
        ("VALUES (1)", Kind.READ, ""),
        ("EXPLAIN QUERY PLAN DELETE FROM t", Kind.READ, ""),
        ("WITH a AS (SELECT 1) SELECT * FROM a", Kind.READ, ""),
        ("WITH a AS (SELECT ') DELETE') INSERT INTO t SELECT * FROM a", Kind.INSERT, ""),
        (
            "WITH RECURSIVE a(n) AS (VALUES (1)), b AS (SELECT 2) UPDATE t SET x = 1",
            Kind.CHANGE,
            "",
        ),
        ('WITH "select" AS (SELECT 1) DELETE FROM t', Kind.CHANGE, ""),
        ("WITH explain AS (SELECT 1) DELETE FROM t", Kind.CHANGE, ""),
        (";COMMIT", Kind.COMMIT, ""),
        (" ; /* c */ ;; -- c\n END ;", Kind.COMMIT, ""),
        (";ROLLBACK TO s", Kind.ROLLBACK_TO, "s"),
        (";;SELECT 1", Kind.READ, ""),
        ("INSERT INTO t VALUES ('select')", Kind.INSERT, ""),
        ("REPLACE INTO t VALUES (1)", Kind.INSERT, ""),
        ("CREATE TABLE t (x)", Kind.WRITE, ""),
        ("", Kind.WRITE, ""),
        ("-- only a comment", Kind.WRITE, ""),
        ("PRAGMA table_info(t)", Kind.READ, ""),
        ("PRAGMA user_version = 3", Kind.WRITE, ""),
        ("PRAGMA user_version(3)", Kind.WRITE, ""),
        ("PRAGMA table_info=t", Kind.READ, ""),
        ("PRAGMA and more", Kind.WRITE, ""),
        ("PRAGMA foreign_key_check", Kind.READ, ""),
        ("BEGIN", Kind.BEGIN, ""),
        ("begin immediate transaction ;", Kind.BEGIN, "immediate"),
        ("BEGIN -- now\n EXCLUSIVE", Kind.BEGIN, "EXCLUSIVE"),
        ("COMMIT", Kind.COMMIT, ""),
        ("END TRANSACTION", Kind.COMMIT, ""),
        ("ROLLBACK", Kind.ROLLBACK, ""),
        ("ROLLBACK TRANSACTION TO SAVEPOINT [A b]", Kind.ROLLBACK_TO, "a b"),
        ('SAVEPOINT "x""Y"', Kind.SAVEPOINT, 'x"y'),
        ("RELEASE `s`", Kind.RELEASE, "s"),
        ("COMMIT and more", Kind.WRITE, ""),  # the server says what is wrong with it
    ],
)
def test_classify(sql, kind, argument):
    statement = classify(sql)
    assert (statement.kind, statement.argument) == (kind, argument)


@pytest.mark.parametrize(
    ("url", "namespace", "shown", "header"),
    [
        ("libsql://db-org.turso.io", None, "https://db-org.turso.io", "db-org.turso.io"),
        ("https://db.example/", None, "https://db.example", "db.example"),
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080", "localhost:8080"),
        ("http://127.0.0.1:8080", "a", "http://127.0.0.1:8080 (namespace a)", "a.localhost:8080"),
        ("http://[::1]:8080", None, "http://[::1]:8080", "localhost:8080"),
        ("libsql://localhost:1?tls=0", None, "http://localhost:1", "localhost:1"),
        ("http://h:1?namespace=b", "a", "http://h:1 (namespace b)", "b.h:1"),
        ("https://h/prefix/", None, "https://h/prefix", "h"),
    ],
)
def test_endpoint(url, namespace, shown, header):
    endpoint = Endpoint.parse(url, namespace)
    assert (str(endpoint), endpoint.header) == (shown, header)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "no valid scheme or host"),
        ("host", "no valid scheme or host"),
        ("ftp://host", "no valid scheme or host"),
        ("http://", "no valid scheme or host"),
        ("http://host:0", "no valid scheme or host"),
        ("http://host:99999", "the database URL is not valid"),
        ("http://ho st", "no valid scheme or host"),
        ("http://user:s3cret@host", "contains a user, a password"),
        ("libsql://host?authToken=s3cret", "has a parameter other than namespace="),
        ("http://host?tls=0", "has a parameter other than namespace="),
        ("libsql://host?tls=2", "has a parameter other than namespace="),
        ("http://host?namespace=a.b", "the namespace is not valid"),
    ],
)
def test_endpoint_refuses(url, message):
    with pytest.raises(driver.InterfaceError, match=message) as caught:
        Endpoint.parse(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "code", "kind", "said"),
    [
        (
            "SQLite error: UNIQUE constraint failed: u.x",
            "SQLITE_CONSTRAINT",
            driver.IntegrityError,
            "UNIQUE constraint failed: u.x",
        ),
        (
            "error executing a request on the primary: UNIQUE constraint failed: k.id",
            "PROXY_ERROR",
            driver.IntegrityError,
            "UNIQUE constraint failed: k.id",
        ),
        ("datatype mismatch", "SQLITE_MISMATCH", driver.IntegrityError, "datatype mismatch"),
        (
            "SQL input error: no such column: x (at offset 7)",
            "SQL_INPUT_ERROR",
            driver.OperationalError,
            "no such column: x",
        ),
        (
            "database is locked",
            "SQLITE_BUSY",
            driver.Busy,
            "database is locked: another connection",
        ),
        (
            "Operation was blocked: too much",
            "BLOCKED",
            driver.Blocked,
            "the server blocks this database (Operation was blocked: too much): most "
            "likely the plan's quota",
        ),
        (
            "Transaction timed out",
            "TRANSACTION_TIMEOUT",
            driver.TransactionLost,
            "the server rolled the transaction back",
        ),
        ("string or blob too big", "ARGS_INVALID", driver.TooLarge, "a text, a blob or a row is"),
        ("wrong number", "ARGS_INVALID", driver.ProgrammingError, "wrong number"),
        ("x", "SQLITE_CORRUPT", driver.DatabaseError, "x"),
        ("x", "SQLITE_INTERNAL", driver.InternalError, "x"),
        ("something new", "CODE_OF_TOMORROW", driver.OperationalError, "something new"),
        ("no code", None, driver.OperationalError, "no code"),
    ],
)
def test_errors_of_statements(message, code, kind, said):
    error = from_server(message, code)
    assert type(error) is kind
    assert str(error).startswith(said)
    assert error.code == (code or "")


@pytest.mark.parametrize(
    ("status", "message", "kind", "said"),
    [
        (
            401,
            "Expected authorization header but none given",
            driver.AccessDenied,
            "requires a token",
        ),
        (401, "The JWT has expired", driver.AccessDenied, "has expired: create a new one"),
        (401, "The JWT is invalid", driver.AccessDenied, "rejected the token, which is not valid"),
        (
            403,
            "Current session doesn't not have Write permission to namespace default",
            driver.AccessDenied,
            "is read-only: set an auth_token with write access",
        ),
        (403, "Namespace `a` doesn't allow attach", driver.AccessDenied, "does not allow this"),
        (404, "Namespace `x` doesn't exist", driver.DatabaseNotFound, "has no such database"),
        (404, "stream not found: 1", driver.TransactionLost, "10 seconds without a statement"),
        (400, "The stream has expired", driver.OperationalError, "HTTP status 400"),
        (400, "Received an invalid baton", driver.TransactionLost, "rolled it back"),
        (429, "Timed out", driver.Overloaded, "cannot accept another connection"),
        (502, "Bad gateway", driver.OperationalError, "HTTP status 502: Bad gateway"),
    ],
)
def test_errors_of_http(status, message, kind, said):
    error = from_status(status, message, "", "https://db.example")
    assert type(error) is kind
    assert said in str(error)
    assert error.status == status


def test_404_on_a_stream_is_the_end_of_it_whatever_is_said():
    """The specification leaves the body open; only a server says that a database is not there."""
    place = "https://db.example"
    error = from_status(404, "not found", "", place, had_stream=True)
    assert type(error) is driver.TransactionLost
    error = from_status(404, "Namespace `x` doesn't exist", "", place, had_stream=True)
    assert type(error) is driver.DatabaseNotFound
    assert type(from_status(404, "not found", "", place)) is driver.DatabaseNotFound
