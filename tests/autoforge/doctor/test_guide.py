"""The guide, the table of checks, and what the command says of itself."""

import re
from pathlib import Path

import pytest

from autoforge.doctor.examination import examine
from autoforge.doctor.findings import Finding, NotCheckedError, Options, State, fine, problem
from autoforge.doctor.rounds import CHECKS, Check
from tests.support.doctor import ROOT, manage

OPTIONS = Options(root=ROOT)
ROW = re.compile(r"\| `(\w+)` \| .+ \| (.*)\|")


@pytest.mark.parametrize("name", ["doctor.md", "doctor.ja.md"])
def test_the_guide_has_every_check_and_what_it_stands_on(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = {check: re.findall(r"`(\w+)`", needs) for check, needs in ROW.findall(text)}
    assert rows == {check.name: list(check.needs) for check in CHECKS}


def test_a_check_stands_on_those_before_it():
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.needs) <= seen, check.name
        seen.add(check.name)


def test_the_command_explains_itself_with_and_without_django():
    for arguments in (("doctor", "--help"), ("help", "doctor")):
        done = manage(*arguments, env={})
        assert done.returncode == 0, done.stderr
        assert "--online" in done.stdout


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--only", "moon"), "argument --only: invalid choice: 'moon'"),
        (
            ("--timeout", "0"),
            "argument --timeout: must be a number of seconds above 0 and at most 600, not '0'",
        ),
        (
            ("--timeout", "abc"),
            "argument --timeout: must be a number of seconds above 0 and at most 600, not 'abc'",
        ),
    ],
)
def test_a_wrong_option_is_refused(option, sentence):
    done = manage("doctor", *option, env={})
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_people_read_lines(tmp_path):
    path = tmp_path / "none.sqlite3"
    done = manage("doctor", "--only", "clock", env={"DATABASE_URL": f"sqlite:///{path}"})
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[-4:] == [
        f"problem      database     there is no database at {path}",
        "                          → Run `manage.py migrate`, or correct DATABASE_URL.",
        "not checked  clock        whether this machine and the database agree on the time: "
        "database did not pass",
        "unhealthy: 3 ok, 1 problem, 1 not checked",
    ]


def check(name: str, function: str, *needs: str, option: str = "") -> Check:
    return Check(name=name, looks_at=name, function=function, needs=needs, option=option)


def test_a_check_that_fails_ends_no_round():
    checks = [
        check("a", "nothing:there"),
        check("b", "ground:check_python"),
        check("c", "ground:check_python", "a"),
    ]
    first, second, third = examine(OPTIONS, checks)
    assert first.state is State.PROBLEM
    assert first.text == (
        "this check failed (ModuleNotFoundError: No module named 'autoforge.doctor.nothing')"
    )
    assert first.remedy == "Report it: this is a bug in AutoForge."
    assert second.state is State.OK
    assert (third.state, third.text) == (State.NOT_CHECKED, "c: a did not pass")


def test_what_was_not_checked_has_not_passed(monkeypatch):
    from autoforge.doctor import ground

    def refuse(_options: Options) -> list[Finding]:
        raise NotCheckedError("it is dark")

    monkeypatch.setattr(ground, "check_python", refuse)
    checks = [check("a", "ground:check_python"), check("b", "ground:check_packages", "a")]
    states = [(finding.state, finding.text) for finding in examine(OPTIONS, checks)]
    assert states == [
        (State.NOT_CHECKED, "a: it is dark"),
        (State.NOT_CHECKED, "b: a did not pass"),
    ]


def test_what_was_not_asked_for_is_no_fault():
    from autoforge.doctor.examination import is_healthy

    [finding] = examine(OPTIONS, [check("a", "ground:check_python", option="deep")])
    assert (finding.state, finding.text) == (State.NOT_ASKED, "only with --deep")
    assert is_healthy([finding, fine("b", "")])
    assert not is_healthy([finding, problem("b", "", "")])
    deep = Options(root=ROOT, deep=True)
    [finding] = examine(deep, [check("a", "ground:check_python", option="deep")])
    assert finding.state is State.OK


def test_an_installed_copy_has_no_list_of_packages(tmp_path: Path):
    [finding] = examine(Options(root=tmp_path), [check("a", "ground:check_packages")])
    assert finding.state is State.NOT_CHECKED
