"""answer-relevance, context-* and g-eval, by a judge over real HTTP."""

import json
from contextlib import closing

import pytest

from evaluations.engine.scorers import required_models
from evaluations.engine.scorers.judge import fenced
from evaluations.engine.types import Assertion
from tests.evaluations.judge.test_judge import judged, told
from tests.support.fake_models import FakeModels

KINDS = ("context-faithfulness", "context-recall", "context-relevance")
FOUND = {"query": "What is the capital?", "context": ["Paris is the capital.", "It is large."]}


def replying(score):
    return json.dumps({"reason": "“It is large.” is not in it", "score": score})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("score", "passed"), [(1, True), (0.5, True), (0.49, False), (0, False)])
def test_the_share_decides(kind, score, passed):
    assertion = Assertion(type=kind, value="Paris is the capital.", threshold=0.5)
    with closing(FakeModels(answer=replying(score))) as fake:
        found = judged(fake, "It is Paris.", assertion, variables=FOUND)
        said = told(fake)
    assert (found.passed, found.score) == (passed, score)
    assert "It is large." in found.grades[0].outcome.reason
    assert fenced("context", "Paris is the capital.\n\nIt is large.") in said


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_threshold_it_only_measures(kind):
    assertion = Assertion(type=kind, value="Paris")
    with closing(FakeModels(answer=replying(0.25))) as fake:
        found = judged(fake, "It is Paris.", assertion, variables=FOUND)
    assert (found.passed, found.error) == (None, "")
    assert found.grades[0].outcome.score == 0.25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variables", [{}, {"context": ""}, {"context": 7}, {"context": [1]}])
def test_without_a_context_it_is_an_error(kind, variables):
    assertion = Assertion(type=kind, value="Paris", threshold=0.5)
    with closing(FakeModels(answer=replying(1))) as fake:
        found = judged(fake, "It is Paris.", assertion, variables=variables)
    assert (found.passed, fake.requests) == (None, [])
    assert "needs the variable “context”" in found.error


def test_recall_needs_what_should_be_found():
    assertion = Assertion(type="context-recall", threshold=0.5)
    with closing(FakeModels(answer=replying(1))) as fake:
        assert (
            "what the context should contain"
            in judged(fake, "Paris", assertion, variables=FOUND).error
        )


@pytest.mark.parametrize("reply", [{"reason": "", "score": 7}, {"reason": ""}, {"score": "A"}])
@pytest.mark.parametrize("kind", [*KINDS, "g-eval"])
def test_a_reply_that_is_no_measure_is_an_error(kind, reply):
    assertion = Assertion(type=kind, value="Paris", threshold=0.5)
    with closing(FakeModels(answer=json.dumps(reply))) as fake:
        found = judged(fake, "Paris", assertion, variables=FOUND)
    assert found.passed is None
    assert "the judge" in found.error


def test_answer_relevance_asks_three_times_and_compares():
    assertion = Assertion(type="answer-relevance", threshold=0.9)
    reply = json.dumps({"question": "What is the capital?"})
    with closing(FakeModels(answer=reply)) as fake:
        found = judged(fake, "Paris.", assertion, variables=FOUND)
        paths = [path for path, _headers, _body in fake.requests]
    assert [path.rpartition("/")[2] for path in paths] == [*["completions"] * 3, "embeddings"]
    assert (found.passed, round(found.score, 6)) == (True, 1.0)


def test_answer_relevance_of_no_question_is_an_error():
    assertion = Assertion(type="answer-relevance", threshold=0.9)
    with closing(FakeModels(answer=json.dumps({"question": " "}))) as fake:
        assert "question" in judged(fake, "Paris.", assertion, variables=FOUND).error


def test_answer_relevance_names_its_judge_alone():
    assertion = Assertion(type="answer-relevance", config={"provider": "openai:judge"})
    assert required_models([assertion]) == {("judge", "openai:judge"), ("embeddings", "")}


@pytest.mark.parametrize(("score", "passed"), [(0.7, True), (0.69, False)])
def test_g_eval_is_the_mean_of_its_criteria(score, passed):
    assertion = Assertion(type="g-eval", value=["is short", "is right"])
    with closing(FakeModels(answer=replying(score))) as fake:
        found = judged(fake, "Paris", assertion)
        assert len(fake.requests) == 2
    assert (found.passed, found.score) == (passed, score)
