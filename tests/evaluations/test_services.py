"""Writes to evaluations, results and ratings, and each refusal with its sentence."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from core.errors import InvalidInputError, NotFoundError
from evaluations.models import Evaluation, Rating, Run, TestResult, TestSuite
from evaluations.selectors import overview as selectors
from evaluations.services import ratings, results, suites
from prompts import services as prompts
from prompts.models import Prompt
from tests.support.evaluations import create_evaluation

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt() -> Prompt:
    prompt = prompts.create_prompt(title="Reply", content="one")
    return prompts.edit_prompt(prompt_id=prompt.pk, content="two")


@pytest.fixture
def suite() -> TestSuite:
    return TestSuite.objects.create(name="Smoke")


def test_an_evaluation_is_written_and_changed(prompt, suite):
    made = results.create_evaluation(
        prompt_id=prompt.pk,
        version_id=prompt.versions.get(number=2).pk,
        suite_id=suite.pk,
        provider="echo",
        model="m",
        parameters={"temperature": 0},
    )
    first = results.create_evaluation(prompt_id=prompt.pk)
    free = results.create_evaluation(model="m")
    row = Evaluation.objects.get(pk=made.pk)
    assert (row.version.number, first.version, first.suite) == (2, None, None)
    assert (free.prompt, free.suite) == (None, None)
    assert (row.status, row.overall_score, row.suite) == ("pending", None, suite)
    assert (row.provider, row.parameters) == ("echo", {"temperature": 0})
    results.edit_evaluation(evaluation_id=made.pk, status="completed", overall_score=0.5)
    row.refresh_from_db()
    assert (row.status, row.overall_score, row.model) == ("completed", 0.5, "m")


NOW = timezone.now()
REFUSED = [
    ({"parameters": []}, {"parameters": 'must be a JSON object, such as {"source": "book"}'}),
    (
        {"provider": "x" * 101},
        {"provider": "Ensure this value has at most 100 characters (it has 101)."},
    ),
    ({"status": "lost"}, {"status": "Value 'lost' is not a valid choice."}),
    (
        {"overall_score": 2},
        {"overall_score": "Ensure this value is less than or equal to 1.0."},
    ),
    (
        {"started_at": NOW, "finished_at": NOW - timedelta(seconds=1)},
        {"evaluation": "An evaluation cannot finish before it starts."},
    ),
    (
        {"summary": {}},
        {
            "summary": (
                "unknown field; allowed fields: error, finished_at, model, overall_score, "
                "parameters, prompt_id, provider, started_at, status, suite_id, version_id"
            )
        },
    ),
]


@pytest.mark.parametrize(("fields", "messages"), REFUSED)
def test_bad_input_is_refused_by_field(prompt, fields, messages):
    row = results.create_evaluation(prompt_id=prompt.pk)
    with pytest.raises(InvalidInputError) as created:
        results.create_evaluation(prompt_id=prompt.pk, **fields)
    with pytest.raises(InvalidInputError) as edited:
        results.edit_evaluation(evaluation_id=row.pk, **fields)
    assert created.value.messages.keys() == messages.keys()
    for name, message in messages.items():
        assert created.value.messages[name].startswith(message)
    assert created.value.messages == edited.value.messages
    assert Evaluation.all_objects.count() == 1


def test_a_version_of_another_prompt_is_refused(prompt):
    other = prompts.create_prompt(title="Other", content="c")
    with pytest.raises(InvalidInputError, match="This version belongs to a different prompt"):
        results.create_evaluation(prompt_id=prompt.pk, version_id=other.versions.get().pk)


def test_what_a_run_found_is_not_edited():
    row = Evaluation.objects.create(run=Run.objects.create(name="R"), label="a column")
    with pytest.raises(InvalidInputError, match="run results are read-only"):
        results.edit_evaluation(evaluation_id=row.pk, overall_score=1)
    row.refresh_from_db()
    assert row.overall_score is None


def test_what_is_not_there_is_refused(prompt, suite):
    suite.delete()
    trash = prompts.create_prompt(title="gone", content="c")
    prompts.delete_prompt(prompt_id=trash.pk)
    for arguments in (
        {"prompt_id": uuid4()},
        {"prompt_id": trash.pk},
        {"prompt_id": prompt.pk, "suite_id": suite.pk},
        {"prompt_id": prompt.pk, "suite_id": "nonsense"},
    ):
        with pytest.raises(NotFoundError):
            results.create_evaluation(**arguments)
    with pytest.raises(NotFoundError):
        results.edit_evaluation(evaluation_id=uuid4(), model="m")
    assert not Evaluation.all_objects.exists()


def test_delete_and_restore_an_evaluation(prompt):
    evaluation = results.create_evaluation(prompt_id=prompt.pk)
    assert results.delete_evaluations([evaluation.pk]) == 1
    assert not prompt.evaluations.exists()
    assert results.delete_evaluations([evaluation.pk]) == 0
    with pytest.raises(NotFoundError, match=f"there is no evaluation {evaluation.pk}"):
        results.edit_evaluation(evaluation_id=evaluation.pk)
    assert results.restore_evaluations([evaluation.pk]) == 1
    assert results.restore_evaluations([evaluation.pk]) == 0
    assert prompt.evaluations.get() == evaluation


def test_results_go_with_what_people_said_of_them(prompt, member):
    evaluation = results.create_evaluation(prompt_id=prompt.pk)
    rated, other = (TestResult.objects.create(evaluation=evaluation) for _number in range(2))
    ratings.rate_answer(result_id=rated.pk, user=member, passed=True)
    assert results.delete_results([rated.pk, uuid4()]) == 1
    assert (TestResult.objects.get(), Rating.objects.count()) == (other, 0)
    assert results.delete_results([rated.pk]) == 0


def test_somebodys_second_rating_replaces_the_first(prompt, member, owner):
    result = TestResult.objects.create(evaluation=results.create_evaluation(prompt_id=prompt.pk))
    ratings.rate_answer(result_id=result.pk, user=member, passed=True)
    ratings.rate_answer(result_id=result.pk, user=owner, passed=True, comment="fine")
    kept = ratings.rate_answer(
        result_id=result.pk, user=member, passed=False, comment=f"  {'x' * 2001}\n"
    )
    assert (kept.passed, kept.comment) == (False, "x" * 2000)
    rows = Rating.objects.order_by("pk").values_list("user", "passed", "comment")
    assert list(rows) == [(member.pk, False, "x" * 2000), (owner.pk, True, "fine")]


def test_a_rating_that_says_nothing_or_of_nothing_is_refused(prompt, member):
    result = TestResult.objects.create(evaluation=results.create_evaluation(prompt_id=prompt.pk))
    with pytest.raises(InvalidInputError) as refusal:
        ratings.rate_answer(result_id=result.pk, user=member, passed="perhaps")
    assert refusal.value.messages.keys() == {"passed"}
    key = uuid4()
    with pytest.raises(NotFoundError, match=f"there is no test result {key}"):
        ratings.rate_answer(result_id=key, user=member, passed=True)
    assert not Rating.objects.exists()


def test_a_suite_comes_back_only_while_its_name_is_free(suite):
    suite.delete()
    successor = TestSuite.objects.create(name="Smoke")
    with pytest.raises(
        InvalidInputError, match="a test suite with the name “Smoke” already exists"
    ):
        suites.restore_suite(suite_id=suite.pk)
    successor.delete()
    assert suites.restore_suite(suite_id=suite.pk) == suite


def test_selectors_count_and_list_in_one_query_each(prompt, suite, django_assert_num_queries):
    evaluation = create_evaluation(prompt_id=prompt.pk)
    Evaluation.objects.filter(pk=evaluation.pk).update(status="completed", overall_score=0.5)
    create_evaluation(prompt_id=prompt.pk)
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
    create_evaluation(prompt_id=prompt.pk)
    prompts.delete_prompt(prompt_id=prompt.pk)
    assert list(selectors.recent_evaluations()) == []
