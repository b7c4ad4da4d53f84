"""Values of columns with a declared type, as Django reads them from SQLite."""

import pytest
from django.utils.dateparse import parse_datetime

from django_hrana.base import CONVERTERS

TEXTS = [
    "2026-01-02 03:04:05.678901",
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05+02:00",
    "2026-01-02",
    "2026-1-2 3:04",
    "20260102",
    "tomorrow",
    "",
]


@pytest.mark.parametrize("name", ["datetime", "timestamp"])
@pytest.mark.parametrize("text", TEXTS)
def test_datetimes_are_what_django_reads(name, text):
    assert CONVERTERS[name](text) == parse_datetime(text)
    assert CONVERTERS[name](text.encode()) == parse_datetime(text)


@pytest.mark.parametrize("value", [2026, 1.5])
def test_numbers_are_no_datetimes(value):
    assert CONVERTERS["datetime"](value) == parse_datetime(str(value))


def test_a_day_that_does_not_exist_is_refused_as_by_django():
    with pytest.raises(ValueError, match="day"):
        CONVERTERS["datetime"]("2026-2-30 00:00")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, True), (0, False), ("1", True), ("0", False), (1.0, False), (2, False)],
)
def test_booleans(value, expected):
    assert CONVERTERS["bool"](value) is expected
