"""The probe `tables` on a database that is damaged in each way, on SQLite and on libSQL."""

import re

import pytest
from django.db import connection, transaction

from autoforge.health.errors import ProbeError
from autoforge.health.probes import tables
from core.database.ddl import parse
from core.database.drift import find_differences

pytestmark = pytest.mark.django_db(transaction=True)


class UndoError(Exception):
    """Takes a damage back."""


def damaged(statements: list[str]) -> list[str]:
    """Return what differs after some statements, which are rolled back."""
    found: list[str] = []
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        found = [str(difference) for difference in find_differences()]
        raise UndoError
    return found


def remade(table: str, old: str, new: str) -> list[str]:
    """Return the statements that make a table anew with another text in its definition."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
        (sql,) = cursor.fetchone()
    assert old in sql
    return [f"DROP TABLE {table}", sql.replace(old, new)]


def of_table(found: list[str], kind: str) -> list[str]:
    """Leave out what goes with a table that is made anew: its indexes and triggers."""
    return [text for text in found if text.startswith(f"the {kind} ")]


def test_a_database_as_its_migrations_made_it_has_no_difference():
    assert find_differences() == ()
    counts = re.fullmatch(
        r"(\d+) tables with (\d+) indexes and (\d+) triggers match the models and migrations",
        tables.probe(),
    )
    assert counts is not None
    assert min(map(int, counts.groups())) > 5
    assert "match the models and migrations" in tables.probe()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["DROP TABLE ratings"], ["the table ratings is missing"]),
        (["DROP TABLE auth_permission"], ["the table auth_permission is missing"]),
        (["DROP TABLE prompt_search"], ["the table prompt_search is missing"]),
        (["DROP TABLE prompt_search_keys"], ["the table prompt_search_keys is missing"]),
        (["DROP TABLE auth_group_permissions"], ["the table auth_group_permissions is missing"]),
        (
            ["ALTER TABLE ratings DROP COLUMN comment"],
            ["the column comment of ratings is missing"],
        ),
        (
            ["DROP INDEX idx_prompts_status"],
            ["the index idx_prompts_status of prompts is missing"],
        ),
        (
            [
                "DROP INDEX idx_prompts_status",
                "CREATE INDEX idx_prompts_status ON prompts (status, title)",
            ],
            ["the index idx_prompts_status of prompts is other"],
        ),
        (
            ["DROP INDEX prompts_name_unique"],
            ["the index prompts_name_unique of prompts is missing"],
        ),
        (
            [
                "DROP INDEX prompts_name_unique",
                "CREATE INDEX prompts_name_unique ON prompts (name)"
                " WHERE (deleted_at IS NULL AND NOT (name = ''))",
            ],
            ["the index prompts_name_unique of prompts is other"],
        ),
        (
            ["DROP TRIGGER prompt_versions_no_update"],
            ["the trigger prompt_versions_no_update of prompt_versions is missing"],
        ),
        (
            [
                "DROP TRIGGER prompt_versions_no_update",
                "CREATE TRIGGER prompt_versions_no_update BEFORE UPDATE ON prompt_versions"
                " BEGIN SELECT 1; END",
            ],
            ["the trigger prompt_versions_no_update of prompt_versions is other"],
        ),
        (
            ["CREATE UNIQUE INDEX too_strict ON prompts (title)"],
            ["the index too_strict of prompts is unexpected"],
        ),
        # What refuses no row may stay.
        (["CREATE TABLE another (id integer)"], []),
        (["CREATE INDEX another ON prompts (description)"], []),
        (["ALTER TABLE ratings ADD COLUMN another text NULL"], []),
        (["ALTER TABLE ratings ADD COLUMN another text NOT NULL DEFAULT ''"], []),
    ],
)
def test_each_damage_is_named(statements, expected):
    assert damaged(statements) == expected


@pytest.mark.parametrize(
    ("table", "old", "new", "kind", "expected"),
    [
        (
            "ratings",
            '"comment" text NOT NULL',
            '"comment" text NULL',
            "column",
            ["the column comment of ratings is other"],
        ),
        (
            "ratings",
            '"passed" bool NOT NULL',
            '"passed" integer NOT NULL',
            "column",
            ["the column passed of ratings is other"],
        ),
        (
            "ratings",
            ' REFERENCES "test_results" ("id") DEFERRABLE INITIALLY DEFERRED',
            "",
            "column",
            ["the column result_id of ratings is other"],
        ),
        (
            "ratings",
            '"comment" text NOT NULL',
            '"comment" text NOT NULL, "needed" text NOT NULL',
            "column",
            ["the column needed of ratings is unexpected"],
        ),
        (
            "release_gates",
            '"pass_rate" BETWEEN 0.0 AND 1.0',
            '"pass_rate" BETWEEN 0.0 AND 100.0',
            "constraint",
            ["the constraint release_gates_rates_0_to_1 of release_gates is other"],
        ),
        (
            "ratings",
            'CONSTRAINT "ratings_once" UNIQUE',
            'CONSTRAINT "ratings_twice" UNIQUE',
            "constraint",
            [
                "the constraint ratings_once of ratings is missing",
                "the constraint ratings_twice of ratings is unexpected",
            ],
        ),
    ],
)
def test_each_definition_of_a_table_is_compared(table, old, new, kind, expected):
    assert of_table(damaged(remade(table, old, new)), kind) == expected


def test_the_probe_says_what_is_wrong_and_how_to_mend_it():
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX idx_prompts_status")
            cursor.execute("DROP TRIGGER prompt_events_no_update")
        with pytest.raises(ProbeError, match="idx_prompts_status of prompts is missing") as seen:
            tables.probe()
        statements = seen.value.hint.partition("dbshell`: ")[2]
        with connection.cursor() as cursor:
            # As somebody would run them who copies them out of the hint.
            for statement in ("CREATE INDEX", "CREATE TRIGGER"):
                start = statements.index(statement)
                end = statements.find("END;", start) + 4
                is_trigger = statement == "CREATE TRIGGER"
                cursor.execute(
                    statements[start : end if is_trigger else statements.index(";", start)]
                )
        assert find_differences() == ()
        raise UndoError


def test_a_table_that_is_gone_is_no_work_for_a_shell():
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE ratings")
        with pytest.raises(ProbeError, match="the table ratings is missing") as seen:
            tables.probe()
        assert "restore the latest backup" in seen.value.hint
        raise UndoError


def test_many_differences_are_counted():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX%%'"
        )
        names = [name for (name,) in cursor.fetchall()]
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            for name in names:
                cursor.execute(f'DROP INDEX "{name}"')
        with pytest.raises(ProbeError, match=f"and {len(names) - 10} more$"):
            tables.probe()
        raise UndoError


def test_one_query_reads_the_schema(django_assert_num_queries):
    find_differences()
    with django_assert_num_queries(1):
        find_differences()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('CREATE TABLE "a" ("x" text NOT NULL)', "create table a(\n  x  TEXT not null -- a\n)"),
        ("CREATE TABLE a (x text CHECK ((x > 1)))", "CREATE TABLE a (x text CHECK (x > 1))"),
        ("CREATE TABLE a (x text, y text)", "CREATE TABLE a (y text, x text)"),
        ("CREATE INDEX i ON a (x)", 'CREATE INDEX IF NOT EXISTS "i" ON "a" ("x");'),
    ],
)
def test_two_ways_to_say_the_same(one, other):
    assert parse(one) == parse(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE TABLE a (x text)", "CREATE TABLE a (x text NULL)"),
        (
            "CREATE TABLE a (x text CHECK (x IN ('a')))",
            "CREATE TABLE a (x text CHECK (x IN ('A')))",
        ),
        ("CREATE INDEX i ON a (x, y)", "CREATE INDEX i ON a (y, x)"),
        ("CREATE INDEX i ON a (x)", "CREATE UNIQUE INDEX i ON a (x)"),
        ("CREATE INDEX i ON a (x)", "CREATE INDEX i ON a (x) WHERE x > 1"),
        (
            "CREATE TABLE a (x, CHECK (x AND (y OR z)))",
            "CREATE TABLE a (x, CHECK ((x AND y) OR z))",
        ),
    ],
)
def test_two_statements_that_differ(one, other):
    assert parse(one) != parse(other)


def test_what_makes_none_of_these_is_no_statement():
    assert parse("INSERT INTO a VALUES (1)") is None
    assert parse("") is None
