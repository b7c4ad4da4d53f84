"""Gates: which suite exactly this content has to pass before a label that needs checks moves."""

from uuid import uuid4

import pytest
from django.urls import reverse

from evaluations.engine.providers import ProviderSpec
from evaluations.execution import execute_run
from evaluations.for_prompts import check_release, latest_scores
from evaluations.models import Evaluation, ReleaseGate, Run, RunCase
from evaluations.planning import Plan, PlannedColumn, cases_of_suite, create_run
from evaluations.services import create_case, create_evaluation, create_suite
from prompts.interface import Candidate, get_prompt_text
from prompts.models import Prompt
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def candidate():
    return candidate_of(get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk))


def candidate_of(text):
    return Candidate(
        prompt_id=text.prompt_id, version_id=text.version_id, name=text.name, number=1,
        content_hash=text.content_hash, label="production",
    )  # fmt: skip


@pytest.fixture
def suite():
    return suite_of_two("S")


def suite_of_two(name):
    made = create_suite(name=name)
    for case in ("a", "b"):
        create_case(suite_id=made.pk, name=case)
    return made


def run(candidate, suite, rate, low, *, asked=2, repeats=1, errors=0, status="completed", **fields):
    """Write what a run leaves behind."""
    made = Run.objects.create(suite=suite, status=status, repeats=repeats)
    for place, case in enumerate(suite.cases.filter(enabled=True)):
        RunCase.objects.create(run=made, position=place, case=case, key=str(place), name=case.name)
    interval = None if low is None else [low, 1.0]
    summary = {"answers": asked * repeats, "pass_rate": rate, "pass_interval": interval}
    return Evaluation.objects.create(
        run=made, prompt_id=candidate.prompt_id, version_id=candidate.version_id, suite=suite,
        status=status, summary=summary | {"errors": errors}, overall_score=rate, **fields,
    )  # fmt: skip


def gate(candidate, suite, **fields):
    return ReleaseGate.objects.create(prompt_id=candidate.prompt_id, suite=suite, **fields)


NEVER = "this content has never been run over the suite “S”"
TABLE = [
    (None, {}, False, "never been run over the suite “S”"),
    ((0.9, 0.8), {}, True, "“S” passes at 90.0%, its interval begins at 80.0%"),
    ((0.9, 0.8), {"lower_bound": 0.8}, True, "begins at 80.0%"),
    ((0.9, 0.79), {"lower_bound": 0.8}, False, "begins at 79.0%; it takes 80.0%"),
    ((0.79, 0.7), {}, False, "passes at 79.0%; it takes 80.0%"),
    ((0.8, 0.7), {"pass_rate": 0.8}, True, "passes at 80.0%"),
    ((1.0, None), {}, True, "“S” passes at 100.0%"),
    ((1.0, None), {"lower_bound": 0.5}, False, "passes at 100.0%, but so few cases give no"),
    ((0.5, None), {"lower_bound": 0.5}, False, "passes at 50.0%; it takes 80.0%"),
    ((None, None), {}, False, "never been run over the suite “S”"),
]


@pytest.mark.parametrize(("found", "rules", "passed", "reason"), TABLE)
def test_a_gate(candidate, suite, found, rules, passed, reason):
    gate(candidate, suite, **rules)
    if found:
        run(candidate, suite, *found)
    verdict = check_release(candidate)
    assert (verdict.passed, reason in verdict.reason) == (passed, True), verdict.reason


def test_one_case_that_is_asked_three_times_passes():
    made = create_suite(name="S")
    create_case(suite_id=made.pk, name="one", assertions=[{"type": "contains", "value": "c"}])
    text = get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    finished = execute_run(
        create_run(Plan(columns=[column], suite=made, repeats=3), cases_of_suite(made.pk)).pk
    )
    assert finished.evaluations.get().summary["pass_interval"] is None
    rule = gate(candidate_of(text), made, pass_rate=1.0)
    verdict = check_release(candidate_of(text))
    assert (verdict.passed, verdict.reason) == (True, "“S” passes at 100.0%")
    rule.lower_bound = 0.5
    rule.save()
    assert "so few cases give no interval" in check_release(candidate_of(text)).reason


def test_errors_unfinished_runs_and_other_suites_do_not_count(candidate, suite):
    gate(candidate, suite)
    run(candidate, suite_of_two("T"), 1.0, 0.9)
    run(candidate, suite, 1.0, 0.9, status="stopped")
    assert check_release(candidate).reason == NEVER
    row = run(candidate, suite, 1.0, 0.9, errors=2)
    assert "has 2 errors: do them again" in check_release(candidate).reason
    Run.objects.filter(pk=row.run_id).update(status="pending")  # its errors are done again
    assert check_release(candidate).reason == NEVER


def test_a_run_that_did_not_ask_the_whole_suite_does_not_count(candidate, suite):
    gate(candidate, suite)
    run(candidate, suite, 1.0, 0.9, asked=1)
    assert check_release(candidate).reason == NEVER
    run(candidate, suite, 1.0, 0.9, repeats=3)
    assert check_release(candidate).passed
    run(candidate, suite, 0.0, 0.0, asked=1)
    assert check_release(candidate).passed
    case = create_case(suite_id=suite.pk, name="later")
    assert check_release(candidate).reason == NEVER
    case.enabled = False
    case.save()
    assert check_release(candidate).passed


def test_a_file_s_cases_under_a_suite_s_name_do_not_count(candidate, suite):
    gate(candidate, suite)
    row = run(candidate, suite, 1.0, 0.9)
    RunCase.objects.filter(run=row.run_id).update(case=None)
    assert check_release(candidate).reason == NEVER
    suite.cases.update(enabled=False)
    assert check_release(candidate).reason == NEVER


def test_what_nobody_ran_releases_nothing(candidate, suite):
    row = run(candidate, suite, 1.0, 0.9)
    assert check_release(candidate).passed
    Evaluation.objects.filter(pk=row.pk).update(run=None)
    assert check_release(candidate).reason == "this content has never been evaluated"
    gate(candidate, suite)
    assert check_release(candidate).reason == NEVER


def test_deleted_runs_count_nowhere(candidate, suite, client, owner):
    row = run(candidate, suite, 0.9, 0.8, provider="vanishing")
    by_hand = create_evaluation(prompt_id=candidate.prompt_id, provider="by hand")
    Evaluation.objects.filter(pk=by_hand.pk).update(status="completed", overall_score=0.5)
    client.force_login(owner)

    def seen():
        scores = Prompt.objects.annotate(found=latest_scores()).get().found
        address = reverse("admin:prompts_prompt_change", args=[candidate.prompt_id])
        page = client.get(address).content.decode()
        return sorted(one.split("|")[1] for one in scores), "vanishing" in page, "by hand" in page

    assert check_release(candidate).passed
    assert seen() == (["0.5", "0.9"], True, True)
    row.run.delete()
    assert check_release(candidate).reason == "this content has never been evaluated"
    assert seen() == (["0.5"], False, True)
    gate(candidate, suite)
    assert check_release(candidate).reason == NEVER


def test_each_gate_has_to_be_passed_and_the_newest_run_counts(candidate, suite):
    second = suite_of_two("T")
    for one in (suite, second):
        gate(candidate, one)
    run(candidate, suite, 1.0, 0.9)
    assert "“T”" in check_release(candidate).reason
    run(candidate, second, 1.0, 0.9)
    assert check_release(candidate).passed
    run(candidate, second, 0.1, 0.0)
    assert not check_release(candidate).passed


def test_other_content_needs_its_own_run(candidate, suite):
    gate(candidate, suite)
    run(candidate, suite, 1.0, 0.9)
    changed = Candidate(**{name: getattr(candidate, name) for name in Candidate.__slots__}
                        | {"content_hash": uuid4().hex})  # fmt: skip
    assert not check_release(changed).passed


CHANGES = [
    ({"assertions": [{"type": "contains", "value": "zebra"}]}, False),
    ({"assertions": []}, False),
    ({"assertions": [{"type": "no such check"}]}, False),
    ({"variables": {"x": "other"}}, False),
    ({"expected": "zebra"}, False),
    ({"name": "another name"}, True),
    ({"assertions": [{"value": "c", "type": "contains"}]}, True),
]


@pytest.mark.parametrize(("change", "passed"), CHANGES, ids=range(len(CHANGES)))
def test_a_case_that_was_changed_after_the_run_has_to_be_asked_again(change, passed):
    """An answer that was compared with something else was not compared."""
    made = create_suite(name="S")
    for name in ("one", "two"):
        create_case(suite_id=made.pk, name=name, assertions=[{"type": "contains", "value": "c"}])
    text = get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    execute_run(create_run(Plan(columns=[column], suite=made), cases_of_suite(made.pk)).pk)
    gate(candidate_of(text), made, pass_rate=1.0)
    assert check_release(candidate_of(text)).passed
    made.cases.filter(name="two").update(**change)
    verdict = check_release(candidate_of(text))
    assert verdict.passed is passed
    if not passed:
        assert verdict.reason == "the case “two” of “S” was changed after its run: run it again"
        made.cases.filter(name="two").update(enabled=False)
        assert check_release(candidate_of(text)).passed
