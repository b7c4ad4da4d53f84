"""Dates, times, zones and durations as SQL: equal to what Django's own functions for SQLite say."""

import datetime as dt
import sqlite3
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.db.backends.sqlite3 import _functions as django_functions
from hypothesis import example, given
from hypothesis import strategies as st

from django_hrana import driver, temporal
from django_hrana.time_zones import shift

ZONES = (
    *(
        "UTC",
        "Europe/Paris",
        "America/New_York",
        "Asia/Tokyo",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
    ),
    *("Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Europe/Dublin", "Asia/Tehran"),
    *("America/St_Johns", "Antarctica/Troll", "Africa/Monrovia"),
)
OFFSETS = ("UTC+05:30", "UTC-11:00", "+03:00", "-00:45")
MOMENTS = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31))
RECENT = st.datetimes(dt.datetime(1880, 1, 1), dt.datetime(2150, 1, 1))
PARTS = (
    *("year", "iso_year", "quarter", "month", "week", "day", "week_day", "iso_week_day"),
    *("hour", "minute", "second", "microsecond"),
)
DATE_KINDS = ("year", "quarter", "month", "week", "day")
DATETIME_KINDS = (*DATE_KINDS, "hour", "minute", "second")


@pytest.fixture(scope="module")
def local() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


def value(connection, compiled) -> object:
    sql, params = compiled
    text = f"SELECT {sql}".replace("%s", "?").replace("%%", "%")
    return connection.execute(text, params).fetchone()[0]


def stored(moment: dt.datetime) -> str:
    return str(moment)


@given(moment=MOMENTS, part=st.sampled_from(PARTS))
@example(moment=dt.datetime(2026, 12, 31, 23, 59, 59, 999_999), part="year")
@example(moment=dt.datetime(2021, 1, 3), part="iso_year")
def test_extract(local, moment, part):
    expected = django_functions._sqlite_datetime_extract(part, stored(moment))
    assert value(local, temporal.extract(part, "%s", [stored(moment)])) == expected


@given(moment=MOMENTS, kind=st.sampled_from(DATETIME_KINDS))
@example(moment=dt.datetime(2026, 12, 31, 23, 59, 59, 999_999), kind="second")
def test_truncate_datetime(local, moment, kind):
    expected = django_functions._sqlite_datetime_trunc(kind, stored(moment), None, None)
    assert value(local, temporal.truncate_datetime(kind, "%s", [stored(moment)])) == expected


@given(moment=MOMENTS, kind=st.sampled_from(DATE_KINDS))
def test_truncate_date(local, moment, kind):
    for text in (stored(moment), stored(moment.date())):
        expected = django_functions._sqlite_date_trunc(kind, text, None, None)
        assert value(local, temporal.truncate_date(kind, "%s", [text])) == expected


@given(moment=MOMENTS, kind=st.sampled_from(["hour", "minute", "second"]))
def test_truncate_and_extract_time(local, moment, kind):
    for text in (stored(moment), str(moment.time())):
        expected = django_functions._sqlite_time_trunc(kind, text, None, None)
        assert value(local, temporal.truncate_time(kind, "%s", [text])) == expected
    text = str(moment.time())
    expected = django_functions._sqlite_time_extract(kind, text)
    assert value(local, temporal.extract_time(kind, "%s", [text])) == expected


@given(moment=MOMENTS)
def test_casts(local, moment):
    text = stored(moment)
    assert value(local, temporal.cast_date("%s", [text])) == str(moment.date())
    assert value(local, temporal.cast_time("%s", [text])) == str(moment.time())


@pytest.mark.parametrize("text", [None, "", "no date", "2026-13-01 00:00:00"])
def test_what_is_no_date_gives_null(local, text):
    assert value(local, temporal.extract("month", "%s", [text])) is None
    assert value(local, temporal.truncate_datetime("hour", "%s", [text])) is None


def in_zone(connection, moment: dt.datetime, target: str, source: str) -> object:
    return value(connection, temporal.in_zone("%s", [stored(moment)], source, target))


def expected_in_zone(moment: dt.datetime, target: str, source: str) -> str:
    there = django_functions._sqlite_datetime_parse(stored(moment), target, source)
    return str(there.replace(tzinfo=None))


@given(
    moment=st.one_of(MOMENTS, RECENT),
    target=st.sampled_from(ZONES + OFFSETS),
    source=st.sampled_from(ZONES),
)
@example(moment=dt.datetime(2026, 3, 29, 0, 59, 59, 999_999), target="Europe/Paris", source="UTC")
@example(moment=dt.datetime(2026, 3, 29, 1), target="Europe/Paris", source="UTC")
@example(moment=dt.datetime(2026, 10, 25, 2, 30), target="UTC", source="Europe/Paris")
@example(moment=dt.datetime(9876, 7, 1), target="America/New_York", source="UTC")
@example(moment=dt.datetime(2087, 5, 1), target="Africa/Casablanca", source="UTC")
@example(moment=dt.datetime(2100, 3, 28, 1), target="Europe/Paris", source="UTC")
@example(moment=dt.datetime(2400, 10, 29, 0, 59, 59), target="Europe/Paris", source="UTC")
def test_zones(local, moment, target, source):
    expected = expected_in_zone(moment, target, source)
    assert in_zone(local, moment, target, source) == expected


@pytest.mark.parametrize("zone", ZONES[1:])
def test_around_every_change_of_the_clocks(local, zone):
    """One second before, at and after each change of a whole table, early and late."""
    for text, _seconds in shift("UTC", zone).steps[1:]:
        change = dt.datetime.fromisoformat(text)
        for seconds in (-1, 0, 1):
            moment = change + dt.timedelta(seconds=seconds)
            assert in_zone(local, moment, zone, "UTC") == expected_in_zone(moment, zone, "UTC")


@given(left=MOMENTS, right=MOMENTS)
def test_differences(local, left, right):
    one, other = (temporal.microseconds("%s", [stored(moment)]) for moment in (left, right))
    difference = value(local, (f"{one[0]} - {other[0]}", (*one[1], *other[1])))
    assert difference == (left - right) // dt.timedelta(microseconds=1)
    times = [temporal.time_to_microseconds("%s", [str(m.time())]) for m in (left, right)]
    expected = django_functions._sqlite_time_diff(str(left.time()), str(right.time()))
    sql = f"{times[0][0]} - {times[1][0]}"
    assert value(local, (sql, (*times[0][1], *times[1][1]))) == expected


@given(
    moment=st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9000, 1, 1)),
    microseconds=st.integers(-(10**16), 10**16),
)
def test_sums(local, moment, microseconds):
    later = moment + dt.timedelta(microseconds=microseconds)
    sql, params = temporal.microseconds("%s", [stored(moment)])
    total = f"({sql} + {microseconds})"
    assert value(local, (temporal.format_datetime(total), params)) == stored(later)
    assert value(local, (temporal.format_date(total), params)) == str(later.date())


def test_an_unknown_part_is_refused_as_on_sqlite():
    with pytest.raises(OperationalError, match="use one of year, month, day"):
        temporal.extract("day' FROM x", "x", [])


@pytest.mark.parametrize("source", ["UTC", "Europe/Paris"])
def test_the_same_on_the_server(libsql_server, source):
    """Several zones deep, which is where the server's parser has its limits."""
    connection = driver.connect(libsql_server.url, autocommit=True)
    moment = dt.datetime(2026, 3, 29, 0, 30, 15, 123_456)
    for zone in ZONES:
        compiled = temporal.in_zone("%s", [stored(moment)], source, zone)
        assert value(connection.cursor(), compiled) == expected_in_zone(moment, zone, source)
    compiled = ("%s", (stored(moment),))
    for zone in ("America/New_York", "Asia/Tehran", "Europe/Dublin"):
        compiled = temporal.truncate_datetime("minute", *temporal.in_zone(*compiled, "UTC", zone))
    assert value(connection.cursor(), compiled) is not None
    connection.close()
