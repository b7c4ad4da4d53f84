"""What was not checked has not passed: in runs, figures, reports, pages, exit codes and gates."""

import csv
import io
import json
import re
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Evaluation, ReleaseGate, Run, TestResult
from evaluations.release_gates import check_release
from evaluations.reporting import FORMATS, build_report, exit_code, write
from evaluations.selectors import grid
from evaluations.selectors.progress import build_progress
from evaluations.selectors.sql_summaries import large_figures
from evaluations.selectors.summaries import small_figures
from evaluations.services.planning import Plan, PlannedColumn, create_run, load_cases
from evaluations.services.runs import execute_run
from evaluations.services.suites import create_case, create_suite
from prompts.interface import Candidate, find_prompt
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = Assertion(type="contains", value="q")
BAD = Assertion(type="contains", value="z")
BROKEN = Assertion(type="unsupported", config={"original": {"type": "python"}})
RECORDS = Assertion(type="contains", value="z", weight=0)


def run_of(*checks, **fields):
    """Run one case for each tuple of assertions; the answer is its variable."""
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), text="{{x}}")
    cases = [
        (None, Case(name=f"case {number}", variables={"x": f"q{number}"}, assertions=assertions))
        for number, assertions in enumerate(checks)
    ]
    return execute_run(create_run(Plan(columns=[column], **fields), cases).pk)


# --- figures

FIGURES = [
    # checks of each case → passed, failed, errors, unchecked, pass rate, exit code
    ([(GOOD,), (GOOD,)], (2, 0, 0, 0, 1.0), 0),
    ([(), ()], (0, 0, 0, 2, None), 4),
    ([(RECORDS,)], (0, 0, 0, 1, None), 4),
    ([(GOOD,), ()], (1, 0, 0, 1, 1.0), 0),
    ([(BAD,), ()], (0, 1, 0, 1, 0.0), 1),
    ([(BROKEN,), ()], (0, 0, 1, 1, None), 4),
    ([(BROKEN,)], (0, 0, 1, 0, None), 4),
    ([(GOOD,), (BAD,), (BROKEN,), ()], (1, 1, 1, 1, 0.5), 4),
]


@pytest.mark.parametrize(("checks", "expected", "status"), FIGURES)
def test_a_run_counts_what_it_did_not_check_by_itself(checks, expected, status):
    run = run_of(*checks)
    column = run.evaluations.get()
    names = ("passed", "failed", "errors", "unchecked", "pass_rate")
    small, large = small_figures(column).as_json(), large_figures(column).as_json()
    for figures in (column.summary, small, large):
        assert tuple(figures[name] for name in names) == expected
        assert figures["answers"] == len(checks)
    assert exit_code(build_report(run)) == status
    progress = build_progress(run)
    assert tuple(progress[name] for name in names[:4]) == expected[:4]
    if expected[4] is None:
        assert column.overall_score is None


OUTCOMES = [
    ([(BROKEN,), (BROKEN,)], "only-errors"),
    ([(BROKEN,), (GOOD,)], "some-errors"),
    ([(), ()], "nothing-checked"),
    ([(), (GOOD,)], "completed"),
    ([(BAD,)], "completed"),
]


@pytest.mark.parametrize(("checks", "outcome"), OUTCOMES)
def test_completed_is_green_where_answers_were_compared(checks, outcome, admin_client):
    run = run_of(*checks)
    column = run.evaluations.get()
    assert grid.describe_outcome(run, [column])[0] == column.outcome[0] == outcome
    page = admin_client.get(reverse("admin:evaluations_run_change", args=[run.pk]))
    assert f'class="ev-status ev-{outcome}"' in page.text
    listed = admin_client.get(reverse("admin:evaluations_run_changelist")).text
    assert str(column.outcome[1]) in listed


# --- reports


def report_of(run, kind):
    return "".join(write(build_report(run), kind))


@pytest.mark.parametrize("kind", FORMATS)
def test_no_report_calls_an_unchecked_answer_passed(kind):
    run = run_of((), ())
    text = report_of(run, kind)
    if kind == "json":
        found = json.loads(text)
        assert [row["state"] for row in found["results"]] == ["unchecked", "unchecked"]
        assert [row["passed"] for row in found["results"]] == [None, None]
        assert "nothing was checked" in found["remarks"][0]
    elif kind == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["state"], row["passed"]) for row in rows] == [("unchecked", "")] * 2
    elif kind == "junit":
        (suite,) = ET.fromstring(text)
        assert (suite.get("tests"), suite.get("skipped"), suite.get("errors")) == ("2", "2", "0")
        assert len(suite.findall("testcase/skipped")) == 2
    elif kind == "promptfoo":
        found = json.loads(text)["results"]
        assert [row["success"] for row in found["results"]] == [False, False]
        assert "not checked" in found["results"][0]["error"]
        assert (found["stats"]["successes"], found["stats"]["unchecked"]) == (0, 2)
    else:
        assert "2/2" not in text
        assert not re.search(r"\b100(\.0+)?\s*%", text)  # digits alone stand in times and keys
        assert "nothing was checked" in " ".join(text.split()).replace("&quot;", '"')


def test_pages_mark_and_filter_what_was_not_checked(admin_client):
    run = run_of((GOOD,), (), (BROKEN,))
    url = reverse("admin:evaluations_run_change", args=[run.pk])
    page = admin_client.get(url).text
    assert page.count('aria-label="not checked"') == 1
    assert "1 of 3 answers were not checked" in page
    shown = admin_client.get(url, {"show": "unchecked"}).text
    assert "case 1" in shown
    assert "case 0" not in shown
    wrong = admin_client.get(url, {"show": "errors"}).text
    assert "case 2" in wrong
    assert "case 1" not in wrong
    case = TestResult.objects.get(passed=None, error="").run_case
    detail = admin_client.get(reverse("admin:evaluations_run_case", args=[run.pk, case.pk])).text
    assert "not checked" in detail
    status = admin_client.get(reverse("admin:evaluations_run_status", args=[run.pk])).json()
    assert (status["errors"], status["unchecked"]) == (1, 1)


# --- the command


def evaluate(*arguments):
    try:
        call_command("evaluate", *map(str, arguments))
    except SystemExit as error:
        return error.code
    except CommandError as error:
        return error.returncode
    return 0


def test_the_command_says_before_and_after_that_nothing_is_checked(capsys):
    suite = create_suite(name="S")
    create_case(suite_id=suite.pk, name="a", variables={"x": "1"}, expected="Paris")
    create_prompt(title="P", name="p", content="hello")
    status = evaluate("--suite", "S", "--prompt", "p", "--provider", "echo")
    printed = capsys.readouterr()
    assert status == 4
    assert "Warning: No case has an assertion that can fail, so" in printed.err
    assert printed.err.index("Warning:") < printed.err.index("Run ")
    assert "nothing was checked, so there is no pass rate" in " ".join(printed.out.split())
    assert evaluate("--suite", "S", "--prompt", "p", "--provider", "echo", "--format", "csv") == 4
    assert "nothing was checked" in capsys.readouterr().err


# --- gates


def candidate_of(text):
    return Candidate(
        prompt_id=text.prompt_id, version_id=text.version_id, name=text.name, number=text.number,
        content_hash=text.content_hash, label="production",
    )  # fmt: skip


# What may stand in a case, whether it decides over the answer, and whether the answer "q" passes.
PALETTE = {
    "nothing": ({}, False, None),
    "expected alone": ({"expected": "Paris"}, False, None),
    "passes": ({"assertions": [{"type": "contains", "value": "q"}]}, True, True),
    "fails": ({"assertions": [{"type": "contains", "value": "z"}]}, True, False),
    "records": ({"assertions": [{"type": "contains", "value": "q", "weight": 0}]}, False, None),
    "records a failure": (
        {"assertions": [{"type": "equals", "value": "z", "weight": 0}]}, False, None,
    ),
    "reaches 0": ({"assertions": [{"type": "rouge-n", "value": "q", "threshold": 0}]}, False, None),
    "set that records": (
        {"assertions": [
            {"type": "assert-set", "assert": [{"type": "contains", "value": "q", "weight": 0}]}
        ]}, False, None,
    ),
    "set that decides": (
        {"assertions": [{"type": "assert-set", "assert": [{"type": "contains", "value": "q"}]}]},
        True, True,
    ),
    "records and passes": (
        {"assertions": [
            {"type": "contains", "value": "z", "weight": 0}, {"type": "contains", "value": "q"},
        ]}, True, True,
    ),
    "code": ({"assertions": [{"type": "python", "value": "true"}]}, True, None),
}  # fmt: skip

case_lists = st.lists(
    st.tuples(st.sampled_from(sorted(PALETTE)), st.booleans()), min_size=1, max_size=5
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kinds=case_lists, with_gate=st.booleans(), repeats=st.sampled_from([1, 2]))
def test_no_gate_opens_where_an_answer_was_not_compared(kinds, with_gate, repeats):
    name = uuid4().hex
    suite = create_suite(name=name)
    for number, (kind, enabled) in enumerate(kinds):
        fields, _decides, _passes = PALETTE[kind]
        create_case(suite_id=suite.pk, name=str(number), enabled=enabled, **fields)
    prompt = create_prompt(title=name, name=f"p-{name}", content=f"q {name}")
    text = find_prompt(f"{prompt.name}:1")
    if with_gate:
        ReleaseGate.objects.create(prompt_id=prompt.pk, suite=suite, pass_rate=0.8)
    asked = [PALETTE[kind] for kind, enabled in kinds if enabled]
    if asked:
        column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
        plan = Plan(columns=[column], suite=suite, repeats=repeats)
        execute_run(create_run(plan, load_cases(suite.pk)).pk)
    compared = [passes for _fields, decides, passes in asked if decides and passes is not None]
    everything = bool(asked) and len(compared) == len(asked)
    opens = everything and sum(compared) / len(compared) >= 0.8
    verdict = check_release(candidate_of(text))
    assert verdict.passed is opens, (kinds, verdict.reason)


def test_a_gate_says_what_is_missing():
    suite = create_suite(name="S")
    create_case(suite_id=suite.pk, name="a", assertions=[{"type": "contains", "value": "q"}])
    create_case(suite_id=suite.pk, name="b")
    prompt = create_prompt(title="P", name="p", content="q")
    text = find_prompt("p:1")
    ReleaseGate.objects.create(prompt_id=prompt.pk, suite=suite)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    execute_run(create_run(Plan(columns=[column], suite=suite), load_cases(suite.pk)).pk)
    reason = check_release(candidate_of(text)).reason
    assert reason.startswith("1 answers of its run of “S” were not checked; add")


def test_figures_of_an_earlier_version_open_no_gate():
    """What older versions stored as passed without a check is not trusted."""
    suite = create_suite(name="S")
    create_case(suite_id=suite.pk, name="a")
    prompt = create_prompt(title="P", name="p", content="q")
    text = find_prompt("p:1")
    ReleaseGate.objects.create(prompt_id=prompt.pk, suite=suite)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    run = execute_run(create_run(Plan(columns=[column], suite=suite), load_cases(suite.pk)).pk)
    TestResult.objects.update(passed=True, score=1.0)
    old = {"answers": 1, "passed": 1, "failed": 0, "errors": 0, "pass_rate": 1.0}
    Evaluation.objects.update(summary=old, overall_score=1.0)
    assert not check_release(candidate_of(text)).passed
    ReleaseGate.objects.all().delete()
    assert not check_release(candidate_of(text)).passed
    assert Run.objects.get(pk=run.pk).status == "completed"


# --- what older versions stored


def test_the_migration_takes_verdicts_from_what_nothing_checked():
    run = run_of((GOOD,), (), ())
    column = run.evaluations.get()
    TestResult.objects.filter(passed=None).update(passed=True, score=1.0)
    old = small_figures(column).as_json()
    del old["unchecked"]
    comparison = {"old": str(column.pk), "code": "same", "params": {}}
    Evaluation.objects.update(summary=old | {"comparison": comparison}, overall_score=1.0)
    call_command("migrate", "evaluations", "0005", verbosity=0)
    call_command("migrate", "evaluations", verbosity=0)
    column.refresh_from_db()
    states = sorted(result.state for result in TestResult.objects.all())
    assert states == ["pass", "unchecked", "unchecked"]
    names = ("answers", "passed", "failed", "unchecked", "pass_rate", "mean_score")
    assert tuple(column.summary[name] for name in names) == (3, 1, 0, 2, 1.0, 1.0)
    assert column.summary["histogram"][-1] == 1
    assert "comparison" not in column.summary
