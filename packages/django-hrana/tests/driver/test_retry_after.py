"""A server that asks to be left alone for a while (429, Retry-After) is."""

import datetime as dt
import time
from email.utils import format_datetime

import pytest

from django_hrana import driver
from django_hrana.driver.failures import read_retry_after
from hrana_support.fault_proxy import FaultProxy


def refuse(proxy: FaultProxy, text: str, header: str, times: int = 1) -> None:
    """Answer requests that contain a text with 429, and ask to wait."""
    proxy.headers = f"Retry-After: {header}\r\n"
    proxy.fail("429", lambda body: text.encode() in body, times)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_the_header_is_seconds_or_a_date(header, expected):
    assert read_retry_after(header) == expected


def test_a_date_to_come():
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    assert 95 < read_retry_after(format_datetime(moment, usegmt=True)) <= 100


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_read_waits_as_long_as_it_is_asked_to(connect, proxy, is_stream):
    refuse(proxy, "SELECT", "1")
    started = time.monotonic()
    cursor = connect(proxy.url).cursor(stream=is_stream)
    assert cursor.execute("SELECT 1").fetchone() == (1,)
    assert time.monotonic() - started >= 1


def test_what_begins_a_transaction_waits_too(connect, proxy):
    connection = connect(proxy.url)
    connection.cursor().execute("CREATE TABLE t (x)")
    refuse(proxy, "INSERT", "1")
    started = time.monotonic()
    with connection.transaction():
        connection.cursor().execute("INSERT INTO t VALUES (1)")
    assert time.monotonic() - started >= 1
    assert connect().cursor().execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_longer_than_the_timeout_is_left_to_the_caller(connect, proxy):
    refuse(proxy, "SELECT", "30", times=9)
    started = time.monotonic()
    with pytest.raises(driver.Overloaded) as caught:
        connect(proxy.url, timeout=20).cursor().execute("SELECT 1")
    assert time.monotonic() - started < 10
    assert caught.value.retry_after_seconds == 30
    assert caught.value.retryable


def test_a_write_is_not_repeated(connect, proxy):
    connection = connect(proxy.url)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (x)")
    refuse(proxy, "INSERT", "1")
    with pytest.raises(driver.OutcomeUnknown):
        cursor.execute("INSERT INTO t VALUES (1)")
    refuse(proxy, "COMMIT", "1")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES (2)")
    # The server may prove by the baton that it was not done; else nobody knows.
    with pytest.raises((driver.OutcomeUnknown, driver.TransactionLost)):
        connection.commit()
    assert sum(b"COMMIT" in body for body in proxy.requests) == 1
