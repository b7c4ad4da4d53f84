"""Gates: which suite exactly this content has to pass before a label that needs checks moves."""

from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.urls import reverse

from evaluations.engine.providers import ProviderSpec
from evaluations.models import Evaluation, ReleaseGate, Run, RunCase, TestResult
from evaluations.prompt_panel import latest_scores, render_panel
from evaluations.release_gates import check_release
from evaluations.services.planning import Plan, PlannedColumn, create_run, load_cases
from evaluations.services.runs import execute_run
from evaluations.services.suites import create_case, create_suite
from prompts import extensions
from prompts.interface import Candidate, get_prompt_text
from prompts.models import Prompt
from prompts.services import create_prompt
from tests.support.evaluations import create_evaluation

pytestmark = pytest.mark.django_db


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


def refused(candidate):
    """Return why a candidate may not be released."""
    verdict = check_release(candidate)
    assert verdict.passed is False
    return verdict.reason


NEVER = "this content has not been evaluated with the suite “S”"
TABLE = [
    (None, {}, False, "not been evaluated with the suite “S”"),
    ((0.9, 0.8), {}, True, "“S”: pass rate 90.0%, lower bound 80.0%"),
    ((0.9, 0.8), {"lower_bound": 0.8}, True, "lower bound 80.0%"),
    ((0.9, 0.79), {"lower_bound": 0.8}, False, "lower bound 79.0%, required 80.0%"),
    ((0.79, 0.7), {}, False, "pass rate 79.0%, required 80.0%"),
    ((0.0, 0.0), {}, False, "pass rate 0.0%, required 80.0%"),
    ((0.8, 0.7), {"pass_rate": 0.8}, True, "pass rate 80.0%"),
    ((1.0, None), {}, True, "“S”: pass rate 100.0%"),
    ((1.0, None), {"lower_bound": 0.5}, False, ": pass rate 100.0%, but there are too few cases"),
    ((0.5, None), {"lower_bound": 0.5}, False, "pass rate 50.0%, required 80.0%"),
    ((None, None), {}, False, "not been evaluated with the suite “S”"),
]


@pytest.mark.parametrize(("found", "rules", "passed", "reason"), TABLE)
def test_a_gate(candidate, suite, found, rules, passed, reason):
    gate(candidate, suite, **rules)
    if found:
        run(candidate, suite, *found)
    verdict = check_release(candidate)
    assert (verdict.passed, reason in verdict.reason) == (passed, True), verdict.reason


@pytest.mark.django_db(transaction=True)  # a run writes from threads of its own
def test_one_case_that_is_asked_three_times_passes():
    made = create_suite(name="S")
    create_case(suite_id=made.pk, name="one", assertions=[{"type": "contains", "value": "c"}])
    text = get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    finished = execute_run(
        create_run(Plan(columns=[column], suite=made, repeats=3), load_cases(made.pk)).pk
    )
    assert finished.evaluations.get().summary["pass_interval"] is None
    rule = gate(candidate_of(text), made, pass_rate=1.0)
    verdict = check_release(candidate_of(text))
    assert (verdict.passed, verdict.reason) == (True, "“S”: pass rate 100.0%")
    rule.lower_bound = 0.5
    rule.save()
    assert "too few cases for an interval" in refused(candidate_of(text))


def test_errors_unfinished_runs_and_other_suites_do_not_count(candidate, suite):
    gate(candidate, suite)
    run(candidate, suite_of_two("T"), 1.0, 0.9)
    run(candidate, suite, 1.0, 0.9, status="stopped")
    assert refused(candidate) == NEVER
    row = run(candidate, suite, 1.0, 0.9, errors=2)
    assert "has 2 errors; retry them" in refused(candidate)
    Run.objects.filter(pk=row.run_id).update(status="pending")  # its errors are done again
    assert refused(candidate) == NEVER
    row = run(candidate, suite, 1.0, 0.9)
    Evaluation.objects.filter(pk=row.pk).update(status="failed")
    assert refused(candidate) == NEVER


def test_a_run_that_did_not_ask_the_whole_suite_does_not_count(candidate, suite):
    gate(candidate, suite)
    run(candidate, suite, 1.0, 0.9, asked=1)
    assert refused(candidate) == NEVER
    run(candidate, suite, 1.0, 0.9, repeats=3)
    assert check_release(candidate).passed
    run(candidate, suite, 0.0, 0.0, asked=1)
    assert check_release(candidate).passed
    case = create_case(suite_id=suite.pk, name="later")
    assert refused(candidate) == NEVER
    run(candidate, suite, 1.0, 0.9, asked=3, status="stopped")  # asked it, and did not end
    assert refused(candidate) == NEVER
    case.enabled = False
    case.save()
    assert check_release(candidate).passed


def test_a_file_s_cases_under_a_suite_s_name_do_not_count(candidate, suite):
    gate(candidate, suite)
    row = run(candidate, suite, 1.0, 0.9)
    RunCase.objects.filter(run=row.run_id).update(case=None)
    assert refused(candidate) == NEVER
    run(candidate, suite, 1.0, 0.9, status="stopped")  # another one did ask the suite's own
    suite.cases.update(enabled=False)
    assert refused(candidate) == NEVER


def test_what_nobody_ran_releases_nothing(candidate, suite):
    row = run(candidate, suite, 1.0, 0.9)
    assert check_release(candidate).passed
    Evaluation.objects.filter(pk=row.pk).update(run=None)
    assert refused(candidate) == "this content has not been evaluated yet"
    gate(candidate, suite)
    assert refused(candidate) == NEVER


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
    assert refused(candidate) == "this content has not been evaluated yet"
    assert seen() == (["0.5"], False, True)
    gate(candidate, suite)
    assert refused(candidate) == NEVER


def test_each_gate_has_to_be_passed_and_the_newest_run_counts(candidate, suite):
    second = suite_of_two("T")
    for one in (suite, second):
        gate(candidate, one)
    run(candidate, suite, 1.0, 0.9)
    assert "“T”" in refused(candidate)
    run(candidate, second, 1.0, None)
    verdict = check_release(candidate)
    assert verdict.passed
    assert sorted(verdict.reason.split("; ")) == [
        "“S”: pass rate 100.0%, lower bound 90.0%",
        "“T”: pass rate 100.0%",
    ]
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


@pytest.mark.django_db(transaction=True)  # as above
@pytest.mark.parametrize(("change", "passed"), CHANGES, ids=range(len(CHANGES)))
def test_a_case_that_was_changed_after_the_run_has_to_be_asked_again(change, passed):
    """An answer that was compared with something else was not compared."""
    made = create_suite(name="S")
    for name in ("one", "two"):
        create_case(suite_id=made.pk, name=name, assertions=[{"type": "contains", "value": "c"}])
    text = get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    execute_run(create_run(Plan(columns=[column], suite=made), load_cases(made.pk)).pk)
    gate(candidate_of(text), made, pass_rate=1.0)
    assert check_release(candidate_of(text)).passed
    create_case(suite_id=create_suite(name="T").pk, name="of no concern")
    assert check_release(candidate_of(text)).passed
    made.cases.filter(name="two").update(**change)
    verdict = check_release(candidate_of(text))
    assert verdict.passed is passed
    if not passed:
        assert verdict.reason == "the case “two” of “S” was changed after the run; run it again"
        made.cases.filter(name="two").update(enabled=False)
        assert check_release(candidate_of(text)).passed


RESULTS = [
    # of two answers: what is stored of the first, how many were compared with nothing
    ({"passed": True, "components": [{"type": "equals"}]}, 0),
    ({"passed": False, "components": []}, 0),
    ({"passed": None, "error": ""}, 1),
    ({"passed": None, "error": "no answer"}, 0),
    ({"passed": True, "components": []}, 1),  # an older version called it passed
    ({"passed": None, "error": "", "run_case": None}, 0),  # kept aside
]


@pytest.mark.parametrize("with_gate", [True, False])
@pytest.mark.parametrize(("fields", "unchecked"), RESULTS)
def test_an_answer_that_was_compared_with_nothing_releases_nothing(
    candidate, suite, fields, unchecked, with_gate
):
    if with_gate:
        gate(candidate, suite)
    row = run(candidate, suite, 1.0, 0.9)
    first, second = RunCase.objects.filter(run=row.run_id)
    TestResult.objects.create(**{"evaluation": row, "run_case": first} | fields)
    TestResult.objects.create(
        evaluation=row, run_case=second, passed=True, components=[{"type": "equals"}]
    )
    where = "its run of “S”" if with_gate else "its newest evaluation"
    verdict = check_release(candidate)
    assert verdict.passed is not bool(unchecked)
    if unchecked:
        assert verdict.reason == (
            f"1 answers of {where} were not checked; add assertions to the cases, then run it again"
        )


WITHOUT_GATES = [
    ({"rate": 0.8}, True, "the score of its newest evaluation is 0.80"),
    ({"rate": 0.79}, False, "the score of its newest evaluation is 0.79, required 0.80"),
    ({"rate": 1.0, "errors": 2}, False, "its newest evaluation has 2 errors; retry them"),
    (
        {"rate": None},
        False,
        (
            "0 answers of its newest evaluation were not checked; add assertions to "
            "the cases, then run it again"
        ),
    ),
]


@pytest.mark.parametrize(("found", "passed", "reason"), WITHOUT_GATES)
def test_without_gates_the_newest_run_needs_a_good_score(candidate, suite, found, passed, reason):
    run(candidate, suite, *((0.1, 0.0) if passed else (1.0, 0.9)))
    run(candidate, suite, found["rate"], None, errors=found.get("errors", 0))
    verdict = check_release(candidate)
    assert (verdict.passed, verdict.reason) == (passed, reason)


def test_what_other_runs_asked_does_not_change_what_this_one_asked(candidate, suite):
    gate(candidate, suite)
    small = create_suite(name="small")
    create_case(suite_id=small.pk, name="alone")
    for _ in range(4):  # whichever of them comes first
        run(candidate, small, 0.0, 0.0, asked=1)
    run(candidate, suite, 1.0, 0.9)
    for _ in range(4):
        run(candidate, small, 0.0, 0.0, asked=1)
    assert check_release(candidate).passed


def test_scores_of_the_list_are_dated_and_of_the_prompt_itself(candidate, suite):
    other = candidate_of(get_prompt_text(prompt_id=create_prompt(title="Q", content="d").pk))
    row = run(candidate, suite, 0.9, 0.8)
    run(candidate, suite, None, None)
    run(candidate, suite, 0.7, 0.6, status="failed")
    run(other, suite, 0.4, 0.3)
    newer = run(candidate, suite, 0.5, 0.4)
    scores = Prompt.objects.annotate(found=latest_scores()).get(pk=candidate.prompt_id).found
    times = [str(one.created_at)[:19] for one in (row, newer)]
    assert sorted((one[:19], one.partition("|")[2]) for one in scores) == sorted(
        zip(times, ["0.9", "0.5"], strict=True)
    )


def test_prompts_are_told_of_the_check_the_tab_and_the_scores(monkeypatch):
    for name, empty in (("_checks", {}), ("_panels", {}), ("_scores", [])):
        monkeypatch.setattr(extensions, name, empty)
    apps.get_app_config("evaluations").ready()
    assert extensions._checks == {"evaluated": check_release}
    (panel,) = extensions.panels()
    assert (panel.name, panel.title) == ("evaluations", "Evaluations")
    assert panel.render is render_panel
    assert extensions._scores == [latest_scores]


def panel_of(rf, user, candidate):
    request = rf.get("/")
    request.user = user
    return render_panel(request, candidate.prompt_id)


@pytest.mark.parametrize(
    ("permissions", "sees", "starts"),
    [
        ([], False, False),
        (["add_run"], False, False),
        (["view_evaluation"], True, False),
        (["view_evaluation", "add_run"], True, True),
    ],
)
def test_the_tab_shows_what_its_reader_may_see(
    candidate, suite, rf, member, permissions, sees, starts
):
    run(candidate, suite, 0.9, 0.8, provider="acme")
    rows = Permission.objects.filter(content_type__app_label="evaluations")
    member.user_permissions.set(rows.filter(codename__in=permissions))
    page = panel_of(rf, member, candidate)
    assert ("acme" in page) is sees
    assert ("You do not have permission to view" in page) is not sees
    address = reverse("admin:evaluations_run_add")
    assert (f'href="{address}?prompt={candidate.prompt_id}"' in page) is starts


def test_the_tab_shows_the_newest_twenty_of_this_prompt_and_their_trend(
    candidate, suite, rf, owner, django_assert_num_queries
):
    other = candidate_of(get_prompt_text(prompt_id=create_prompt(title="Q", content="d").pk))
    for number in range(22):
        run(candidate, suite, 0.9, 0.8, provider="acme", model=f"m{number}.")
        run(other, suite, 0.9, 0.8, provider="stranger")
    with django_assert_num_queries(1):  # however many rows
        page = panel_of(rf, owner, candidate)
    shown = [number for number in range(22) if f"acme m{number}.<" in page]
    assert shown == list(range(2, 22))
    assert page.index("acme m21.<") < page.index("acme m2.<")
    assert "stranger" not in page
    assert "Pass rate over time" not in page  # each of another model: nothing to join
    run(candidate, suite, 0.5, 0.4, provider="acme", model="m21.")
    assert "Pass rate over time" in panel_of(rf, owner, candidate)
