"""Names that PEP 249 requires of every driver: constructors and type objects."""

import datetime as dt
from typing import Final

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Date",
    "DateFromTicks",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "apilevel",
    "paramstyle",
    "threadsafety",
]

apilevel: Final = "2.0"
threadsafety: Final = 1  # threads may share the module, not a connection
paramstyle: Final = "qmark"

Binary = memoryview
Date = dt.date
Time = dt.time
Timestamp = dt.datetime


def DateFromTicks(ticks: float) -> dt.date:
    """Return the local date of a number of seconds since 1970."""
    return dt.datetime.fromtimestamp(ticks).astimezone().date()


def TimeFromTicks(ticks: float) -> dt.time:
    """Return the local time of day of a number of seconds since 1970."""
    return dt.datetime.fromtimestamp(ticks).astimezone().time()


def TimestampFromTicks(ticks: float) -> dt.datetime:
    """Return the local date and time of a number of seconds since 1970, without a zone."""
    return dt.datetime.fromtimestamp(ticks)  # noqa: DTZ006 (a timestamp has no zone)


# Columns carry no type code, so these are equal to nothing but themselves.
STRING: Final = "STRING"
BINARY: Final = "BINARY"
NUMBER: Final = "NUMBER"
DATETIME: Final = "DATETIME"
ROWID: Final = "ROWID"
