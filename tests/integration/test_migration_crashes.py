"""`migrate_safely`, killed at a random moment; `make crash-migrate` does many."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.once
@pytest.mark.timeout(600)  # a busy machine: it starts a dozen programs, one after the other
@pytest.mark.parametrize("database", ["sqlite", "libsql"])
def test_no_kill_leaves_anything_half_done(database):
    result = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "migration_crashes"),
            "--kills=1",
            f"--database={database}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"command of {database}: 1 kills, 0 faults" in result.stdout
