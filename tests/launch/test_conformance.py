"""scripts/conformance: from recorded outcomes to groups, verdict and document."""

import json

import pytest
from conformance.groups import FAST, all_modules, choose_groups
from conformance.outcomes import Outcome, is_finished, module_of, read_outcomes
from conformance.report import documented_exceptions, write_report
from conformance.verdict import MAX_EXCEPTIONS, compare_with_document, judge
from launch.errors import LaunchError

MODULES = ["basic", "backends", "lookup"]
NAME = "basic.tests.ModelTest.test_it"
WHOLE_CLASS = "setUpClass (basic.tests.ModelTest)"
WHY = "The server has no such function."


def outcome(word, reason="", declared_as=""):
    return Outcome(outcome=word, reason=reason, declared_as=declared_as)


def judged(ours, sqlite, reasons=None):
    """Judge one test; None: it did not come up."""
    ours, sqlite = ({NAME: outcome(one, "Boom")} if one else {} for one in (ours, sqlite))
    return judge(ours, sqlite, {NAME: WHY} if reasons is None else reasons, MODULES)


@pytest.mark.parametrize(
    ("ours", "sqlite", "complaints"),
    [
        ("passed", "passed", []),
        ("passed", "skipped", []),
        ("passed", "failed", []),
        ("passed", None, []),
        ("passed", "expected failure", []),
        ("failed", "passed", [f"fails: {NAME}: Boom"]),
        ("failed", "skipped", [f"fails: {NAME}: Boom"]),
        ("failed", "expected failure", [f"fails: {NAME}: Boom"]),
        ("failed", None, [f"fails: {NAME}: Boom"]),
        ("failed", "failed", []),
        ("skipped", "passed", []),
        ("expected failure", "passed", []),
        ("unexpected success", "passed", [f"is declared to fail, but passes: {NAME}"]),
        ("unexpected success", None, [f"is declared to fail, but passes: {NAME}"]),
        ("unexpected success", "unexpected success", []),
        ("no such test", None, [f"is declared, but does not exist: {NAME}"]),
        (None, "passed", [f"passes on SQLite, did not run here: {NAME}"]),
        (None, "skipped", []),
        (None, "failed", []),
    ],
)
def test_a_test_is_complained_about_where_it_is_worse_than_declared(ours, sqlite, complaints):
    assert judged(ours, sqlite).complaints == complaints


@pytest.mark.parametrize(
    ("ours", "sqlite", "is_exception"),
    [
        ("expected failure", "passed", True),
        ("expected failure", "skipped", True),
        ("expected failure", None, True),
        ("expected failure", "expected failure", False),
        ("expected failure", "failed", False),
        ("skipped", "passed", True),
        ("skipped", "skipped", False),
        ("skipped", "expected failure", False),
        ("skipped", "failed", False),
        ("skipped", None, False),
        ("passed", "skipped", False),
        ("failed", "passed", False),
    ],
)
def test_an_exception_is_what_does_not_run_here_only(ours, sqlite, is_exception):
    assert (NAME in judged(ours, sqlite).exceptions) is is_exception


def test_an_expected_failure_has_the_declared_reason():
    assert judged("expected failure", "passed").exceptions == {NAME: WHY}


def test_an_expected_failure_without_a_reason_is_refused():
    verdict = judged("expected failure", "passed", reasons={})

    assert verdict.complaints == [
        f"is skipped or expected to fail here only, without a reason: {NAME}"
    ]


def test_a_reason_declared_for_a_base_class_counts_for_its_subclasses():
    ours = {NAME: outcome("expected failure", declared_as="basic.tests.Base.test_it")}

    verdict = judge(ours, {NAME: outcome("passed")}, {"basic.tests.Base.test_it": WHY}, MODULES)

    assert verdict.exceptions == {NAME: WHY}
    assert verdict.complaints == []


def test_a_skip_has_the_reason_that_the_test_gave():
    ours = {NAME: outcome("skipped", "Database doesn't support feature(s): supports_x")}

    verdict = judge(ours, {NAME: outcome("passed")}, {}, MODULES)

    assert verdict.exceptions == {NAME: "Database doesn't support feature(s): supports_x"}


def test_a_refusal_of_sqlites_that_does_not_apply_is_no_exception():
    reason = "Database has feature(s) supports_uuid7_function"
    ours, sqlite = {NAME: outcome("skipped", reason)}, {NAME: outcome("passed")}

    verdict = judge(ours, sqlite, {}, MODULES)

    assert (verdict.exceptions, verdict.abilities) == ({}, {NAME: reason})
    text = document(verdict, ours, sqlite)
    assert f"| `{NAME}` | {reason} |" in text.partition("## More than SQLite")[2]
    assert documented_exceptions(text) == set()
    assert "## More than SQLite" not in document(judge({}, {}, {}, MODULES))


def test_a_class_that_is_skipped_whole_skips_each_of_its_tests():
    verdict = judge({WHOLE_CLASS: outcome("skipped", WHY)}, {NAME: outcome("passed")}, {}, MODULES)

    assert verdict.exceptions == {NAME: WHY}
    assert verdict.complaints == []


def test_a_class_that_cannot_be_set_up_fails_with_each_of_its_tests():
    verdict = judge(
        {WHOLE_CLASS: outcome("failed", "Boom")}, {NAME: outcome("passed")}, {}, MODULES
    )

    assert verdict.failed == {NAME: "Boom", WHOLE_CLASS: "Boom"}


def test_a_class_that_sqlite_skips_whole_may_run_here():
    verdict = judge({NAME: outcome("passed")}, {WHOLE_CLASS: outcome("skipped")}, {}, MODULES)

    assert verdict.complaints == []
    assert verdict.exceptions == {}


def test_what_fails_on_both_is_listed():
    assert judged("failed", "failed").failed_on_both == (NAME,)


def test_a_declared_test_of_a_module_that_django_does_not_have_is_refused():
    verdict = judge({}, {}, {"gone.tests.Case.test_it": WHY, "lookup.tests.X.test_y": WHY}, MODULES)

    assert verdict.complaints == ["is declared, but does not exist: gone.tests.Case.test_it"]


@pytest.mark.parametrize(
    ("count", "is_fine"), [(MAX_EXCEPTIONS, True), (MAX_EXCEPTIONS + 1, False)]
)
def test_more_than_eight_exceptions_are_refused(count, is_fine):
    names = [f"basic.tests.T.test_{number}" for number in range(count)]
    ours = {name: outcome("expected failure") for name in names}

    verdict = judge(
        ours, dict.fromkeys(names, outcome("passed")), dict.fromkeys(names, WHY), MODULES
    )

    assert (verdict.complaints == []) is is_fine
    if not is_fine:
        assert verdict.complaints == [
            "9 tests are skipped or expected to fail here only; 8 are allowed"
        ]


def document(verdict, ours=None, sqlite=None):
    return write_report({"Django": "5.2.19"}, ours or {}, sqlite or {}, verdict)


def test_the_document_gives_back_its_exceptions():
    ours = {NAME: outcome("skipped", "a | b\nc")}
    verdict = judge(ours, {NAME: outcome("passed")}, {}, MODULES)

    text = document(verdict, ours, {NAME: outcome("passed")})

    assert f"| `{NAME}` | a \\| b c |" in text
    assert documented_exceptions(text) == {NAME}


def test_the_document_counts_each_module_and_all():
    ours = {
        NAME: outcome("passed"),
        "basic.tests.ModelTest.test_that": outcome("unexpected success"),
        "lookup.tests.T.test_a": outcome("skipped"),
        WHOLE_CLASS: outcome("failed"),
        "lookup.tests.T.test_gone": outcome("no such test"),
    }
    sqlite = {NAME: outcome("passed"), "lookup.tests.T.test_a": outcome("expected failure")}

    text = document(judge(ours, sqlite, {}, MODULES), ours, sqlite)

    assert "| module | run | passed | skipped | expected failure | failed |" in text
    assert "| basic | 1 / 3 | 1 / 1 | 0 / 0 | 0 / 0 | 0 / 2 |" in text
    assert "| lookup | 1 / 1 | 0 / 0 | 0 / 1 | 1 / 0 | 0 / 0 |" in text
    assert "| **all** | 2 / 4 | 1 / 1 | 0 / 1 | 1 / 0 | 0 / 2 |" in text


def test_the_document_says_what_is_wrong_and_what_fails_on_both():
    both = "i18n.tests.T.test_root"
    ours = {NAME: outcome("failed", "Boom"), both: outcome("failed")}

    text = document(judge(ours, {both: outcome("failed")}, {}, MODULES), ours)

    assert f"- fails: {NAME}: Boom" in text
    assert f"- `{both}`" in text.partition("## Also fails on SQLite")[2]


@pytest.mark.parametrize(
    ("documented", "complaints"),
    [
        ([NAME], []),
        ([NAME, "lookup.tests.T.test_of_a_module_that_was_not_run"], []),
        (
            [],
            [f"is skipped or expected to fail here only, but not in the document: {NAME} ({WHY})"],
        ),
        (
            [NAME, "basic.tests.T.test_b"],
            ["is in the document, but no exception any more: basic.tests.T.test_b"],
        ),
    ],
)
def test_a_run_of_some_modules_is_held_against_the_document(documented, complaints):
    verdict = judged("expected failure", "passed")

    assert compare_with_document(verdict, documented, ["basic"]) == complaints


def write(path, *rows, tail=""):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + tail)
    return path


@pytest.mark.parametrize(
    ("words", "worst"),
    [
        (["passed"], "passed"),
        (["failed", "passed"], "failed"),
        (["skipped", "failed"], "failed"),
        (["skipped", "passed"], "skipped"),
        (["expected failure", "unexpected success"], "unexpected success"),
    ],
)
def test_the_worst_outcome_of_a_test_counts(tmp_path, words, worst):
    record = write(tmp_path / "record", *({"id": NAME, "outcome": word} for word in words))

    assert read_outcomes([record])[NAME].outcome == worst


def test_records_of_several_groups_are_read_as_one(tmp_path):
    first = write(tmp_path / "1", {"id": "a.T.test", "outcome": "passed"}, {"finished": 1})
    second = write(tmp_path / "2", {"id": "b.T.test", "outcome": "skipped", "reason": WHY})

    assert read_outcomes([first, second]) == {
        "a.T.test": outcome("passed"),
        "b.T.test": outcome("skipped", WHY),
    }


@pytest.mark.parametrize(
    ("rows", "tail", "expected"),
    [
        ([{"id": NAME, "outcome": "passed"}, {"finished": 1}], "", True),
        ([{"id": NAME, "outcome": "passed"}], "", False),
        ([{"id": NAME, "outcome": "passed"}], '{"finish', False),
        ([], "", False),
    ],
)
def test_a_record_without_its_last_line_is_of_a_run_that_broke_off(tmp_path, rows, tail, expected):
    assert is_finished(write(tmp_path / "record", *rows, tail=tail)) is expected


@pytest.mark.parametrize(
    ("name", "module"),
    [
        (NAME, "basic"),
        (WHOLE_CLASS, "basic"),
        ("setUpModule (servers.tests)", "servers"),
    ],
)
def test_the_module_of_a_test(name, module):
    assert module_of(name) == module


def test_all_modules_are_found_and_grouped_once(tmp_path):
    names = [*FAST, *(f"module_{number:02}" for number in range(30)), "gis_tests"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "templates").mkdir()

    modules = all_modules(tmp_path)
    groups = choose_groups(modules, [])

    assert "gis_tests" not in modules
    assert "templates" not in modules
    assert sorted(name for group in groups for name in group) == modules
    assert groups[0] == FAST  # what SQLite did with them is kept for the quick run
    assert choose_groups(modules, FAST) == [FAST]


def test_a_module_that_django_does_not_have_is_refused():
    with pytest.raises(LaunchError, match=r"^Django has no test module named basics\.$"):
        choose_groups(MODULES, ["basic", "basics"])
