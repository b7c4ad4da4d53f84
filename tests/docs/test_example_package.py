"""The example of a package: it is built, installed, found, and used by a real evaluation."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "autoforge-example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Install the package into a folder, without network, and return the folder."""
    folder = tmp_path_factory.mktemp("package")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(EXAMPLE, source)
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", target]
    command = [sys.executable, "-m", "pip", "install", *options, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return target


def manage(arguments: list[str], database: Path, path: str):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{database}", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def database(migrated_file, tmp_path) -> Path:
    return Path(shutil.copy(migrated_file, tmp_path / "db.sqlite3"))


def test_its_scorer_and_its_provider_are_used(installed, database):
    arguments = ["evaluate", str(EXAMPLE / "reversed.yaml"), "--format", "json"]
    done = manage(arguments, database, str(installed))
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [result["output"] for result in results] == [
        "three. two One",
        "Thanks. Fine.",
        "こんにちは。元気ですか？はい。",
    ]
    reasons = [part["reason"] for result in results for part in result["components"]]
    assert reasons[1:] == [
        "the answer has 2 sentences; expected 2",
        "the answer has 2 sentences; expected 3 to inf",
        "the answer has 3 sentences; expected 3",
    ]


def test_without_the_package_its_cases_are_errors(database):
    done = manage(["evaluate", str(EXAMPLE / "reversed.yaml")], database, "")
    assert done.returncode == 4
    assert "unknown provider “reverse”" in done.stderr


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One", 1),
        ("One. Two? Three!", 3),
        ('He said "no." Twice.', 2),
        ("It is 3.5 now", 1),
        ("Wait... what", 2),
        ("はい。いいえ。", 2),
        ("...", 0),
        ("." * 100_000 + "x", 1),
    ],
)
def test_sentences_are_counted(monkeypatch, text, count):
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    from autoforge_example.scorers import count_sentences

    assert count_sentences(text) == count


@pytest.mark.parametrize("value", [None, "2", True, {}, {"least": 2}, {"min": "2"}])
def test_a_value_that_is_no_number_is_refused(monkeypatch, value):
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    from autoforge_example.scorers import SENTENCE_COUNT

    from evaluations.engine.types import Assertion

    assert SENTENCE_COUNT.check(Assertion(type="sentence-count", value=value)) == [
        "sentence-count needs a number, or an object with min or max"
    ]
