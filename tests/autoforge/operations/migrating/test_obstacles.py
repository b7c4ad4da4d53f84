"""What people made by hand and stands in the way of a plan, on SQLite and on libSQL.

Each is met before anything is written: no backup, no lock, no migration of the plan.
"""

import pytest
from django.db import migrations, models

from autoforge.operations.migrating.applying import read_current_schema
from autoforge.operations.migrating.errors import RefusedError
from autoforge.operations.migrating.obstacles import check_real_schema
from autoforge.operations.migrating.plans import choose_steps
from autoforge.operations.migrating.rehearsal import rehearse
from autoforge.operations.migrating.state import Facts
from core.database.applied import load_migrations, read_history
from tests.autoforge.operations.migrating.conftest import LAST, run_sql

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS = (
    "CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY KEY,"
    " session_data text NOT NULL, expire_date datetime NOT NULL)"
)
INDEX = "CREATE INDEX django_session_expire_date_a5c62663 ON django_session (expire_date)"
HAND_MADE = "which no migration has made, is in the way of"


def look():
    """Return everything that a plan could have changed."""
    journal = run_sql("SELECT sql FROM sqlite_master WHERE name = 'migration_runs'")
    if journal:
        journal = run_sql("SELECT * FROM migration_runs")
    return read_current_schema(), [item.key for item in read_history()], journal


@pytest.fixture
def refused(migrate, tmp_path):
    """Return what runs a plan that must be refused, and gives the sentence."""

    def run(*arguments):
        before, backups = look(), sorted(tmp_path.glob("backups/*"))
        said = migrate("--yes", *arguments)
        assert said.status == 2, said
        assert look() == before
        assert sorted(tmp_path.glob("backups/*")) == backups
        assert said.errors.count("\n") == 1, "it is one sentence"
        plan = migrate("--plan", *arguments)
        assert (plan.status, plan.errors) == (2, said.errors)
        return said.errors

    return run


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (
            ["CREATE TABLE django_session (id integer)"],
            f"The table django_session, {HAND_MADE} sessions.0001_initial (table"
            ' "django_session" already exists): rename or drop it, and run this again.',
        ),
        (
            ["CREATE VIEW django_session AS SELECT 1 AS x"],
            f"The view django_session, {HAND_MADE} sessions.0001_initial",
        ),
        (
            ["CREATE INDEX django_session_expire_date_a5c62663 ON prompts (title)"],
            f"The index django_session_expire_date_a5c62663 of prompts, {HAND_MADE}",
        ),
    ],
    ids=["table", "view", "index"],
)
def test_a_name_that_is_taken(migrate, refused, statements, sentence):
    migrate("--steps", "-1", "--yes")
    run_sql(*statements)
    assert sentence in refused()


def test_it_is_met_before_the_migrations_in_front_of_it(migrate, refused):
    migrate("--to", "prompts.0009", "--yes")
    migrate("--to", "sessions.zero", "--yes")
    run_sql("CREATE TABLE django_session (id integer)")
    assert "The table django_session, " in refused()
    assert f"prompts.{LAST}" not in {".".join(item.key) for item in read_history()}


def test_several_are_said_at_once(migrate, refused, plant):
    migrate("--to", "prompts.0009", "--yes")
    run_sql(
        "CREATE TABLE first (id integer)",
        "CREATE TABLE second (id integer)",
        "CREATE TABLE harmless (id integer)",
    )
    plant(
        migrations.RunSQL("CREATE TABLE first (x text)", "DROP TABLE first"),
        migrations.RunSQL("CREATE TABLE second (x text)", "DROP TABLE second"),
    )
    sentence = refused()
    assert f"The table first, {HAND_MADE} prompts.{LAST}" in sentence
    assert f"the table second, {HAND_MADE} prompts.{LAST}" in sentence
    assert "harmless" not in sentence


def test_what_is_there_already_can_be_recorded(migrate, refused):
    migrate("--steps", "-1", "--yes")
    run_sql(SESSIONS, INDEX)
    sentence = refused()
    assert (
        "the database has what it makes already; record it, after those before it, with "
        "`manage.py migrate_safely --stamp --to sessions.0001_initial`" in sentence
    )
    assert migrate("--stamp", "--to", "sessions.0001_initial").status == 0
    assert migrate().out.strip() == "All migrations are applied."


def test_beside_other_differences_it_is_recorded_by_django(migrate, refused):
    migrate("--steps", "-1", "--yes")
    run_sql(SESSIONS, INDEX, "CREATE TABLE theirs (id integer)")
    assert "with `manage.py migrate --fake sessions 0001_initial`" in refused()


def test_something_that_is_missing(refused):
    run_sql("DROP INDEX idx_prompts_name")
    sentence = refused("--to", "prompts.0009")
    assert f"prompts.{LAST} needs the index idx_prompts_name of prompts, which is missing" in (
        sentence
    )


def test_a_view_that_reads_what_a_migration_drops(migrate, refused, plant):
    migrate("--to", "prompts.0009", "--yes")
    run_sql("CREATE VIEW theirs AS SELECT change_message FROM django_admin_log")
    plant(migrations.RunSQL("ALTER TABLE django_admin_log DROP COLUMN change_message", "SELECT 1"))
    assert f"The view theirs, {HAND_MADE} prompts.{LAST}" in refused()


def test_a_table_that_is_made_if_it_does_not_exist(migrate, refused, plant):
    migrate("--to", "prompts.0009", "--yes")
    run_sql("CREATE TABLE notes (id integer)")
    plant(migrations.RunSQL("CREATE TABLE IF NOT EXISTS notes (x text)", "DROP TABLE notes"))
    assert f"The table notes, {HAND_MADE} prompts.{LAST} (the column id of notes" in refused()


def test_a_name_of_django_for_a_moment(migrate, refused, plant):
    migrate("--to", "prompts.0009", "--yes")
    run_sql("CREATE TABLE new__prompts (id integer)")
    plant(migrations.AlterField("prompt", "title", models.TextField()))
    assert f"The table new__prompts, {HAND_MADE} prompts.{LAST}" in refused()


def test_what_is_in_nobodys_way_stays(migrate):
    migrate("--steps", "-1", "--yes")
    run_sql(
        "CREATE TABLE theirs (id integer, prompt text REFERENCES prompts (id))",
        "CREATE INDEX theirs_index ON theirs (id)",
        "CREATE VIEW theirs_view AS SELECT id FROM prompts",
        "CREATE TRIGGER theirs_trigger AFTER INSERT ON theirs BEGIN SELECT 1; END",
        "ALTER TABLE prompts ADD COLUMN theirs text NULL",
    )
    said = migrate()
    assert said.status == 0, said
    warnings = [line for line in said.errors.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == 1
    assert "The database had differences before: the table theirs is unexpected; " in warnings[0]
    assert "; and 2 more (see" in warnings[0]
    run_sql("SELECT theirs FROM prompts", "SELECT * FROM theirs_view")


def test_where_the_code_does_not_fit_is_one_list(migrate):
    run_sql("DELETE FROM django_session")
    said = migrate("--to", "sessions.zero", "--yes")
    lines = [line for line in said.errors.splitlines() if "does not fit" in line]
    assert lines == [
        "Warning: The code that runs now does not fit the schema afterwards: it uses the table "
        "django_session, which is gone (sessions.0001_initial). Restart web and workers right "
        "after this."
    ]
    said = migrate("--to", "evaluations.zero", "--yes")
    assert said.status == 0, said
    [line] = [line for line in said.errors.splitlines() if "does not fit" in line]
    assert " more. Restart" in line


def test_what_this_sqlite_cannot_make_is_said(migrate):
    migrate("--steps", "-1", "--yes")
    run_sql("CREATE TABLE theirs (id integer)")
    schema = read_current_schema()
    odd = {**schema, ("index", "odd"): "CREATE INDEX odd ON theirs (libsql_vector_idx(id))"}
    facts = Facts(history=read_history(), schema=odd, has_runs=True)
    loader = load_migrations()
    steps = rehearse(loader, facts, choose_steps(loader, facts))
    [note] = check_real_schema(loader, facts, steps)
    assert note.startswith("The plan was tried without the index odd, made by hand: no such func")
    name = "django_session_expire_date_a5c62663"
    odd[("index", name)] = f"CREATE INDEX {name} ON theirs (libsql_vector_idx(id))"
    with pytest.raises(RefusedError, match=rf"The index {name} .*the name is taken"):
        check_real_schema(loader, facts, steps)
