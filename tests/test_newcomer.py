"""What CONTRIBUTING shows as patches works: each is applied to a copy of this tree, and tried.

A patch touches three files at most. What it adds is then used as people would use it, and held
against the documents.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATCHES = sorted((ROOT / "docs" / "examples" / "patches").glob("*.patch"))
MOST_FILES = 3
SUITE = """\
prompts: ["{{ text }}"]
providers: [echo]
tests:
  - vars: { text: "I am sure." }
    assert:
      - { type: ends-with, value: "sure." }
      - { type: not-ends-with, value: "sure" }
"""
# Tests of the copy, called as functions: a pytest of its own takes several times as long to start.
PROGRAM = """
import django
django.setup()
from tests.autoforge.health import test_clock
from tests.evaluations.scorers import test_documented
test_documented.test_english()
test_documented.test_japanese()
test_clock.test_clocks_that_agree(60)
test_clock.test_clocks_that_differ(61)
"""


def run(*command: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has to succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Return a copy of what git lists, as it is now, with every patch applied."""
    copy = tmp_path_factory.mktemp("tree")
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, run(*command, cwd=ROOT).stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    for patch in PATCHES:
        # Not as a part of some repository above it.
        run("git", "apply", patch, cwd=copy, GIT_CEILING_DIRECTORIES=str(copy.parent))
    return copy


@pytest.fixture
def manage(tree, migrated_file, tmp_path):
    """Return a function that runs manage.py in the copy, on a database of its own."""
    database = shutil.copy(migrated_file, tmp_path / "db.sqlite3")

    def run_command(*arguments: object, **variables: str) -> str:
        url = f"sqlite:///{database}"
        return run(
            sys.executable, "manage.py", *arguments, cwd=tree, DATABASE_URL=url, **variables
        ).stdout

    return run_command


def test_there_is_one_for_each_thing():
    assert [patch.stem for patch in PATCHES] == ["probe", "report-format", "scorer", "variable"]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_patch_touches_few_files_and_is_shown(patch):
    text = patch.read_text(encoding="utf-8")
    assert 1 <= len(re.findall(r"^diff --git ", text, re.MULTILINE)) <= MOST_FILES
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"```diff\n{text}```" in contributing


def test_a_report_format_touches_one_file():
    [patch] = [patch for patch in PATCHES if patch.stem == "report-format"]
    assert patch.read_text(encoding="utf-8").count("diff --git ") == 1


def test_the_scorer_scores_and_the_report_is_written(manage, tmp_path):
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    lines = manage("evaluate", tmp_path / "suite.yaml", "--format", "jsonl").split("\n")
    [result] = map(json.loads, filter(None, lines))
    assert (result["state"], result["label"]) == ("pass", "{{ text }} · echo")
    assert [part["reason"] for part in result["components"]] == [
        "the answer ends with “sure.”",
        "the answer does not end with “sure”",
    ]


def test_the_probe_is_asked(manage):
    report = json.loads(manage("check_health", "--probe", "clock", "--format", "json"))
    [check] = report["checks"]
    assert (check["name"], check["status"]) == ("clock", "healthy")


def test_the_documents_and_the_patches_own_test_agree(tree):
    run(sys.executable, "-c", PROGRAM, cwd=tree)


def test_the_variable_is_read_and_documented(tree, manage):
    run(sys.executable, "scripts/environment_files.py", cwd=tree)
    assert run(sys.executable, "scripts/environment_files.py", cwd=tree).stdout == ""
    assert "| `SUPPORT_URL` | –" in (tree / "docs" / "environment.md").read_text(encoding="utf-8")
    shown = manage("show_environment", SUPPORT_URL="https://help.example.com")
    assert re.search(r"SUPPORT_URL .*https://help\.example\.com", shown)
