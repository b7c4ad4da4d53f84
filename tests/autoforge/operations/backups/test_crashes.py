"""A few of the kills of `make crash-restore`: a database is as before or restored, never half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.once
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite", "libsql"])
def test_never_half(database):
    done = subprocess.run(
        [sys.executable, "scripts/crashes/restores.py", "--kills", "3", "--database", database],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "packages" / "django-hrana" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == (1 if database == "sqlite" else 2)
    assert all("0 half" in line for line in lines)


@pytest.mark.once
@pytest.mark.timeout(600)
def test_the_benchmark_at_a_small_size():
    done = subprocess.run(
        [sys.executable, "benchmarks/backups.py", "--size", "20"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "packages" / "django-hrana" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 MB; tables equal" in done.stdout
