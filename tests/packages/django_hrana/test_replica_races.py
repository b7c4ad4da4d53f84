"""A small `make crash-replica`: no process reads its own past, and kills leave nothing half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.once
@pytest.mark.timeout(600)  # a busy machine: it starts a dozen processes
def test_never_the_past_and_never_a_half():
    size = ["--processes", "4", "--sequences", "120", "--kills", "4", "--server-kills", "1"]
    done = subprocess.run(
        [sys.executable, "scripts/crashes/replicas.py", *size],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "packages" / "django-hrana" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
    assert "120 sequences" in done.stdout
    assert " local," in done.stdout  # the replica was read at all
