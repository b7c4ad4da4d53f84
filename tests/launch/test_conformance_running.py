"""scripts/conformance: recording, running groups of modules, and nothing left of a killed run."""

import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from types import SimpleNamespace

import django
import pytest
from conformance import execution, recording, source
from conformance.__main__ import main
from conformance.execution import Bench
from conformance.guard import Guard
from conformance.outcomes import Outcome, is_finished, read_outcomes
from conformance.recording import RecordingRunner
from launch.errors import LaunchError

from tests.support import outcome_cast
from tests.support.outcome_cast import SKIPPED

ROOT = Path(__file__).resolve().parent.parent.parent


def outcome(word, reason="", declared_as=""):
    return Outcome(outcome=word, reason=reason, declared_as=declared_as)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Run a case as runtests.py does, and return what was recorded."""

    def run(case):
        record = tmp_path / "record.jsonl"
        monkeypatch.setenv("CONFORMANCE_RECORD", str(record))
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
        RecordingRunner(verbosity=0).run_suite(suite)
        assert is_finished(record)
        return {
            name.removeprefix(f"{case.__module__}.{case.__name__}."): one
            for name, one in read_outcomes([record]).items()
        }

    return run


def test_each_kind_of_outcome_is_recorded(recorded, monkeypatch, capsys):
    marked = unittest.expectedFailure(outcome_cast.Base.test_inherited)
    monkeypatch.setattr(outcome_cast.Base, "test_inherited", marked)

    outcomes = recorded(outcome_cast.Cast)

    assert outcomes.pop("test_subtests").reason.startswith("(number=1) AssertionError: 1 == 1")
    assert outcomes == {
        "test_error": outcome("failed", "ValueError: two"),
        "test_expected": outcome(
            "expected failure", declared_as=f"{outcome_cast.__name__}.Cast.test_expected"
        ),
        "test_failure": outcome("failed", "AssertionError: Boom"),
        "test_inherited": outcome(
            "expected failure", declared_as=f"{outcome_cast.__name__}.Base.test_inherited"
        ),
        "test_pass": outcome("passed"),
        "test_skip": outcome("skipped", SKIPPED),
        "test_subtest_skipped": outcome("skipped", SKIPPED),
        "test_unexpected": outcome(
            "unexpected success", declared_as=f"{outcome_cast.__name__}.Cast.test_unexpected"
        ),
    }


def test_a_class_that_skips_itself_is_recorded(recorded, capsys):
    assert recorded(outcome_cast.Broken) == {
        f"setUpClass ({outcome_cast.__name__}.Broken)": outcome("skipped", SKIPPED)
    }


def test_declared_tests_that_do_not_exist_are_taken_out_and_recorded(
    tmp_path, monkeypatch, settings
):
    real = "django.contrib.auth.models.User.save"
    wrong = ["django.contrib.auth.models.User.saev", "django.contrib.auth.modles.User.save"]
    elsewhere = "basic.tests.ModelTest.test_of_an_app_that_is_not_installed"
    settings.INSTALLED_APPS = ["django"]  # the first part of a test's name is its app
    features = SimpleNamespace(
        django_test_expected_failures={real, wrong[0], elsewhere},
        django_test_skips={SKIPPED: {real, wrong[1], "django.utils.gone"}},
    )
    record = tmp_path / "record.jsonl"
    monkeypatch.setenv("CONFORMANCE_RECORD", str(record))
    marked = []

    recording._mark(SimpleNamespace(features=features), lambda: marked.append(1))

    assert set(read_outcomes([record])) == {*wrong, "django.utils.gone"}
    assert features.django_test_expected_failures == {real, elsewhere}
    assert features.django_test_skips == {SKIPPED: {real}}
    assert marked == [1]


RUNTESTS = """
import json, os, subprocess, sys
with open(os.environ["CONFORMANCE_RECORD"], "a") as record:
    for module in (name for name in sys.argv if not name.startswith("-")):
        if module.endswith(".py"):
            continue
        if module == "crashes":
            print("Segmentation fault", flush=True)
            record.flush()
            os._exit(139)
        if module == "hangs":
            subprocess.Popen(["sleep", "1000"])
            record.flush()
            subprocess.run(["sleep", "1000"])
        outcome = {"id": module + ".tests.T.test", "outcome": "passed"}
        record.write(json.dumps(outcome) + "\\n")
    record.write(json.dumps({"finished": 1}) + "\\n")
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Return a bench with a small program in place of Django's, and a cache of its own."""
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    monkeypatch.setattr(execution, "CACHE", tmp_path / "cache")
    (tmp_path / "run").mkdir()
    (tmp_path / "runtests.py").write_text(RUNTESTS)
    with Guard(tmp_path / "run") as guard:
        yield Bench(tests=tmp_path, folder=tmp_path / "run", guard=guard)


SERVER = SimpleNamespace(url="http://127.0.0.1:1", admin_url="http://127.0.0.1:2")


def test_a_group_that_breaks_off_is_a_failure_and_the_others_go_on(bench, tmp_path):
    outcomes = execution.run_libsql(bench, [["one", "crashes", "two"], ["three"]], SERVER)

    log = "cache/broke-off-libsql-0.log"
    assert outcomes == {
        "one.tests.T.test": outcome("passed"),
        "three.tests.T.test": outcome("passed"),
        "runtests.py (one … two)": outcome("failed", f"broke off: Segmentation fault ({log})"),
    }
    assert (tmp_path / log).read_text() == "Segmentation fault\n"


def test_a_group_that_says_nothing_any_more_is_ended(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "SILENCE_SECONDS", 3)

    outcomes = execution.run_libsql(bench, [["one", "hangs"]], SERVER)

    assert outcomes["one.tests.T.test"] == outcome("passed")
    assert outcomes["runtests.py (one … hangs)"].outcome == "failed"


def test_what_sqlite_did_is_run_once(bench, tmp_path):
    first = execution.run_sqlite(bench, [["one"], ["two"]])
    (tmp_path / "runtests.py").write_text("raise SystemExit(1)")

    assert execution.run_sqlite(bench, [["one"], ["two"]]) == first
    assert set(first) == {"one.tests.T.test", "two.tests.T.test"}


def test_a_group_that_breaks_off_on_sqlite_is_said_and_not_kept(bench, tmp_path):
    for _attempt in range(2):
        with pytest.raises(LaunchError, match=r"^Django's tests broke off on SQLite: Segmentation"):
            execution.run_sqlite(bench, [["crashes"]])


def test_the_machines_variables_do_not_reach_djangos_tests(monkeypatch, tmp_path):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "autoforge.settings")
    monkeypatch.setenv("PYTHONWARNINGS", "error")

    environment = execution._environment(tmp_path)

    assert set(environment) <= {*execution.PASSED_ON, "PYTHONPATH", "TMPDIR"}


KILLED = """
import subprocess, sys, time
from pathlib import Path
from conformance.guard import Guard
with Guard(Path(sys.argv[1])) as guard:
    ended = subprocess.Popen(["true"], start_new_session=True)
    guard.watch(ended)
    ended.wait()
    guard.release(ended)
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    guard.watch(process)
    print(process.pid, flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_run_that_is_killed(tmp_path, number):
    folder = tmp_path / "run"
    folder.mkdir()
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        pid = int(run.stdout.readline())
        os.kill(pid, 0)
        run.send_signal(number)
    deadline = time.monotonic() + 20
    while (folder.exists() or _is_alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not folder.exists()
    assert not _is_alive(pid)


def _is_alive(pid):
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_pin_of_django_comes_with_all_its_hashes():
    lines = source._requirement(django.get_version()).splitlines()

    assert lines[0].startswith(f"django=={django.get_version()} ")
    assert len(lines) >= 3
    assert all(line.lstrip().startswith("--hash=sha256:") for line in lines[1:])


def test_a_django_that_is_not_pinned_is_refused():
    with pytest.raises(
        LaunchError, match=r"^Django 1\.0 is installed, but no requirements file pins it"
    ):
        source._requirement("1.0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--django", "1.0"], "invalid choice: '1.0'"),
        (["--quick"], "unrecognized arguments: --quick"),
    ],
)
def test_an_unknown_option_is_refused(capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        main(arguments)

    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("[<object object at 0x7f2786f33680>] (name='x')", "(name='x')"),
        ("[a message] (name='x')", "[a message] (name='x')"),
        ("(name='<object object at 0x7f>')", "(name='<object object at 0x7f>')"),
    ],
)
def test_a_subtest_is_named_without_the_mark_for_no_message(shown, expected):
    assert recording.NO_MESSAGE.sub("", shown) == expected
