"""What a migration loses and whom it disturbs, read off its SQL and the schema around it."""

import pytest
from django.db import migrations

from autoforge.operations.migrating.effects import list_conflicts, list_losses
from autoforge.operations.migrating.rehearsal import Action, Rehearsed
from autoforge.operations.migrating.steps import Step
from core.database.schemas import read_schema

OLD = 'CREATE TABLE "t" ("id" integer NOT NULL, "a" varchar(9) NULL)'


def rehearsed(
    before: str,
    after: str,
    *statements: str,
    kind: str = "model",
    is_backwards: bool = False,
    is_irreversible: bool = False,
    does_nothing: bool = False,
):
    """Return a step between two schemas of a few statements."""
    step = Step(migration=migrations.Migration("0002_x", "app"), is_backwards=is_backwards)
    action = Action(
        description="do it",
        kind=kind,
        statements=statements,
        is_irreversible=is_irreversible,
        does_nothing=does_nothing,
    )
    return Rehearsed(step=step, actions=(action,), before=schema(before), after=schema(after))


def schema(text: str):
    statements = [part.strip() for part in text.split(";") if part.strip()]
    return read_schema([(part.split('"')[1], part) for part in statements])


@pytest.mark.parametrize(
    ("before", "after", "statements", "expected"),
    [
        (OLD, OLD, [], []),
        (OLD, "", ['DROP TABLE "t"'], ["drops the table t"]),
        (
            OLD,
            'CREATE TABLE "u" ("id" integer NOT NULL, "a" varchar(9) NULL)',
            ['ALTER TABLE "t" RENAME TO "u"'],
            [],
        ),
        (
            OLD,
            'CREATE TABLE "t" ("id" integer NOT NULL)',
            ['ALTER TABLE "t" DROP COLUMN "a"'],
            ["drops the column a of t"],
        ),
        (
            OLD,
            'CREATE TABLE "t" ("id" integer NOT NULL, "b" varchar(9) NULL)',
            ['ALTER TABLE "t" RENAME COLUMN "a" TO "b"'],
            [],
        ),
        (  # renamed by a remake
            OLD,
            'CREATE TABLE "t" ("id" integer NOT NULL, "b" varchar(9) NULL)',
            [
                'INSERT INTO "new__t" ("id", "b") SELECT "id", "a" FROM "t"',
                'DROP TABLE "t"',
                'ALTER TABLE "new__t" RENAME TO "t"',
            ],
            [],
        ),
        (  # left out by a remake
            OLD,
            'CREATE TABLE "t" ("id" integer NOT NULL)',
            [
                'INSERT INTO "new__t" ("id") SELECT "id" FROM "t"',
                'DROP TABLE "t"',
                'ALTER TABLE "new__t" RENAME TO "t"',
            ],
            ["drops the column a of t"],
        ),
        (
            OLD,
            'CREATE TABLE "t" ("id" integer NOT NULL, "a" integer NULL)',
            [],
            ["changes the type of a of t from varchar to integer"],
        ),
        (OLD, 'CREATE TABLE "t" ("id" integer NOT NULL, "a" text NULL)', [], []),
        (
            OLD,
            'CREATE TABLE "t" ("id" integer NOT NULL, "a" varchar(9) NOT NULL)',
            [],
            ["replaces NULL in the column a of t"],
        ),
        (OLD, f'{OLD}; CREATE TABLE "u" ("id" integer)', [], []),
    ],
)
def test_what_is_lost_by_a_change_of_the_schema(before, after, statements, expected):
    losses = list_losses(rehearsed(before, after, *statements))
    assert [loss.sentence for loss in losses] == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM t WHERE id = 1", ["deletes rows of t"]),
        ('-- why\n/* so */ delete from "t"', ["deletes rows of t"]),
        ("WITH x AS (SELECT 1) DELETE FROM t", ["deletes rows of t"]),
        ("UPDATE OR IGNORE t SET a = 1", ["changes rows of t"]),
        ("INSERT OR REPLACE INTO t VALUES (1)", ["replaces rows of t"]),
        ("REPLACE INTO t VALUES (1)", ["replaces rows of t"]),
        ("DROP TABLE IF EXISTS t", ["drops the table t"]),
        ("INSERT INTO t VALUES (1)", []),
        ("CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END", []),
    ],
)
def test_what_is_lost_by_sql_of_somebody(statement, expected):
    losses = list_losses(rehearsed(OLD, OLD, statement, kind="sql"))
    assert [loss.sentence for loss in losses] == expected
    # What Django writes to make a table anew keeps its rows.
    assert list_losses(rehearsed(OLD, OLD, statement)) == ()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"is_irreversible": True}, ["runs do it, which cannot be taken back"]),
        ({"is_backwards": True}, ["runs do it, which may change or delete rows"]),
        ({"is_backwards": True, "does_nothing": True}, []),
    ],
)
def test_what_python_may_lose(options, expected):
    losses = list_losses(rehearsed(OLD, OLD, kind="python", **options))
    assert [loss.sentence for loss in losses] == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (OLD, []),
        ("", ["it uses the table t, which is gone"]),
        ('CREATE TABLE "t" ("id" integer NOT NULL)', ["it uses the column a of t, which is gone"]),
        (f'{OLD}; CREATE TABLE "u" ("id" integer NOT NULL)', []),
        (OLD.replace(" NULL)", ' NULL, "b" text NULL)'), []),
        (OLD.replace(" NULL)", " NULL, \"b\" text DEFAULT '' NOT NULL)"), []),
        (
            OLD.replace(" NULL)", ' NULL, "b" text NOT NULL)'),
            ["it writes no b into t, which is required"],
        ),
        (OLD.replace("varchar(9) NULL", "varchar(9) NOT NULL"), ["it may write NULL into a of t"]),
        (OLD.replace("varchar(9)", "integer"), ["the column a of t is integer for it now"]),
        (f'{OLD}; CREATE INDEX "i" ON "t" ("a")', []),
        (
            f'{OLD}; CREATE UNIQUE INDEX "i" ON "t" ("a")',
            ["the index i may refuse what it writes to t"],
        ),
        (
            OLD.replace(" NULL)", ' NULL, CONSTRAINT "c" CHECK ("a" > 1))'),
            ["the constraint c may refuse what it writes to t"],
        ),
    ],
)
def test_where_running_code_does_not_fit(after, expected):
    assert list(list_conflicts(rehearsed(OLD, after))) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("SELECT RAISE(ABORT, 'no')", ["the trigger g may refuse what it writes to t"]),
        ("DELETE FROM t", []),
    ],
)
def test_only_a_trigger_that_raises_refuses(body, expected):
    trigger = f'CREATE TRIGGER "g" BEFORE INSERT ON t BEGIN {body}; END'
    before = read_schema([("t", OLD)])
    step = rehearsed(OLD, OLD)
    with_trigger = Rehearsed(
        step=step.step,
        actions=step.actions,
        before=before,
        after=read_schema([("t", OLD), ("g", trigger)]),
    )
    assert list(list_conflicts(with_trigger)) == expected
