"""Writes to evaluations, and each refusal with its sentence."""

from uuid import uuid4

import pytest

from core.errors import InvalidInputError, NotFoundError
from evaluations.models import Evaluation, TestResult, TestSuite
from evaluations.selectors import overview as selectors
from evaluations.services import results, suites
from prompts import services as prompts
from prompts.models import Prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt() -> Prompt:
    prompt = prompts.create_prompt(title="Reply", content="one")
    return prompts.edit_prompt(prompt_id=prompt.pk, content="two")


@pytest.fixture
def suite() -> TestSuite:
    return TestSuite.objects.create(name="Smoke")


def test_the_current_version_is_evaluated_unless_another_is_named(prompt, suite):
    current = results.create_evaluation(
        prompt_id=prompt.pk,
        suite_id=suite.pk,
        provider="echo",
        model="m",
        parameters={"temperature": 0},
    )
    first = results.create_evaluation(prompt_id=prompt.pk, number=1)
    current.refresh_from_db()
    assert (current.version.number, first.version.number) == (2, 1)
    assert (current.status, current.overall_score, current.suite) == ("pending", None, suite)
    assert (current.provider, current.parameters) == ("echo", {"temperature": 0})
    assert first.suite is None


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"parameters": []}, {"parameters": 'must be a JSON object, such as {"source": "book"}'}),
        (
            {"provider": "x" * 101},
            {"provider": "Ensure this value has at most 100 characters (it has 101)."},
        ),
        (
            {"overall_score": 1},
            {"overall_score": "no such field; there are model, parameters, provider"},
        ),
    ],
)
def test_bad_input_is_refused_by_field(prompt, fields, messages):
    with pytest.raises(InvalidInputError) as refusal:
        results.create_evaluation(prompt_id=prompt.pk, **fields)
    assert refusal.value.messages == messages
    assert not Evaluation.all_objects.exists()


def test_what_is_not_there_is_refused(prompt, suite):
    suite.delete()
    for arguments in (
        {"prompt_id": uuid4()},
        {"prompt_id": prompt.pk, "number": 9},
        {"prompt_id": prompt.pk, "suite_id": suite.pk},
        {"prompt_id": prompt.pk, "suite_id": "nonsense"},
    ):
        with pytest.raises(NotFoundError):
            results.create_evaluation(**arguments)
    assert not Evaluation.all_objects.exists()


def test_delete_and_restore_an_evaluation(prompt):
    evaluation = results.create_evaluation(prompt_id=prompt.pk)
    results.delete_evaluation(evaluation_id=evaluation.pk)
    assert not prompt.evaluations.exists()
    with pytest.raises(NotFoundError, match=f"there is no evaluation {evaluation.pk}"):
        results.delete_evaluation(evaluation_id=evaluation.pk)
    assert results.restore_evaluation(evaluation_id=evaluation.pk) == evaluation
    with pytest.raises(NotFoundError, match=f"there is no deleted evaluation {evaluation.pk}"):
        results.restore_evaluation(evaluation_id=evaluation.pk)


def test_a_suite_comes_back_only_while_its_name_is_free(suite):
    suite.delete()
    successor = TestSuite.objects.create(name="Smoke")
    with pytest.raises(InvalidInputError, match="another test suite is called “Smoke” already"):
        suites.restore_suite(suite_id=suite.pk)
    successor.delete()
    assert suites.restore_suite(suite_id=suite.pk) == suite


def test_selectors_count_and_list_in_one_query_each(prompt, suite, django_assert_num_queries):
    evaluation = results.create_evaluation(prompt_id=prompt.pk)
    Evaluation.objects.filter(pk=evaluation.pk).update(status="completed", overall_score=0.5)
    results.create_evaluation(prompt_id=prompt.pk)
    TestResult.objects.create(evaluation=evaluation, score=0.5)
    with django_assert_num_queries(5):
        assert selectors.count_evaluations_by_status() == {
            "pending": 1,
            "running": 0,
            "completed": 1,
            "failed": 0,
            "cancelled": 0,
            "stopped": 0,
        }
        assert (selectors.count_results(), selectors.count_suites()) == (1, 1)
        assert [row.prompt.title for row in selectors.recent_evaluations()] == ["Reply", "Reply"]
        days = selectors.daily_scores(evaluation.created_at.replace(hour=0, minute=0))
    assert [(day.evaluations, day.mean_score) for day in days] == [(2, 0.5)]


def test_evaluations_of_a_deleted_prompt_are_not_recent(prompt):
    results.create_evaluation(prompt_id=prompt.pk)
    prompts.delete_prompt(prompt_id=prompt.pk)
    assert list(selectors.recent_evaluations()) == []
