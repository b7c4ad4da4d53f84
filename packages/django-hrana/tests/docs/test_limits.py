"""The table of limits, tried on a real server: the limit is good, and one more is not."""

import pytest

from django_hrana import driver
from django_hrana.driver import limits
from hrana_support.pages import read_table

LIMITS = {row["what"]: row for row in read_table("limits", "what")}
BYTES = 5_000_000


def number(text: str) -> int:
    return int(text.replace(",", ""))


def of_a_value(limit: int) -> tuple[str, list[object]]:
    return "SELECT length(?)", ["x" * limit]


def of_the_sql(limit: int) -> tuple[str, list[object]]:
    head, end = "SELECT length('", "')"
    return head + "x" * (limit - len(head) - len(end)) + end, []


def of_parameters(limit: int) -> tuple[str, list[object]]:
    return f"SELECT 1 IN ({', '.join('?' * limit)})", list(range(limit))


def of_columns(limit: int) -> tuple[str, list[object]]:
    return f"SELECT {', '.join('1' * limit)}", []


def of_levels(limit: int) -> tuple[str, list[object]]:
    return f"SELECT {' OR '.join(f'a={n}' for n in range(limit - 1))} FROM (SELECT 1 AS a)", []


def of_unions(limit: int) -> tuple[str, list[object]]:
    return " UNION ALL ".join(["SELECT 1"] * limit), []


def of_arguments(limit: int) -> tuple[str, list[object]]:
    return f"SELECT max({', '.join('1' * limit)})", []


def of_patterns(limit: int) -> tuple[str, list[object]]:
    return "SELECT 'x' LIKE ?", ["x" * limit]


STATEMENTS = {
    "bytes of a value, and of all values of a row together": (of_a_value, driver.TooLarge),
    "parameters of a statement": (of_parameters, driver.DataError),
    "columns of a table or a result": (of_columns, driver.OperationalError),
    "levels of an expression, such as terms joined by `OR`": (of_levels, driver.OperationalError),
    "SELECTs in one UNION": (of_unions, driver.OperationalError),
    "arguments of a function": (of_arguments, driver.OperationalError),
    "characters of a LIKE or GLOB pattern": (of_patterns, driver.OperationalError),
    "bytes of the SQL of a statement": (of_the_sql, driver.TooLarge),
}
ELSEWHERE = {
    "levels of an expression that are sent at all",
    "bytes of one answer",
    "integers",
    "streams on the server, of all clients together",
    "seconds that a transaction keeps the write lock while others wait",
    "seconds between two statements of a transaction",
}


def test_each_limit_is_tried():
    assert set(LIMITS) == set(STATEMENTS) | ELSEWHERE


@pytest.mark.parametrize("what", sorted(STATEMENTS))
def test_the_limit_and_one_more(what, connect):
    make, error = STATEMENTS[what]
    limit = number(LIMITS[what]["limit"])
    cursor = connect().cursor()
    cursor.execute(*make(limit)).fetchall()
    # The server writes SQL again before SQLite reads it, some bytes shorter.
    more = 100 if make is of_the_sql else 1
    with pytest.raises(error):
        cursor.execute(*make(limit + more))
    assert f"`{error.__name__}`" in LIMITS[what]["beyond it"]


def test_levels_that_are_sent(connect):
    assert number(LIMITS["levels of an expression that are sent at all"]["limit"]) == (
        limits.MAX_DEPTH
    )
    with pytest.raises(driver.OperationalError, match="was not sent"):
        connect().cursor().execute(*of_levels(limits.MAX_DEPTH + 10))


def test_integers(connect):
    cursor = connect().cursor()
    assert cursor.execute("SELECT ?", [2**63 - 1]).fetchall() == [(2**63 - 1,)]
    with pytest.raises(driver.DataError, match="64 bits"):
        cursor.execute("SELECT ?", [2**63])


def test_an_answer_of_what_writes(connect):
    size = number(LIMITS["bytes of one answer"]["limit"])
    cursor = connect().cursor()
    cursor.execute("CREATE TABLE t (x)")
    row = size // 10
    cursor.executemany("INSERT INTO t VALUES (?)", [["x" * row]] * 10)
    assert sum(len(x) for (x,) in cursor.execute("SELECT x FROM t")) == size  # in parts
    with pytest.raises(driver.DataError, match="10 MB"):
        cursor.execute("UPDATE t SET x = x RETURNING x")
