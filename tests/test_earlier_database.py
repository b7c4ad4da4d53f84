"""A database of the release before the house migrates, and keeps every row.

`tests/data/database-before-the-house.sqlite3.xz` was written by that release (0ec64f8): its demo,
and two runs of a configuration with a check that passes, one that fails, and a case without any.
"""

import lzma
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.test_translations import ROOT

EARLIER = ROOT / "tests" / "data" / "database-before-the-house.sqlite3.xz"
# What only speeds up a search is written anew, and Django counts its migrations.
REBUILT = (
    "prompt_search",
    "django_migrations",
    "django_content_type",
    "sqlite_",
    "auth_permission",
)
# A case that nothing checked has not passed: 0006_unchecked_results takes such verdicts away.
UNCHECKED = {
    "test_results": {"passed", "score", "components"},
    "evaluations": {"overall_score", "summary"},
}
# What the roles may do with apps that came since: so many rows, beside those of before.
GRANTED = {"auth_group_permissions": 9 + 8}  # keys and webhooks; records

Rows = dict[str, dict[str, dict[str, object]]]


def read(path: Path) -> Rows:
    """Return table → key → column → value, of all that people wrote."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        names = [row["name"] for row in found if not row["name"].startswith(REBUILT)]
        return {
            name: {
                str(next(iter(row))): dict(row)
                for row in connection.execute(f'SELECT * FROM "{name}"')
            }
            for name in names
        }


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    """What the database held before, and after `manage.py migrate`."""
    path = tmp_path_factory.mktemp("earlier") / "autoforge.db"
    path.write_bytes(lzma.decompress(EARLIER.read_bytes()))
    path.chmod(0o600)
    before = read(path)
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return before, read(path)


def test_every_row_is_there_with_every_value(databases: tuple[Rows, Rows]) -> None:
    before, after = databases
    assert sum(len(rows) for rows in before.values()) > 150
    for table, rows in before.items():
        granted = after[table].keys() - rows.keys()
        assert rows.keys() == after[table].keys() - granted, table
        assert len(granted) == GRANTED.get(table, 0), table
        for key, row in rows.items():
            new = after[table][key]
            changed = {column for column in row if row[column] != new[column]}
            assert changed <= UNCHECKED.get(table, set()), (table, key)


def test_only_a_verdict_that_nothing_gave_is_taken_away(databases: tuple[Rows, Rows]) -> None:
    before, after = databases
    results = before["test_results"]
    changed = [key for key, row in results.items() if row != after["test_results"][key]]
    assert len(changed) == 4  # two columns of two runs, one case each
    for key in changed:
        assert results[key]["components"] == "[]"
        assert after["test_results"][key]["passed"] is None
    scores = [row["overall_score"] for row in after["evaluations"].values()]
    assert scores.count(0.5) >= 4  # of the two that were checked, one passed
