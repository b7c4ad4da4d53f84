"""`migration_status` on databases that were changed in each way, on SQLite and on libSQL."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from autoforge.operations.migrating.state import list_model_changes, read_state
from core.database.applied import read_history, read_migrations
from core.database.schemas import compare_schemas, read_schema

pytestmark = pytest.mark.django_db(transaction=True)


class UndoError(Exception):
    """Takes a change back."""


def state_after(*statements: str):
    """Return the state after some statements, which are rolled back."""
    states = []
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        states.append(read_state())
        raise UndoError
    return states[0]


def remade(table: str, old: str, new: str) -> list[str]:
    """Return the statements that make a table anew with another text in its definition."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
        (sql,) = cursor.fetchone()
    assert old in sql
    return [f"DROP TABLE {table}", sql.replace(old, new)]


def test_a_database_as_its_migrations_made_it_is_current():
    state = read_state()
    assert state.is_current
    assert state.drift == ()
    assert len(state.history) > 50
    apps = {app.label: app for app in state.apps}
    assert apps["prompts"].current == apps["prompts"].newest
    assert apps["prompts"].applied == len([i for i in state.history if i.app == "prompts"])


def test_two_queries_tell_it_all(django_assert_num_queries):
    with django_assert_num_queries(2):
        read_state()
    with django_assert_num_queries(1):
        read_migrations()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["DROP TABLE prompt_search_folds"], ["the table prompt_search_folds is missing"]),
        (
            ["DROP TABLE prompt_search_terms"],
            ["the table prompt_search_terms is missing"],
        ),
        (["CREATE TABLE another (id integer)"], ["the table another is unexpected"]),
        (['CREATE TABLE "two words" (id integer)'], ["the table two words is unexpected"]),
        (["CREATE VIEW another AS SELECT 1"], ["the view another is unexpected"]),
        (
            ["ALTER TABLE ratings ADD COLUMN another text NULL"],
            ["the column another of ratings is unexpected"],
        ),
        (
            ["ALTER TABLE ratings ADD COLUMN another text NOT NULL DEFAULT ''"],
            ["the column another of ratings is unexpected"],
        ),
        (
            ["CREATE INDEX another ON prompts (description)"],
            ["the index another of prompts is unexpected"],
        ),
        (
            ["DROP INDEX idx_prompts_status"],
            ["the index idx_prompts_status of prompts is missing"],
        ),
        (  # a partial index, of other rows
            [
                "DROP INDEX prompts_name_unique",
                "CREATE UNIQUE INDEX prompts_name_unique ON prompts (name)"
                " WHERE deleted_at IS NULL",
            ],
            ["the index prompts_name_unique of prompts is other"],
        ),
        (
            [
                "CREATE TRIGGER another AFTER INSERT ON ratings"
                " BEGIN DELETE FROM ratings WHERE id = NEW.id; END"
            ],
            ["the trigger another of ratings is unexpected"],
        ),
        (
            ["DROP TRIGGER prompt_versions_no_update"],
            ["the trigger prompt_versions_no_update of prompt_versions is missing"],
        ),
        (  # one word in its text
            [
                "DROP TRIGGER prompt_events_no_update",
                "CREATE TRIGGER prompt_events_no_update BEFORE UPDATE ON prompt_events"
                " BEGIN SELECT RAISE(IGNORE); END",
            ],
            ["the trigger prompt_events_no_update of prompt_events is other"],
        ),
    ],
)
def test_each_change_by_hand_is_named(statements, expected):
    state = state_after(*statements)
    assert [str(difference) for difference in state.drift] == expected
    assert not state.is_current


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            '"comment" text NOT NULL',
            '"comment" text NULL',
            "the column comment of ratings is other",
        ),
        (
            '"comment" text NOT NULL',
            '"comment" varchar(10) NOT NULL',
            "the column comment of ratings is other",
        ),
        (
            '"comment" text NOT NULL',
            "\"comment\" text DEFAULT 'x' NOT NULL",
            "the column comment of ratings is other",
        ),
        (
            ' REFERENCES "test_results" ("id") DEFERRABLE INITIALLY DEFERRED',
            "",
            "the column result_id of ratings is other",
        ),
        (
            'CONSTRAINT "ratings_once" UNIQUE',
            'CONSTRAINT "ratings_twice" UNIQUE',
            "the constraint ratings_once of ratings is missing",
        ),
    ],
)
def test_each_definition_of_a_table_is_compared(old, new, expected):
    state = state_after(*remade("ratings", old, new))
    assert expected in [str(difference) for difference in state.drift]


def test_a_table_with_other_options_is_another_table():
    strict = read_schema([("a", "CREATE TABLE a (x text) STRICT")])
    plain = read_schema([("a", "create table main.a (x TEXT)")])
    assert [str(each) for each in compare_schemas(strict, plain)] == ["the table a is other"]
    assert compare_schemas(plain, read_schema([("a", 'CREATE TABLE "a" ("x" text)')])) == ()


def test_tables_of_the_server_and_of_the_lock_are_no_drift():
    rows = [
        ("migration_runs", "CREATE TABLE migration_runs (x)"),
        ("_litestream_seq", "CREATE TABLE _litestream_seq (x)"),
    ]
    assert read_schema(rows) == {}


def test_what_is_pending_is_no_drift():
    state = state_after(
        "DELETE FROM django_migrations WHERE app = 'prompts' AND name = '0010_name_index'",
        "DROP INDEX idx_prompts_name",
    )
    assert state.pending == ("prompts.0010_name_index",)
    assert state.drift == ()
    assert not state.is_current


def test_what_is_there_without_its_migration_is_drift():
    state = state_after(
        "DELETE FROM django_migrations WHERE app = 'prompts' AND name = '0010_name_index'"
    )
    assert [str(each) for each in state.drift] == [
        "the index idx_prompts_name of prompts is unexpected"
    ]


def test_what_the_code_does_not_have_is_unknown():
    state = state_after(
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('prompts', '9999_later', CURRENT_TIMESTAMP),"
        " ('removed', '0001_initial', CURRENT_TIMESTAMP)"
    )
    assert state.unknown == ("prompts.9999_later",)
    assert not state.is_current


def test_a_migration_without_the_one_before_it_is_named():
    state = state_after(
        "DELETE FROM django_migrations WHERE app = 'prompts' AND name = '0009_folders'"
    )
    assert state.disorder == (
        "prompts.0010_name_index is applied, but prompts.0009_folders, which it needs, is not",
    )


def test_models_without_a_migration_are_named():
    loader = MigrationLoader(None)
    graph = loader.graph
    node = graph.node_map.pop(("events", "0003_due_index"))
    graph.nodes.pop(node.key)
    for parent in node.parents:
        parent.children.discard(node)
    assert list(changes := list_model_changes(loader)) == ["events"]
    assert any("idx_webhook_due" in change for change in changes["events"])


def test_the_history_is_in_the_order_of_applying():
    history = read_history()
    assert history[0].app == "access" or history[0].name == "0001_initial"
    assert [item.applied_at for item in history] == sorted(item.applied_at for item in history)


def run(*arguments: str) -> tuple[str, int]:
    """Return what the command prints, and its exit status."""
    from io import StringIO

    out = StringIO()
    try:
        call_command("migration_status", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    except CommandError as error:
        return str(error), error.returncode
    return out.getvalue(), 0


def test_the_command_says_that_there_is_nothing_to_do():
    text, status = run("--history")
    assert status == 0
    assert "no drift." in text
    assert "UTC  prompts.0001_initial" in text
    text, status = run("--format", "json")
    answer = json.loads(text)
    assert status == 0
    assert answer["is_current"] is True
    assert answer["apps"]["prompts"]["pending"] == []
    assert answer["history"][0].keys() == {"migration", "applied_at"}


def test_the_command_names_drift_with_its_remedy():
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX idx_prompts_status")
            cursor.execute("CREATE INDEX another ON prompts (description)")
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied)"
                " VALUES ('prompts', '9999_later', CURRENT_TIMESTAMP)"
            )
        text, status = run()
        assert status == 1
        assert "the index idx_prompts_status of prompts is missing" in text
        assert '→ CREATE INDEX "idx_prompts_status" ON "prompts" ("status");' in text
        assert "unknown  9999_later (not in this code)" in text
        answer = json.loads(run("--format", "json", "--ignore", "ANOTHER")[0])
        assert [each["name"] for each in answer["drift"]] == ["idx_prompts_status"]
        raise UndoError


def test_a_database_without_migrations_has_them_all_pending():
    with pytest.raises(UndoError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE django_migrations RENAME TO set_aside")
        assert read_history() == ()
        assert len(read_state().pending) > 50
        raise UndoError
