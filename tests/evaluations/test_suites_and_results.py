"""Suites, cases and results are written by services, and each refusal has its sentence."""

from uuid import uuid4

import pytest

from core.errors import InvalidInputError, NotFoundError
from evaluations.models import TestCase, TestSuite
from evaluations.services import results as result_services
from evaluations.services import suites
from prompts import services as prompts

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite() -> TestSuite:
    return suites.create_suite(name="Smoke", description="the first look")


@pytest.fixture
def evaluation(suite):
    prompt = prompts.create_prompt(title="Reply", content="Hello")
    return result_services.create_evaluation(prompt_id=prompt.pk, suite_id=suite.pk)


def test_a_suite_and_its_cases_are_written(suite):
    case = suites.create_case(suite_id=suite.pk, name="greets", variables={"a": 1}, weight=2)
    case.refresh_from_db()
    assert (case.suite, case.variables, case.weight, case.enabled) == (suite, {"a": 1}, 2.0, True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Smoke", "another test suite is called “Smoke” already"),
        (" ", "This field cannot be blank."),
    ],
)
def test_a_suite_without_a_name_of_its_own_is_refused(suite, name, message):
    with pytest.raises(InvalidInputError) as refusal:
        suites.create_suite(name=name)
    assert refusal.value.messages == {"name": message}


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"name": "greets"}, {"name": "this suite has a case “greets” already"}),
        ({"name": ""}, {"name": "This field cannot be blank."}),
        (
            {"name": "b", "weight": -1},
            {"weight": "Ensure this value is greater than or equal to 0.0."},
        ),
        (
            {"name": "b", "mass": 1},
            {
                "mass": "no such field; there are assertions, enabled, expected, variables, weight",
            },
        ),
    ],
)
def test_a_case_with_bad_input_is_refused_by_field(suite, fields, messages):
    suites.create_case(suite_id=suite.pk, name="greets")
    with pytest.raises(InvalidInputError) as refusal:
        suites.create_case(suite_id=suite.pk, **fields)
    assert refusal.value.messages == messages
    assert TestCase.objects.count() == 1


def test_a_case_needs_a_suite():
    key = uuid4()
    with pytest.raises(NotFoundError, match=f"there is no test suite {key}"):
        suites.create_case(suite_id=key, name="a")


def test_the_overall_score_counts_each_case_by_its_weight(suite, evaluation):
    heavy = suites.create_case(suite_id=suite.pk, name="heavy", weight=3)
    light = suites.create_case(suite_id=suite.pk, name="light")
    results = [
        {"case": heavy, "output": "a", "score": 1, "passed": True},
        {"case": light, "output": "b", "score": 0, "passed": False},
        {"output": "c", "score": 0.5},
        {"case": light, "error": "no answer"},
    ]
    done = result_services.complete_evaluation(evaluation_id=evaluation.pk, results=results)
    done.refresh_from_db()
    assert (done.status, done.overall_score) == ("completed", pytest.approx(3.5 / 5))
    assert done.started_at <= done.finished_at
    assert sorted(done.results.values_list("output", flat=True)) == ["", "a", "b", "c"]


@pytest.mark.parametrize("weight", [None, 0])
def test_there_is_no_overall_score_where_nothing_counts(suite, evaluation, weight):
    results = []
    if weight is not None:
        case = suites.create_case(suite_id=suite.pk, name="a", weight=weight)
        results = [{"case": case, "score": 1}]
    done = result_services.complete_evaluation(evaluation_id=evaluation.pk, results=results)
    assert (done.status, done.overall_score) == ("completed", None)


def test_results_are_taken_once(evaluation):
    result_services.complete_evaluation(evaluation_id=evaluation.pk, results=[{"score": 1}])
    with pytest.raises(InvalidInputError) as refusal:
        result_services.complete_evaluation(evaluation_id=evaluation.pk, results=[])
    assert refusal.value.messages == {
        "status": "only a pending evaluation takes results; this one is completed"
    }


def test_bad_results_leave_the_evaluation_as_it_was(evaluation):
    for bad in ({"score": 2}, {"scores": 1}):
        with pytest.raises(InvalidInputError):
            result_services.complete_evaluation(
                evaluation_id=evaluation.pk, results=[{"score": 1}, bad]
            )
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.results.count()) == ("pending", 0)
