"""`migrate_safely` on databases of its own: forwards, back, refused, failed, taken over."""

import socket

import pyrage
import pytest
from django.db import connection, migrations

from autoforge.operations.backups.locations import find_location
from autoforge.operations.backups.verifying import verify
from autoforge.operations.migrating import runs
from autoforge.operations.migrating.applying import read_current_schema
from autoforge.operations.migrating.state import read_state
from core.database.applied import read_history
from core.database.schemas import compare_schemas
from evaluations.leases import worker_name
from tests.autoforge.operations.migrating.conftest import LAST, run_sql

pytestmark = pytest.mark.django_db(transaction=True)


def applied() -> set[str]:
    return {f"{item.app}.{item.name}" for item in read_history()}


def look():
    """Return schema and prompts, to be compared."""
    return read_current_schema(), run_sql("SELECT * FROM prompts ORDER BY id")


def raise_where_rows_are(apps, schema_editor):
    """Change rows, and raise."""
    prompts = apps.get_model("prompts", "Prompt")
    prompts.objects.update(title="changed")
    if prompts.objects.exists():
        raise ValueError("one of them is wrong")


def delete_all(apps, schema_editor):
    """Tidy up."""
    apps.get_model("prompts", "Prompt").objects.all().delete()


def nothing(apps, schema_editor):
    """Do nothing."""


def test_back_and_forwards_again(migrate, tmp_path):
    before = look()
    said = migrate("--format", "json")
    assert (said.status, said.report["outcome"]) == (0, "nothing to do")

    said = migrate("--to", "prompts.0009", "--yes", "--format", "json")
    assert said.status == 0, said
    report = said.report
    assert [step["migration"] for step in report["steps"]][-1] == f"prompts.{LAST}"
    assert {step["direction"] for step in report["steps"]} == {"backwards"}
    [backup] = (tmp_path / "backups").iterdir()
    assert report["backup"] == str(backup)
    assert verify(backup).manifest.tables["prompts"].rows == 3
    assert f"prompts.{LAST}" not in applied()
    assert read_state().drift == ()

    said = migrate()
    assert said.status == 0, said
    assert f"Applying prompts.{LAST} …" in said.out
    assert "restore_database" in said.out
    assert "checked: integrity of all pages and indexes" in said.out
    assert read_state().is_current
    assert compare_schemas(before[0], read_current_schema()) == ()
    assert look()[1] == before[1]


def test_each_run_is_in_the_journal(migrate):
    migrate("--steps", "-1")
    migrate("--no-backup", "--steps", "1")
    rows = run_sql("SELECT plan, outcome, backup <> '' FROM migration_runs ORDER BY id")
    assert rows == [
        ("take back sessions.0001_initial", "done", 1),
        ("sessions.0001_initial", "done", 0),
    ]


def test_the_plan_runs_nothing(migrate):
    before = look()
    said = migrate("--steps", "-1", "--plan")
    assert said.status == 0
    assert "-- 1 of 1: take back sessions.0001_initial" in said.out
    assert 'DROP TABLE "django_session";' in said.out
    assert "it uses the table django_session, which is gone" in said.out
    assert look() == before
    said = migrate("--plan")
    assert (said.status, said.out.strip()) == (0, "All migrations are applied.")


def test_a_plan_as_sql_can_be_run_by_a_shell(migrate):
    back = migrate("--steps", "-1", "--plan", "--format", "sql").out
    run_statements(back)
    assert "sessions.0001_initial" not in applied()
    forwards = migrate("--plan", "--format", "sql").out
    run_statements(forwards)
    assert read_state().is_current
    assert migrate("--format", "sql").status == 2


def run_statements(text: str) -> None:
    for statement in text.split(";\n"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        if any(line.strip() for line in lines):
            run_sql("\n".join(lines).rstrip().removesuffix(";"))


def test_python_is_not_in_the_sql(migrate):
    said = migrate("--to", "evaluations.0010", "--plan", "--format", "sql")
    assert "-- Python, which is not run here: evaluations.migrations.0011" in said.out
    assert "Not in this SQL: evaluations.0011_roles_of_records" in said.errors


def test_losing_data_needs_consent(migrate):
    run_sql(
        "INSERT INTO django_session (session_key, session_data, expire_date)"
        " VALUES ('a', 'b', CURRENT_TIMESTAMP)"
    )
    before = look()
    said = migrate("--steps", "-1")
    assert said.status == 2
    assert (
        "sessions.0001_initial drops the table django_session (1 row). Look at it with --plan"
        in said.errors
    )
    assert look() == before
    assert migrate("--steps", "-1", "--yes").status == 0


def test_a_failure_is_undone(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    before = look()
    plant(migrations.RunPython(raise_where_rows_are, migrations.RunPython.noop))
    said = migrate()
    assert said.status == 1
    assert f"failed: prompts.{LAST} failed: ValueError: one of them is wrong" in said.errors
    assert look() == before
    assert f"prompts.{LAST}" not in applied()
    assert runs.read_open() is None


def test_a_failure_of_what_is_not_atomic_is_restored(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    before = look()
    plant(migrations.RunPython(raise_where_rows_are, migrations.RunPython.noop), atomic=False)
    said = migrate("--no-backup")
    assert said.status == 2
    assert "leave out --no-backup" in said.errors
    said = migrate()
    assert said.status == 1
    assert "restored: " in said.errors
    assert "the database is as it was before this run" in said.errors
    assert compare_schemas(before[0], read_current_schema()) == ()
    assert look()[1] == before[1]
    assert f"prompts.{LAST}" not in applied()
    assert runs.read_open() is None


def test_what_a_dead_run_left_half_done_is_restored_first(migrate, plant, tmp_path):
    migrate("--to", "prompts.0009", "--yes")
    before = look()
    plant(migrations.RunPython(nothing, migrations.RunPython.noop), atomic=False)
    assert migrate("--steps", "1", "--app", "prompts").status == 0
    backup = max((tmp_path / "backups").iterdir())
    # As if it had been killed in the middle.
    run_sql(
        "DELETE FROM django_migrations WHERE name = '0010_name_index'",
        "UPDATE prompts SET title = 'half done'",
        "UPDATE migration_runs SET ended_at = NULL, lease_until = 0,"
        f" unfinished = 'prompts.{LAST}', backup = '{backup}' WHERE id ="
        " (SELECT max(id) FROM migration_runs)",
    )
    moved = backup.with_suffix(".moved")
    backup.rename(moved)
    said = migrate()
    assert said.status == 3
    assert f"its backup is not on this machine: {backup}" in said.errors
    moved.rename(backup)
    said = migrate()
    assert said.status == 0, said
    assert f"Restoring {backup}: prompts.{LAST} was left half done." in said.out
    assert look()[1] == before[1]
    assert read_state().is_current


def test_rows_that_vanish_without_a_word_are_a_failure(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    before = look()
    plant(migrations.RunPython(delete_all, migrations.RunPython.noop))
    said = migrate()
    assert said.status == 1
    assert "takes rows away, which its plan does not say: " in said.errors
    assert "prompts had 3 rows and has 0" in said.errors
    assert look() == before


def test_a_migration_can_say_that_it_removes_rows(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    plant(
        migrations.RunPython(delete_all, migrations.RunPython.noop),
        removes_rows_of=("prompts", "prompt_search_keys"),
    )
    said = migrate()
    assert said.status == 2
    assert "deletes rows of prompts, as the migration says (3 rows)" in said.errors
    said = migrate("--yes", "--format", "json")
    assert said.status == 0, said
    assert said.report["rows"]["prompts"] == {"before": 3, "after": 0}


def test_what_has_no_way_back_is_refused(migrate, plant):
    plant(migrations.RunPython(nothing))
    said = migrate("--to", "prompts.0009", "--yes")
    assert said.status == 2
    assert f"prompts.{LAST} cannot be taken back: there is no way back from" in said.errors


def test_a_migration_that_always_fails_is_refused_before_anything_is_changed(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    plant(migrations.RunSQL("CREATE TABLE prompts (id integer)", migrations.RunSQL.noop))
    said = migrate("--yes")
    assert said.status == 2
    assert f"prompts.{LAST} fails on an empty copy of the schema: table" in said.errors


def test_a_column_of_somebody_else_is_not_dropped_by_the_way(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    run_sql("ALTER TABLE prompts ADD COLUMN theirs text NULL")
    plant(migrations.AlterField("prompt", "title", models_text()))
    said = migrate()
    assert said.status == 2, said
    assert (
        "The column theirs of prompts, which no migration has made, is in the way of prompts."
        f"{LAST} (the column theirs of prompts is missing afterwards): drop it" in said.errors
    )
    assert run_sql("SELECT theirs FROM prompts")[0] == (None,)


def models_text():
    from django.db import models

    return models.TextField()


HELD = (
    "INSERT INTO migration_runs (holder, plan, began_at, lease_until)"
    " VALUES ('{holder}', 'prompts.0010_name_index', 1700000000,"
    " CAST(strftime('%s', 'now') AS integer) + {seconds})"
)


def hold(holder: str, seconds: int) -> None:
    runs.stop(runs.acquire([])[0], "made the table")
    run_sql(HELD.format(holder=holder, seconds=seconds))


def test_a_second_runner_is_told_who_holds_the_lock(migrate):
    migrate("--steps", "-1")
    hold("build-7/abc 4711 1 x", 50)
    before = look()
    said = migrate()
    assert said.status == 2
    assert (
        "process 4711 on build-7 has been migrating this database since 2023-11-14 22:13:20 UTC;"
        in said.errors
    )
    assert look() == before
    said = migrate("--wait", "0.2")
    assert said.status == 2
    assert migrate("--take-over").status == 0
    outcomes = run_sql("SELECT outcome FROM migration_runs WHERE plan LIKE 'prompts%'")
    assert outcomes == [("abandoned",)]


def test_a_lease_that_has_run_out_is_no_lock(migrate):
    migrate("--steps", "-1")
    hold("build-7/abc 4711 1 x", -1)
    assert migrate().status == 0


def test_a_dead_process_of_this_machine_holds_no_lock(migrate):
    migrate("--steps", "-1")
    host, _pid, _began, name = worker_name().rsplit(" ", 3)
    hold(f"{host} 4194304 1 {name}", 900)
    assert socket.gethostname() in host
    assert migrate().status == 0


def test_a_lock_that_was_taken_over_is_noticed_before_the_commit(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    before = look()

    def lose(apps, schema_editor):
        """Lose the lock."""
        if schema_editor.connection.settings_dict["NAME"] != ":memory:":
            run_sql("UPDATE migration_runs SET ended_at = 1, outcome = 'abandoned'")

    plant(migrations.RunPython(lose, migrations.RunPython.noop))
    said = migrate()
    assert said.status == 2
    assert "Another runner has taken the lock over" in said.errors
    assert look() == before
    [(outcome,)] = run_sql("SELECT outcome FROM migration_runs ORDER BY id DESC LIMIT 1")
    assert outcome == "refused"  # what took the lock away was undone too


def test_a_database_that_is_stamped_has_the_schema_already(migrate):
    run_sql(
        "DELETE FROM django_migrations WHERE name IN ('0010_name_index', '0011_roles_of_records')"
    )
    said = migrate("--stamp")
    assert said.status == 0, said
    assert "Recorded as applied, without running it: prompts.0010_name_index" in said.out
    assert "0011_roles_of_records was recorded without running" in said.errors
    assert read_state().is_current
    assert migrate("--stamp").out.strip() == "These migrations are recorded already."


def test_a_stamp_that_does_not_fit_is_refused(migrate):
    said = migrate("--stamp", "--to", "prompts.0009")
    assert said.status == 2
    assert "The schema is not what prompts.0010_name_index leaves: the table call" in said.errors
    run_sql(
        "DELETE FROM django_migrations WHERE name = '0010_name_index'",
        "DROP INDEX idx_prompts_name",
    )
    said = migrate("--stamp")
    assert said.status == 2
    assert "Nothing was recorded" in said.errors
    assert "prompts.0010_name_index" not in applied()


def test_dangling_references_are_refused_before(migrate):
    migrate("--steps", "-1")
    connection.disable_constraint_checking()
    run_sql("INSERT INTO auth_user_groups (user_id, group_id) VALUES (999, 999)")
    connection.enable_constraint_checking()
    said = migrate()
    assert said.status == 2
    assert "that is not there" in said.errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--steps", "0"], "--steps must be a whole number other than 0"),
        (["--steps", "x"], "--steps must be a whole number other than 0"),
        (["--wait", "-1"], "--wait must be a number of seconds from 0 to 86400"),
        (["--to", "a", "b", "c"], "--to takes one migration"),
        (["--to", "nope.0001"], "There is no app 'nope' with migrations; there are access"),
        (["--to", "prompts.0099"], "prompts has no migration 0099; it has 0001_initial to 00"),
        (["--to", "prompts.0"], "fits several migrations of prompts"),
        (["--to", "prompts"], "--to prompts names no migration"),
        (["--to", "prompts.0001", "--steps", "1"], "leave out --steps and --app"),
        (["--app", "nope"], "There is no app 'nope'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(migrate, arguments, sentence):
    said = migrate(*arguments)
    assert said.status == 2
    assert sentence in said.errors


def test_an_unknown_migration_stops_the_way_back(migrate):
    run_sql(
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('prompts', '9999_later', CURRENT_TIMESTAMP)"
    )
    said = migrate("--steps", "-1")
    assert said.status == 2
    assert "prompts.9999_later is applied, and this code does not have it" in said.errors
    assert migrate("--to", "prompts.zero").status == 2


def test_a_backup_replaces_nothing(migrate, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    said = migrate("--steps", "-1", "--yes", "--backup-to", str(notes))
    assert said.status == 2
    assert f"{notes} already exists" in said.errors
    assert notes.read_text() == "mine"
    assert "sessions.0001_initial" in applied()


def test_a_name_without_an_ending_is_a_folder_of_backups(migrate, tmp_path):
    folder = tmp_path / "new" / "backups"
    said = migrate("--steps", "-1", "--yes", "--backup-to", str(folder))
    assert said.status == 0
    assert f"--replace {find_location().name}" in said.out
    [first] = folder.iterdir()
    content = first.read_bytes()
    assert migrate("--yes", "--backup-to", f"{folder}/").status == 0
    assert len(list(folder.iterdir())) == 2
    assert first.read_bytes() == content
    assert verify(first).manifest.tables["prompts"].rows == 3


@pytest.mark.parametrize("place", ["", "s3://bucket/folder/"])
def test_a_place_that_is_none_is_refused(migrate, place):
    said = migrate("--steps", "-1", "--yes", "--backup-to", place)
    assert said.status == 2
    assert "--backup-to must be a folder or a new file on this machine" in said.errors


def test_the_backup_is_encrypted_as_all_backups_are(migrate, tmp_path, settings):
    settings.BACKUP_AGE_RECIPIENTS = (str(pyrage.x25519.Identity.generate().to_public()),)
    said = migrate("--steps", "-1", "--yes")
    assert said.status == 0
    [backup] = (tmp_path / "backups").iterdir()
    assert backup.read_bytes().startswith(b"age-encryption.org/")
    assert "encrypted" in said.out


@pytest.fixture
def identity(tmp_path, settings):
    """Let backups be encrypted, and return the file of the identity that opens them."""
    identity = pyrage.x25519.Identity.generate()
    settings.BACKUP_AGE_RECIPIENTS = (str(identity.to_public()),)
    path = tmp_path / "identity.txt"
    path.write_text(f"{identity}\n")
    return path


@pytest.fixture
def fragile(migrate, plant):
    """Make the last migration one that is not atomic and fails where there are rows."""
    migrate("--to", "prompts.0009", "--yes", "--no-backup")
    plant(migrations.RunPython(raise_where_rows_are, migrations.RunPython.noop), atomic=False)


def test_a_backup_that_could_not_be_opened_is_refused_before(migrate, identity, fragile, tmp_path):
    before = look()
    said = migrate()
    assert said.status == 2
    assert (
        f"refused: prompts.{LAST} cannot be undone by the database if it fails, and the backup "
        "that would be restored then is encrypted (BACKUP_AGE_RECIPIENTS) and cannot be opened "
        "here: add --identity FILE, or --restore-by-hand if you will restore it yourself. Nothing "
        "was changed." in said.errors
    )
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    for wrong in (other, tmp_path / "missing.txt", tmp_path):
        said = migrate("--identity", str(wrong))
        assert said.status == 2
        assert "--identity does not open what is encrypted for BACKUP_AGE_RECIPIENTS: " in (
            said.errors
        )
    assert look() == before
    assert list((tmp_path / "backups").iterdir()) == []
    plan = migrate("--plan")
    assert (plan.status, "Warning: prompts." in plan.errors) == (0, True)
    assert migrate("--plan", "--restore-by-hand").errors == ""


def test_an_identity_restores_an_encrypted_backup(migrate, identity, fragile):
    before = look()
    said = migrate("--identity", str(identity))
    assert said.status == 1
    assert "restored: " in said.errors
    assert look()[1] == before[1]
    assert f"prompts.{LAST}" not in applied()


def test_who_restores_by_hand_is_told_what_to_do(migrate, identity, fragile):
    before = look()
    said = migrate("--restore-by-hand")
    assert said.status == 3
    assert "could not be restored: " in said.errors
    assert "(--identity FILE). Run this command again" in said.errors
    said = migrate("--restore-by-hand", "--identity", str(identity), "--to", "prompts.0009")
    assert said.status == 0, said
    assert "was left half done" in said.errors
    assert look()[1] == before[1]


def test_what_the_database_can_undo_needs_no_identity(migrate, identity):
    assert migrate("--steps", "-1", "--yes").status == 0


def test_a_backup_that_cannot_be_made_is_a_refusal(migrate, tmp_path):
    said = migrate("--steps", "-1", "--backup-to", str(tmp_path / "nowhere" / "x.zst"))
    assert said.status == 2
    assert "No backup could be made" in said.errors
    assert "sessions.0001_initial" in applied()
