"""is-sql and contains-sql."""

import asyncio

import pytest

from evaluations.engine.scorers import Context, check_assertion, grade
from evaluations.engine.types import Answer, Assertion

ONLY = {
    "databaseType": "MySQL",
    "allowedTables": ["(select|update)::(.*)::departments"],
    "allowedColumns": ["select::null::name", "update::null::name"],
}


def is_sql(text, value=None, kind="is-sql", *, negated=False):
    assertion = Assertion(type=kind, value=value, negated=negated)
    assert check_assertion(assertion) == []
    found = asyncio.run(grade([assertion], Answer(text=text), Context()))
    assert not found.error
    return found.passed


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT id, name FROM users WHERE age > 7 ORDER BY name LIMIT 3;",
        "SELECT COUNT(*) AS total FROM people AS p JOIN towns AS t ON p.town = t.id",
        "WITH old AS (SELECT * FROM people WHERE age > 70) SELECT name FROM old",
        "INSERT INTO people (name) VALUES ('石田')",
        "UPDATE people SET name = 'a' WHERE id = 1",
        "DELETE FROM people",
        "CREATE TABLE people (id INT PRIMARY KEY)",
        "SELECT 1; DROP TABLE people",
        "SHOW TABLES",
    ],
)
def test_statements(text):
    assert is_sql(text)
    assert not is_sql(text, negated=True)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "people", "this is not SQL", "hello world", "SELECT FROM", "7", "a = b"),
        "SELECT first_name last_name FROM people",
        "Here it is: SELECT 1",
        "SELECT 'a",
        "```sql\nSELECT 1\n```",
        "(" * 3000,
    ],
)
def test_other_texts(text):
    assert not is_sql(text)
    assert is_sql(text, negated=True)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("SELECT name FROM departments", True),
        ("SELECT d.name FROM departments AS d", True),
        ("UPDATE departments SET name = 'a'", True),
        ("SELECT name FROM employees", False),
        ("SELECT salary FROM departments", False),
        ("SELECT * FROM departments", False),
        ("DELETE FROM departments", False),
        ("SELECT name FROM departments; DROP TABLE departments", False),
        ("SELECT name FROM departments WHERE id IN (SELECT id FROM secrets)", False),
        ("WITH d AS (SELECT name FROM departments) SELECT name FROM d", True),
    ],
)
def test_what_is_allowed(text, allowed):
    assert is_sql(text, ONLY) is allowed


def test_a_block_of_code_in_a_text():
    text = "Of course!\n\n```sql\nSELECT name FROM departments;\n```\nThat is it."
    assert is_sql(text, kind="contains-sql")
    assert is_sql(text, ONLY, kind="contains-sql")
    assert is_sql("SELECT 1", kind="contains-sql")
    assert not is_sql("There is none.", kind="contains-sql")


@pytest.mark.parametrize("database", ["PostgreSQL", "SQLite", "BigQuery", "TransactSQL"])
def test_dialects(database):
    assert is_sql("SELECT name FROM people", {"databaseType": database})
    assert not is_sql("SELECT FROM WHERE", {"databaseType": database})


def test_a_pattern_that_takes_for_ever_ends():
    assertion = Assertion(type="is-sql", value={"allowedTables": ["(a+)+$"]})
    answer = Answer(text=f"SELECT 1 FROM {'a' * 60}")
    found = asyncio.run(grade([assertion], answer, Context()))
    assert found.passed is False or "too" in found.error or "limit" in found.error


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("MySQL", "must be an object"),
        ({"databaseType": "Oracle9"}, "databaseType must be one of"),
        ({"allowedTable": []}, "unknown setting"),
        ({"allowedTables": "a"}, "must be a list of strings"),
        ({"allowedColumns": ["("]}, "is not a regular expression"),
    ],
)
def test_wrong_values_are_named(value, problem):
    assert problem in check_assertion(Assertion(type="is-sql", value=value))[0]
