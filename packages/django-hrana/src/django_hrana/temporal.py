"""Dates and times as SQL: parts, truncation, casts, arithmetic. Text in, text out.

Django's SQLite backend registers Python functions for this; on a server it must be SQL. Dates are
stored as "YYYY-MM-DD", times as "HH:MM:SS[.ffffff]", both with a blank between. SQLite's own date
functions round to milliseconds, so fractions are cut off before and handled as text: everything
here is exact to the microsecond. What is no date gives NULL.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from django.db.utils import OperationalError

from django_hrana.time_zones import Shift, shift

__all__ = [
    "cast_date",
    "cast_time",
    "extract",
    "extract_time",
    "format_date",
    "format_datetime",
    "in_zone",
    "microseconds",
    "time_to_microseconds",
    "truncate_date",
    "truncate_datetime",
    "truncate_time",
]

Sql = tuple[str, tuple[object, ...]]

# {x} is the operand, up to its seconds; % is doubled since Django formats the SQL.
WHOLE: Final = "SUBSTR({x}, 1, 19)"
# Of the same ISO week: the year of its Thursday is the week's year. STRFTIME's %G and %V would say
# it, but came with SQLite 3.46, and the server has 3.45.
THURSDAY: Final = "DATE(SUBSTR({x}, 1, 10), '-3 days', 'weekday 4')"
NUMBER: Final = "CAST(STRFTIME('%%{code}', SUBSTR({x}, 1, 19)) AS INTEGER)"
PARTS: Final = {
    "year": NUMBER.replace("{code}", "Y"),
    "month": NUMBER.replace("{code}", "m"),
    "day": NUMBER.replace("{code}", "d"),
    "hour": NUMBER.replace("{code}", "H"),
    "minute": NUMBER.replace("{code}", "M"),
    "second": NUMBER.replace("{code}", "S"),
    "quarter": f"(({NUMBER.replace('{code}', 'm')} + 2) / 3)",
    "week_day": f"({NUMBER.replace('{code}', 'w')} + 1)",  # Django's Sunday is 1, SQLite's is 0
    "iso_week_day": f"(({NUMBER.replace('{code}', 'w')} + 6) %% 7 + 1)",
    "week": f"((CAST(STRFTIME('%%j', {THURSDAY}) AS INTEGER) - 1) / 7 + 1)",
    "iso_year": f"CAST(STRFTIME('%%Y', {THURSDAY}) AS INTEGER)",
    "microsecond": "CAST(SUBSTR(SUBSTR({x}, 21) || '000000', 1, 6) AS INTEGER)",
}
TIME_PARTS: Final = {
    "hour": "CAST(STRFTIME('%%H', SUBSTR({x}, 1, 8)) AS INTEGER)",
    "minute": "CAST(STRFTIME('%%M', SUBSTR({x}, 1, 8)) AS INTEGER)",
    "second": "CAST(STRFTIME('%%S', SUBSTR({x}, 1, 8)) AS INTEGER)",
    "microsecond": "CAST(SUBSTR(SUBSTR({x}, 10) || '000000', 1, 6) AS INTEGER)",
}
DAY: Final = "SUBSTR({x}, 1, 10)"
DATES: Final = {
    "year": f"STRFTIME('%%Y-01-01', {DAY})",
    "quarter": (
        f"DATE({DAY}, 'start of month', '-' || ((STRFTIME('%%m', {DAY}) + 2) %% 3) || ' months')"
    ),
    "month": f"STRFTIME('%%Y-%%m-01', {DAY})",
    # 'weekday 1' goes on to the next Monday, or stays: from six days before it ends on this one's.
    "week": f"DATE({DAY}, '-6 days', 'weekday 1')",
    "day": f"DATE({DAY})",
}
MIDNIGHTS: Final = {kind: f"({sql} || ' 00:00:00')" for kind, sql in DATES.items()}
DATETIMES: Final = MIDNIGHTS | {
    "hour": f"STRFTIME('%%Y-%%m-%%d %%H:00:00', {WHOLE})",
    "minute": f"STRFTIME('%%Y-%%m-%%d %%H:%%M:00', {WHOLE})",
    "second": f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%S', {WHOLE})",
}
TIMES: Final = {
    "hour": "STRFTIME('%%H:00:00', SUBSTR({x}, 1, 8))",
    "minute": "STRFTIME('%%H:%%M:00', SUBSTR({x}, 1, 8))",
    "second": "STRFTIME('%%H:%%M:%%S', SUBSTR({x}, 1, 8))",
}
FRACTION: Final = "CAST(SUBSTR(SUBSTR({x}, 21) || '000000', 1, 6) AS INTEGER)"
BRANCHES: Final = 7  # flat and wide: the server's parser cannot hold a deep tree


def extract(part: str, sql: str, params: Sequence[object]) -> Sql:
    """Return a part of a date or a datetime as an integer.

    Raises:
        OperationalError: there is no such part.
    """
    return _named("extract", part, _fill(_template(PARTS, part), sql, params))


def extract_time(part: str, sql: str, params: Sequence[object]) -> Sql:
    """Return a part of a time of day as an integer; otherwise as `extract`."""
    return _named("extract", part, _fill(_template(TIME_PARTS, part), sql, params))


def truncate_date(kind: str, sql: str, params: Sequence[object]) -> Sql:
    """Return the date on which the year, quarter, month, week or day began.

    Raises:
        OperationalError: there is no such kind.
    """
    return _fill(_template(DATES, kind), sql, params)


def truncate_datetime(kind: str, sql: str, params: Sequence[object]) -> Sql:
    """Return the datetime at which the year … second began; otherwise as `truncate_date`."""
    return _fill(_template(DATETIMES, kind), sql, params)


def truncate_time(kind: str, sql: str, params: Sequence[object]) -> Sql:
    """Return the time of day at which the hour, minute or second began.

    The operand is a time, or a datetime whose time is meant.
    """
    time = "CASE WHEN LENGTH({x}) > 15 THEN SUBSTR({x}, 12) ELSE {x} END"
    return _fill(_template(TIMES, kind), *_fill(time, sql, params))


def cast_date(sql: str, params: Sequence[object]) -> Sql:
    """Return the date of a datetime."""
    return _fill(DATES["day"], sql, params)


def cast_time(sql: str, params: Sequence[object]) -> Sql:
    """Return the time of day of a datetime, with its fraction."""
    return _fill("SUBSTR({x}, 12)", sql, params)


def microseconds(sql: str, params: Sequence[object]) -> Sql:
    """Return a date or datetime as microseconds since 1970."""
    return _fill(f"(UNIXEPOCH({WHOLE}) * 1000000 + {FRACTION})", sql, params)


def time_to_microseconds(sql: str, params: Sequence[object]) -> Sql:
    """Return a time of day as microseconds since midnight."""
    seconds = "UNIXEPOCH('1970-01-01 ' || SUBSTR({x}, 1, 8))"
    return _fill(f"({seconds} * 1000000 + {TIME_PARTS['microsecond']})", sql, params)


def format_datetime(sql: str) -> str:
    """Return microseconds since 1970 as the text of a datetime."""
    # SQL's % has the sign of its left side, so that d_f is brought above 0 for years before 1970.
    return (
        "(SELECT DATETIME((d_t - d_f) / 1000000, 'unixepoch') || "
        "CASE d_f WHEN 0 THEN '' ELSE PRINTF('.%%06d', d_f) END FROM "
        "(SELECT d_t, (d_t %% 1000000 + 1000000) %% 1000000 AS d_f FROM "
        f"(SELECT {sql} AS d_t)))"
    )


def format_date(sql: str) -> str:
    """Return microseconds since 1970 as the text of the date."""
    return (
        "(SELECT DATE((d_t - (d_t %% 1000000 + 1000000) %% 1000000) / 1000000, 'unixepoch') FROM "
        f"(SELECT {sql} AS d_t))"
    )


def in_zone(sql: str, params: Sequence[object], from_zone: str, to_zone: str) -> Sql:
    """Return a datetime's wall clock in another zone; a time of day without a date stays.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    table = shift(from_zone, to_zone)
    if len(table.steps) == 1 and table.steps[0][1] == 0:
        return sql, tuple(params)
    if len(table.steps) == 1:
        moved = f"DATETIME({WHOLE}, '{table.steps[0][1]:+d} seconds') || SUBSTR({{x}}, 20)"
        return _fill(f"({moved})", sql, params)
    clock = "SUBSTR(z_x, 1, 19)" if table.cycle is None else _in_cycle(table)
    moved = f"DATETIME(SUBSTR(z_x, 1, 19), {_search(table.steps)} || ' seconds')"
    # Not subqueries in FROM: the server's parser can hold fewer of those in each other.
    return (
        f"(WITH z_o(z_x) AS (SELECT {sql}), z_c(z_x, z_s) AS (SELECT z_x, {clock} FROM z_o) "
        f"SELECT {moved} || SUBSTR(z_x, 20) FROM z_c)"
    ), tuple(params)


def _in_cycle(table: Shift) -> str:
    """Return the clock to look for: a late year is read as a year with the same calendar."""
    if table.cycle is None:
        raise ValueError("this table has no cycle")
    since, years = table.cycle
    codes = "".join(f"{year - 2000:03d}" for year in years)
    # The calendar repeats after 400 years; three digits for each of them, counted from 2000.
    index = "CAST(SUBSTR(z_x, 1, 4) AS INTEGER) %% 400 * 3 + 1"
    late = f"(2000 + SUBSTR('{codes}', {index}, 3)) || SUBSTR(z_x, 5, 15)"
    return f"CASE WHEN z_x >= '{since}' THEN {late} ELSE SUBSTR(z_x, 1, 19) END"


def _search(steps: Sequence[tuple[str, int]]) -> str:
    """Return a search in a tree over the table: a dozen comparisons at most for any clock."""
    if len(steps) == 1:
        return str(steps[0][1])
    size = -(-len(steps) // BRANCHES)  # rounded up
    parts = [steps[start : start + size] for start in range(0, len(steps), size)]
    cases = []
    for part, after in pairwise(parts):
        first_clock = after[0][0]
        cases.append(f"WHEN z_s < '{first_clock}' THEN {_search(part)}")
    return f"CASE {' '.join(cases)} ELSE {_search(parts[-1])} END"


def _template(templates: dict[str, str], kind: str) -> str:
    if kind not in templates:  # the class that Django's functions for SQLite end in
        raise OperationalError(f"unknown part of a date or time: use one of {', '.join(templates)}")
    return templates[kind]


def _fill(template: str, sql: str, params: Sequence[object]) -> Sql:
    return template.replace("{x}", sql), tuple(params) * template.count("{x}")


def _named(function: str, part: str, compiled: Sql) -> Sql:
    """Name what the SQL does, for whoever reads it in a log."""
    sql, params = compiled
    return f"/* {function} {part} */ {sql}", params
