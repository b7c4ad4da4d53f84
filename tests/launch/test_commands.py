"""The Makefile lists its commands, and the shell scripts can be read."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_make_alone_lists_every_command_with_what_it_does():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = ["make", "--no-print-directory"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  make ([a-z-]+) +\S", said, re.MULTILINE)
    assert sorted(listed) == sorted(targets)
    assert {"run", "test", "check", "fmt", "help"} <= set(listed)


def test_a_shell_script_with_a_broken_line_is_found(project, clean_environ):
    command = [sys.executable, "scripts/check_shell.py"]
    good = subprocess.run(command, cwd=project, env=clean_environ, check=False)
    (project / "scripts" / "broken.sh").write_text("#!/bin/sh\nif true; then\n")
    bad = subprocess.run(
        command, cwd=project, env=clean_environ, capture_output=True, text=True, check=False
    )
    assert (good.returncode, bad.returncode) == (0, 1)
    assert "broken.sh" in bad.stderr


def test_the_pipeline_runs_what_the_desk_runs():
    assert "exec make test\n" in (ROOT / ".ci" / "run").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
