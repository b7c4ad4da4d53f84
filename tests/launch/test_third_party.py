"""scripts/third_party: whose tests are run, what two runs of them mean, and the document."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.guard import Guard
from conformance.outcomes import Outcome, read_outcomes
from launch.errors import LaunchError
from launch.sdists import find_pin
from launch.sqld import Server
from launch.tools import ROOT
from third_party import execution
from third_party.__main__ import PAGE, main
from third_party.report import Row, read_rows, write_report, write_rows, write_summary
from third_party.sources import LOCK, Source, fetch
from third_party.suites import SUITES, Suite, choose
from third_party.verdict import Verdict, judge

NAME = "tests/test_a.py::Case::test_it"
PYTEST_SETTINGS = """
from pathlib import Path
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "nowhere"}}
"""
# A suite as others write them: each kind of outcome once, and what the database is.
CASES = """
import unittest
import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import TestCase

class Case(TestCase):
    def test_rows(self):
        before = ContentType.objects.count()
        ContentType.objects.create(app_label="a", model="b")
        self.assertEqual(ContentType.objects.count(), before + 1)

    def test_engine(self):
        self.assertEqual(settings.DATABASES["default"]["ENGINE"], "django_hrana")
        self.assertEqual(connection.display_name, "libSQL")

    def test_fails(self):
        self.fail("on purpose")

    @unittest.skip("not now")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

@pytest.fixture
def broken():
    raise ValueError("no fixture")

def test_fixture(broken):
    pass
"""


def outcomes(word, reason=""):
    return {NAME: Outcome(outcome=word, reason=reason)} if word else {}


@pytest.mark.parametrize(
    ("ours", "sqlite", "count"),
    [
        ("passed", "passed", "passed"),
        ("unexpected success", "passed", "passed"),
        ("skipped", "skipped", "skipped"),
        ("expected failure", "skipped", "skipped"),
        ("failed", "failed", "failed"),
        ("passed", "failed", "better"),
        ("passed", "skipped", "better"),
        ("passed", None, "better"),
    ],
)
def test_what_is_no_worse_here_is_counted(ours, sqlite, count):
    verdict = judge({**outcomes(ours)}, outcomes(sqlite), {})
    assert getattr(verdict, count) == verdict.total == 1
    assert verdict.complaints == ()


@pytest.mark.parametrize(
    ("ours", "sqlite"),
    [
        ("failed", "passed"),
        ("failed", "skipped"),
        ("failed", None),
        ("skipped", "passed"),
        ("skipped", "failed"),
        ("skipped", None),
        (None, "passed"),
        (None, "failed"),
    ],
)
def test_what_is_worse_here_needs_a_reason(ours, sqlite):
    more = {"tests/test_b.py::test": Outcome(outcome="passed")}
    here, there = {**outcomes(ours, "Boom"), **more}, {**outcomes(sqlite), **more}

    (complaint,) = judge(here, there, {}).complaints
    assert NAME in complaint
    assert ("Boom" in complaint) == (ours is not None)

    verdict = judge(here, there, {"Case::test_it": "The server does not."})
    assert verdict.complaints == ()
    assert verdict.differing == {NAME: "The server does not."}


def test_a_reason_that_nothing_needs_is_named():
    verdict = judge(outcomes("passed"), outcomes("passed"), {"test_it": "No more."})
    assert verdict.complaints == ("is declared to differ, but does not: test_it",)


def test_a_run_without_tests_is_not_good():
    assert judge({}, {}, {}).complaints == ("no test was run",)


def test_each_suite_is_pinned_and_named_once():
    assert len(SUITES) >= 15
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    assert {"wagtail", "debug-toolbar"} <= {suite.name for suite in SUITES}
    for suite in SUITES:
        assert find_pin(suite.distribution, LOCK) is not None, suite.name


def test_suites_are_chosen_by_either_name():
    names = [suite.name for suite in choose(["wagtail", "django-filter", "filter"])]
    assert names == ["wagtail", "filter"]  # in the order of the table
    assert choose([]) == list(SUITES)
    with pytest.raises(LaunchError, match=r"^There is no suite named wagtai; there are wagtail, "):
        choose(["wagtai"])


def test_an_unknown_suite_ends_the_command(capsys):
    assert main(["wagtai"]) == 1
    assert "There is no suite named wagtai" in capsys.readouterr().err


def test_a_suite_that_is_not_pinned_cannot_be_had():
    with pytest.raises(LaunchError, match="does not pin wagtai; run make lock"):
        fetch(Suite(distribution="wagtai"))


def verdict(**more):
    numbers = {"passed": 0, "skipped": 0, "failed": 0, "better": 0}
    return Verdict(**{**numbers, "differing": {}, "complaints": (), **more})


def test_the_document():
    good = verdict(passed=1200, skipped=3, better=1, differing={NAME: "The server | does not."})
    rows = [
        Row(distribution="wagtail", version="8.0", verdict=good),
        Row(distribution="other", version="1", verdict=verdict(passed=4, failed=1)),
        Row(distribution="gone", version="2", verdict=None, problem="It could not be had."),
    ]
    text = write_report({"server": "sqld 0"}, rows)
    assert "| wagtail | 8.0 | 1205 | 1200 | 3 | 0 | 1 | 1 |" in text
    assert "| gone | 2 | – | – | – | – | – | – |" in text
    assert "| **all** |  | 1,210 | 1,204 | 3 | 1 | 1 | 1 |" in text
    assert rf"| wagtail | `{NAME}` | The server \| does not. |" in text
    assert "- gone: It could not be had." in text
    assert "Nothing that these tests look at" in write_report({}, rows[1:])
    assert "What is wrong" not in write_report({}, rows[:2])


def test_a_run_of_some_suites_keeps_the_rows_of_the_others(tmp_path):
    path = tmp_path / "results.json"
    facts, pins = {"server": "sqld 0"}, {"wagtail": "8.0", "gone": "2"}
    rows = [
        Row(distribution="wagtail", version="8.0", verdict=verdict(passed=2, complaints=("Boom",))),
        Row(distribution="gone", version="2", verdict=None, problem="It could not be had."),
    ]
    assert read_rows(path, facts, pins) == {}
    write_rows(path, facts, rows)
    assert list(read_rows(path, facts, pins).values()) == rows
    # Neither those of another version nor those of another server.
    assert list(read_rows(path, facts, {**pins, "gone": "3"})) == ["wagtail"]
    assert read_rows(path, {"server": "sqld 1"}, pins) == {}


def test_the_document_is_what_the_results_say():
    path = ROOT / "scripts" / "third_party" / "results.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    facts = content["facts"]
    versions = {row["distribution"]: row["version"] for row in content["rows"]}
    rows = read_rows(path, facts, versions)
    assert list(rows) == [suite.distribution for suite in SUITES if suite.distribution in rows]
    assert len(rows) >= 15
    document = (ROOT / "docs" / "third-party.md").read_text(encoding="utf-8")
    assert document == write_report(facts, list(rows.values()))
    page = PAGE.read_text(encoding="utf-8")
    assert page == write_summary(page, list(rows.values()))
    assert not [row for row in rows.values() if row.complaints]


@pytest.mark.parametrize("name", ["conformance.md", "conformance-django-6.1.md"])
def test_the_package_says_what_djangos_own_tests_do(name):
    document = (ROOT / "docs" / name).read_text(encoding="utf-8")
    [django] = re.findall(r"^\| Django \| (\S+) \|$", document, re.MULTILINE)
    [differences] = re.findall(r"but not on SQLite: (\d+) ", document)
    [total] = re.findall(r"^\| \*\*all\*\* \| \d+ / (\d+) \|", document, re.MULTILINE)
    assert f"| {django} | {int(total):,} | 0 | {differences} |\n" in PAGE.read_text(
        encoding="utf-8"
    )
    assert "## Failed" not in document


@pytest.fixture
def suite(tmp_path):
    """Return a small suite and its source."""
    folder = tmp_path / "source"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "settings.py").write_text(PYTEST_SETTINGS)
    (folder / "tests" / "test_cases.py").write_text(CASES)
    suite = Suite(distribution="small", settings="tests.settings")
    return suite, Source(version="1", folder=folder)


def test_a_suite_runs_on_a_real_server(suite, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    # The plugin of this environment: that of `make third-party` may not be there.
    monkeypatch.setattr(execution, "VENV", Path(sys.prefix))
    with (
        Guard(folder) as guard,
        Server(tmp_path / "sqld", namespaces=True, idle_seconds=600) as server,
    ):
        bench = execution.Bench(folder=folder, guard=guard)
        ours = execution.run_libsql(bench, *suite, server)
    words = {name.rpartition("::")[2]: outcome.outcome for name, outcome in ours.items()}
    assert words == {
        "test_rows": "passed",
        "test_engine": "passed",
        "test_fails": "failed",
        "test_skipped": "skipped",
        "test_expected": "expected failure",
        "test_fixture": "failed",
    }
    reasons = {name.rpartition("::")[2]: outcome.reason for name, outcome in ours.items()}
    assert reasons["test_fails"] == "AssertionError: on purpose"
    assert reasons["test_fixture"] == "ValueError: no fixture"


def test_a_run_that_breaks_off_says_why(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "VENV", Path(sys.prefix))
    (suite[1].folder / "tests" / "settings.py").write_text("import nothing_of_this_name")
    with Guard(tmp_path / "run") as guard:
        (tmp_path / "run").mkdir()
        bench = execution.Bench(folder=tmp_path / "run", guard=guard)
        with pytest.raises(LaunchError, match=r"small broke off on sqlite: .*nothing_of_this_name"):
            execution.run_sqlite(bench, *suite)


def test_a_file_that_cannot_be_read_is_a_failure(tmp_path):
    record = tmp_path / "record.jsonl"
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(execution.INSIDE),
        "THIRD_PARTY_BACKEND": "sqlite",
        "THIRD_PARTY_RECORD": str(record),
    }
    command = [sys.executable, "-m", "pytest", "-p", "libsql_plugin", "-p", "no:django"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path)]
    subprocess.run(
        [*command, str(tmp_path)], env=environment, cwd=tmp_path, capture_output=True, check=False
    )
    (outcome,) = read_outcomes([record]).values()
    assert outcome.outcome == "failed"
    assert "nothing_of_this_name" in outcome.reason or "ImportError" in outcome.reason
    assert json.loads(record.read_text().splitlines()[-1]) == {"finished": 0}
