"""Time zones as tables: how many seconds to add to a wall clock in one zone to have another's.

The server knows no time zones, so a query carries the table of the two zones it is about. Each
table is exact for the years 1 to 9999: rules for daylight saving repeat with the calendar, so a
late year reads the row of a year with the same calendar.
"""

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.db.backends.utils import split_tzname_delta

__all__ = ["Shift", "shift"]

# Before that, all zones keep their first offset.
FIRST: Final = dt.datetime(1800, 1, 1, tzinfo=dt.UTC)
REGULAR_SINCE: Final = 2100  # from here on every zone follows a rule of its own
SCAN_TO: Final = 2160  # holds each of the 14 kinds of years after REGULAR_SINCE
STEP: Final = dt.timedelta(days=1)  # of the scan: it sees every change that lasts for a day
EARLIEST: Final = dt.datetime(1, 1, 3)  # noqa: DTZ001 (a wall clock); the first days can leave year 1

Transitions = tuple[tuple[dt.datetime, int, int], ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """How to get from wall clocks of one zone to those of another."""

    steps: tuple[tuple[str, int], ...]
    """Wall clock from which on, as "YYYY-MM-DD HH:MM:SS", and seconds to add; the first is the
    earliest."""
    cycle: tuple[int, tuple[int, ...]] | None
    """First year that has no rows of its own, and for each year modulo 400 the year to read
    instead; None where nothing changes late."""


@lru_cache(maxsize=256)
def shift(from_zone: str, to_zone: str) -> Shift:
    """Return the table between two zones.

    Args:
        from_zone: IANA name.
        to_zone: IANA name, or an offset such as "UTC+05:30" or "+05:30".

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    name, sign, offset = split_tzname_delta(to_zone)
    source, target = zoneinfo.ZoneInfo(from_zone), zoneinfo.ZoneInfo(name or from_zone)
    constant = dt.timedelta(seconds=_seconds(sign, offset))
    zones = {from_zone, name or from_zone}
    last = max(_last_irregular_year(zone) for zone in zones)
    years = _years_by_kind(last)
    end = max(years) + 2
    clocks = {EARLIEST}
    for zone in zones:
        clocks |= {clock - constant for clock in _wall_clocks(zone, source, end)}
    steps: list[tuple[str, int]] = []
    for clock in sorted(clocks):
        seconds = _difference(clock, source, target, constant)
        if not steps or steps[-1][1] != seconds:
            steps.append((clock.isoformat(" "), seconds))
    if steps[-1][0] < str(last):  # nothing changes any more
        return Shift(steps=tuple(steps), cycle=None)
    return Shift(steps=tuple(steps), cycle=(end - 1, years))


def _seconds(sign: str | None, offset: str | None) -> int:
    if not offset:
        return 0
    hours, minutes = map(int, offset.split(":"))
    seconds = hours * 3600 + minutes * 60
    if sign == "-":
        return -seconds
    return seconds


def _difference(
    clock: dt.datetime,
    source: zoneinfo.ZoneInfo,
    target: zoneinfo.ZoneInfo,
    constant: dt.timedelta,
) -> int:
    """Return the seconds from a wall clock in `source` to one in `target`, as Django counts."""
    there = (clock.replace(tzinfo=source) + constant).astimezone(target).replace(tzinfo=None)
    return round((there - clock).total_seconds())


def _wall_clocks(zone: str, source: zoneinfo.ZoneInfo, end: int) -> Iterator[dt.datetime]:
    """Yield the wall clocks in `source` at which a zone's offset changes."""
    for moment, before, after in _transitions(zone):
        if moment.year >= end:
            return
        if zone == source.key:
            naive = moment.replace(tzinfo=None)
            yield naive + dt.timedelta(seconds=before)
            yield naive + dt.timedelta(seconds=after)
        else:
            yield moment.astimezone(source).replace(tzinfo=None)


@lru_cache(maxsize=128)
def _transitions(zone: str) -> Transitions:
    """Return each moment at which a zone's offset changes, with the seconds before and after."""
    info = zoneinfo.ZoneInfo(zone)
    transitions = []
    moment, before = FIRST, _offset(FIRST, info)
    end = dt.datetime(SCAN_TO, 1, 1, tzinfo=dt.UTC)
    while moment < end:
        following = moment + STEP
        after = _offset(following, info)
        if after != before:
            transitions.append((_change(moment, following, info), before, after))
        moment, before = following, after
    return tuple(transitions)


def _offset(moment: dt.datetime, info: zoneinfo.ZoneInfo) -> int:
    return round((info.utcoffset(moment.astimezone(info)) or dt.timedelta()).total_seconds())


def _change(low: dt.datetime, high: dt.datetime, info: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the first second after `low` that has the offset of `high`."""
    before = _offset(low, info)
    seconds, width = 0, round((high - low).total_seconds())
    while width - seconds > 1:
        middle = (seconds + width) // 2
        if _offset(low + dt.timedelta(seconds=middle), info) == before:
            seconds = middle
        else:
            width = middle
    return low + dt.timedelta(seconds=width)


def _kind(year: int) -> tuple[int, bool]:
    """Return what makes calendars of two years the same: the weekday of January 1, and leap."""
    first = dt.date(year, 1, 1)
    return first.weekday(), (dt.date(year, 12, 31) - first).days == 365


@lru_cache(maxsize=128)
def _last_irregular_year(zone: str) -> int:
    """Return the last year that differs from what its calendar says, 2037 or later.

    Most zones have a rule by then; some list their years one by one for longer.
    """
    by_year: dict[int, list[tuple[str, int, int]]] = {}
    for moment, before, after in _transitions(zone):
        by_year.setdefault(moment.year, []).append((f"{moment:%m-%d %H:%M:%S}", before, after))
    rule = {_kind(year): by_year.get(year, []) for year in range(REGULAR_SINCE, SCAN_TO)}
    for year in range(REGULAR_SINCE - 1, 2037, -1):
        if by_year.get(year, []) != rule[_kind(year)]:
            return year
    return 2037  # how far the tables of most zones go year by year; a rule follows


@lru_cache(maxsize=8)
def _years_by_kind(last: int) -> tuple[int, ...]:
    """Return for each year modulo 400 the first year after `last + 1` with the same calendar."""
    # Backwards, so that the first of each kind stays; 59 years have all 14, leap years after 28.
    first: dict[tuple[int, bool], int] = {}
    for year in range(last + 60, last + 1, -1):
        first[_kind(year)] = year
    # The calendar repeats after 400 years, and 2000 is a multiple of them.
    kinds = map(_kind, range(2000, 2400))
    return tuple(first[kind] for kind in kinds)
