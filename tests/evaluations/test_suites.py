"""Suites and cases are written by services, and each refusal has its sentence."""

from uuid import uuid4

import pytest

from core.errors import InvalidInputError, NotFoundError
from evaluations.engine.errors import SuiteError
from evaluations.engine.types import Case, Suite
from evaluations.models import TestCase, TestSuite
from evaluations.services import suites

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite() -> TestSuite:
    return suites.create_suite(name="Smoke", description="the first look")


def test_a_suite_and_its_cases_are_written(suite):
    case = suites.create_case(suite_id=suite.pk, name="greets", variables={"a": 1}, weight=2)
    case.refresh_from_db()
    assert (case.suite, case.variables, case.weight, case.enabled) == (suite, {"a": 1}, 2.0, True)


def test_a_suite_is_changed_and_keeps_its_name(suite):
    suites.edit_suite(suite_id=suite.pk, name="Smoke", description="looked at again")
    suite.refresh_from_db()
    assert (suite.name, suite.description) == ("Smoke", "looked at again")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Smoke", "a test suite with the name “Smoke” already exists"),
        (" ", "This field cannot be blank."),
    ],
)
def test_a_suite_without_a_name_of_its_own_is_refused(suite, name, message):
    other = suites.create_suite(name="Other")
    with pytest.raises(InvalidInputError) as created:
        suites.create_suite(name=name)
    with pytest.raises(InvalidInputError) as edited:
        suites.edit_suite(suite_id=other.pk, name=name)
    assert created.value.messages == edited.value.messages == {"name": message}
    assert TestSuite.objects.count() == 2


def test_what_a_suite_has_not_is_refused(suite):
    with pytest.raises(InvalidInputError) as refusal:
        suites.edit_suite(suite_id=suite.pk, title="x")
    assert refusal.value.messages == {"title": "unknown field; allowed fields: description, name"}


def test_suites_go_to_the_trash_with_their_cases(suite):
    suites.create_case(suite_id=suite.pk, name="greets")
    assert suites.delete_suites([suite.pk, uuid4()]) == 1
    assert suites.delete_suites([suite.pk]) == 0
    assert (TestSuite.objects.count(), TestCase.objects.count()) == (0, 1)
    with pytest.raises(NotFoundError, match=f"there is no test suite {suite.pk}"):
        suites.edit_suite(suite_id=suite.pk, description="x")


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"name": "greets"}, {"name": "this suite already has a case “greets”"}),
        ({"name": ""}, {"name": "This field cannot be blank."}),
        (
            {"name": "b", "weight": -1},
            {"weight": "Ensure this value is greater than or equal to 0.0."},
        ),
    ],
)
def test_a_case_with_bad_input_is_refused_by_field(suite, fields, messages):
    suites.create_case(suite_id=suite.pk, name="greets")
    other = suites.create_case(suite_id=suite.pk, name="other")
    with pytest.raises(InvalidInputError) as created:
        suites.create_case(suite_id=suite.pk, **fields)
    with pytest.raises(InvalidInputError) as edited:
        suites.edit_case(case_id=other.pk, suite_id=suite.pk, **fields)
    assert created.value.messages == edited.value.messages == messages
    assert TestCase.objects.count() == 2


def test_what_a_case_has_not_is_refused(suite):
    names = "assertions, enabled, expected, metadata, position, tags, threshold, variables, weight"
    with pytest.raises(InvalidInputError) as refusal:
        suites.create_case(suite_id=suite.pk, name="b", mass=1)
    assert refusal.value.messages == {"mass": f"unknown field; allowed fields: {names}"}
    case = suites.create_case(suite_id=suite.pk, name="b")
    with pytest.raises(InvalidInputError, match="unknown field; allowed fields: assertions"):
        suites.edit_case(case_id=case.pk, suite_id=suite.pk, mass=1)


def test_a_case_needs_a_suite(suite):
    case = suites.create_case(suite_id=suite.pk, name="a")
    key = uuid4()
    for write in (
        lambda: suites.create_case(suite_id=key, name="a"),
        lambda: suites.edit_case(case_id=case.pk, suite_id=key),
    ):
        with pytest.raises(NotFoundError, match=f"there is no test suite {key}"):
            write()


def test_a_case_is_changed_moved_and_removed(suite):
    case = suites.create_case(suite_id=suite.pk, name="greets", expected="Hello")
    other = suites.create_suite(name="Other")
    suites.edit_case(case_id=case.pk, suite_id=suite.pk, name="greets", tags=["polite"])
    suites.edit_case(case_id=case.pk, suite_id=other.pk, threshold=0.5)
    case.refresh_from_db()
    assert (case.suite, case.name, case.expected) == (other, "greets", "Hello")
    assert (case.tags, case.threshold) == (["polite"], 0.5)
    assert suites.delete_cases([case.pk, uuid4()]) == 1
    assert suites.delete_cases([case.pk]) == 0
    with pytest.raises(NotFoundError, match=f"there is no test case {case.pk}"):
        suites.edit_case(case_id=case.pk, suite_id=suite.pk)


def test_a_file_s_case_that_does_not_fit_is_named(suite):
    cases = (Case(name="good"), Case(name="bad", tags=("a,b",)))
    with pytest.raises(InvalidInputError, match=r"case “bad”: .*tags cannot contain commas"):
        suites.store_suite(Suite(name="New", description="", cases=cases))
    assert TestSuite.objects.get() == suite


def test_a_stored_case_that_is_wrong_is_named(suite):
    TestCase(suite=suite, name="bad", assertions=[{"type": "contians"}]).save()
    with pytest.raises(SuiteError, match=r"case “bad”: .*did you mean “contains”"):
        suites.load_suite(suite.pk)
