"""What a run says of those before it that were killed or failed, on SQLite and on libSQL."""

import os
import re
import signal
import subprocess
import sys

import pytest
from django.db import connection, migrations

from core.database.applied import read_history
from tests.autoforge.operations.migrating.conftest import LAST, run_sql

pytestmark = pytest.mark.django_db(transaction=True)

# As a run of a dead process leaves the journal, after the first of two migrations.
KILLED = (
    "UPDATE migration_runs SET ended_at = NULL, outcome = '', lease_until = 0,"
    " began_at = 1700000000, holder = 'build-7/abc 4711 1 x',"
    " plan = 'prompts.0010_name_index, sessions.0001_initial', backup = '{backup}'"
    " WHERE id = (SELECT max(id) FROM migration_runs)"
)


@pytest.fixture
def killed(migrate, tmp_path):
    """Leave a database after the first of two migrations of a run that was killed."""
    migrate("--to", "sessions.zero", "--yes")
    backup = next((tmp_path / "backups").iterdir())
    run_sql(KILLED.format(backup=backup))
    return backup


BEGIN = (
    "An earlier run, by process 4711 on build-7 since 2023-11-14 22:13:20 UTC (number 1 in "
    "migration_runs), was interrupted: 1 of its 2 migrations are applied "
    f"(prompts.{LAST}); left: sessions.0001_initial. "
)


def test_the_next_run_says_what_was_done_and_what_is_left(migrate, killed):
    said = migrate("--plan")
    assert f"-- {BEGIN}Its backup of before is {killed}." in said.out
    said = migrate("--format", "json")
    assert said.status == 0
    assert f"{BEGIN}Its backup of before is {killed}. This run goes on from there." in said.errors
    assert said.report["earlier_runs"] == [
        {
            "run": 1,
            "by": "process 4711 on build-7",
            "began_at": "2023-11-14T22:13:20+00:00",
            "outcome": "interrupted",
            "done": [f"prompts.{LAST}"],
            "left": ["sessions.0001_initial"],
            "backup": str(killed),
        }
    ]
    said = migrate("--steps", "-1", "--yes")
    assert "An earlier run" not in said.out, "it is over and done with"


def test_a_backup_that_is_elsewhere_or_was_not_made(migrate, killed):
    killed.unlink()
    assert f"{BEGIN}Its backup was {killed}, which is not on this machine." in migrate("--plan").out
    run_sql("UPDATE migration_runs SET backup = ''")
    assert f"{BEGIN}It has noted no backup." in migrate("--plan").out


def test_a_run_that_is_at_work_is_not_called_interrupted(migrate, killed):
    run_sql("UPDATE migration_runs SET lease_until = 1 << 40")
    said = migrate()
    assert (said.status, "An earlier run" in said.out) == (2, False)
    assert BEGIN in migrate("--take-over").out


def test_where_only_the_last_checks_are_missing(migrate, killed):
    run_sql(f"UPDATE migration_runs SET plan = 'prompts.{LAST}', lease_until = 1 << 40")
    migrate("--take-over")
    run_sql(
        "UPDATE migration_runs SET ended_at = NULL, outcome = '', lease_until = 0"
        " WHERE id = (SELECT max(id) FROM migration_runs)"
    )
    said = migrate()
    assert said.status == 0
    assert "An earlier run" in said.out
    assert "nothing is left of it" in said.out


def test_a_run_that_failed(migrate, plant):
    migrate("--to", "prompts.0009", "--yes")
    plant(migrations.RunPython(fail_on_rows, migrations.RunPython.noop))
    assert migrate().status == 1
    said = migrate("--plan")
    assert re.search(
        r"\), failed: \d of its \d migrations are applied[^;]*; left: .*0010", said.out
    )


def fail_on_rows(apps, schema_editor):
    """Fail on the real database alone."""
    if apps.get_model("prompts", "Prompt").objects.exists():
        raise ValueError("one of them is wrong")


def test_migrations_that_were_taken_back(migrate, killed):
    migrate()
    run_sql(
        "UPDATE migration_runs SET ended_at = NULL, outcome = '', lease_until = 0,"
        f" plan = 'take back sessions.0001_initial, prompts.{LAST}'"
        " WHERE id = (SELECT max(id) FROM migration_runs)"
    )
    said = migrate("--steps", "-1", "--yes")
    assert said.status == 0, said
    assert "0 of its 2 migrations are taken back; left: sessions.0001_initial, pro" in said.out


WAITS = """
import os, sys, time
from django.core.management import execute_from_command_line
from autoforge.operations.migrating import applying
run_once = applying.Applier.run
def run(self, planned):
    seconds = run_once(self, planned)
    print("READY", flush=True)
    time.sleep(600)
applying.Applier.run = run
execute_from_command_line(["manage.py", "migrate_safely", "--backup-to", sys.argv[1]])
"""


def test_a_process_that_is_really_killed(migrate, tmp_path):
    if connection.vendor != "sqlite" or connection.settings_dict["ENGINE"] != "core.sqlite":
        pytest.skip("the journal is the same; a second process is given a file here")
    migrate("--to", "prompts.0009", "--yes")
    migrate("--to", "sessions.zero", "--yes")
    url = f"sqlite:///{connection.settings_dict['NAME']}"
    folder = tmp_path / "backups"
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(folder)],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "autoforge.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        while process.stdout.readline().strip() not in ("READY", ""):
            pass
        process.send_signal(signal.SIGKILL)
    applied = {".".join(item.key) for item in read_history()}
    said = migrate()
    assert said.status == 0, said
    assert f"An earlier run, by process {process.pid} on " in said.out
    [progress] = re.findall(
        r"1 of its \d migrations are applied \((.*)\); left: (.*?)\. ", said.out
    )
    assert progress[0] in applied
    assert not applied & set(progress[1].split(", "))
    assert f"Its backup of before is {folder}" in said.out
