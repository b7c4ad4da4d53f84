"""Runs whose cases are judged by a model: named before the start, limited, paid, never twice."""

import json
from contextlib import closing
from decimal import Decimal

import pytest

from core.errors import InvalidInputError
from evaluations.engine.providers import Limits, Price, ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import ModelProfile
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import clear_errors, execute_run, spent_on, update_limits
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)

YES = json.dumps({"reason": "right", "pass": True, "score": 1})


@pytest.fixture
def asked():
    with closing(FakeModels(answer="Paris")) as server:
        yield server


@pytest.fixture
def judge():
    with closing(FakeModels(answer=YES)) as server:
        ModelProfile.objects.create(
            name="strict judge",
            provider="openai-compatible",
            model="j",
            base_url=f"{server.url}/v1",
            timeout_seconds=5,
            input_usd_per_million=Decimal(100_000),
            output_usd_per_million=Decimal(0),
        )
        yield server


def make(asked, count=4, **fields):
    spec = ProviderSpec(
        kind="openai-compatible",
        model="m",
        base_url=f"{asked.url}/v1",
        limits=Limits(concurrency=1, timeout_seconds=5, retries=0),
        price=Price(input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0)),
    )
    rubric = Assertion(type="llm-rubric", value="names Paris")
    cases = [
        (None, Case(name=str(n), variables={"x": f"q{n}"}, assertions=(rubric,)))
        for n in range(count)
    ]
    plan = Plan(columns=[PlannedColumn(spec=spec, text="{{x}}")], **fields)
    return create_run(plan, cases)


def test_a_judge_is_named_before_the_start(asked):
    with pytest.raises(InvalidInputError, match="some cases need a judge; choose a"):
        make(asked)


def test_judged_answers_are_counted_and_paid(asked, judge):
    made = make(asked, judge="strict judge")
    assert made.estimate["calls"] == 8
    run = execute_run(made.pk)
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["errors"]) == (4, 0)
    assert summary["grading_cost_usd"] == 4.0
    assert spent_on(run).calls == 8
    assert sum(judge.counts.values()) == 4


def test_a_limit_of_calls_counts_the_judge_and_keeps_each_answer_with_its_verdict(asked, judge):
    run = execute_run(make(asked, judge="strict judge", max_calls=5).pk)
    assert run.status == "stopped"
    assert (len(asked.requests), len(judge.requests)) == (2, 2)
    update_limits(run.pk, max_calls=None)
    assert execute_run(run.pk).status == "completed"
    assert set(asked.counts.values()) == {1}
    assert len(judge.requests) == 4


def test_an_answer_that_could_not_be_judged_is_judged_again_and_not_asked_again(asked, judge):
    judge.script = [Step(status=413, body="no")] * 2
    run = execute_run(make(asked, judge="strict judge", use_cache=False).pk)
    assert run.evaluations.get().summary["errors"] == 2
    assert clear_errors(run.pk) == 2
    run = execute_run(run.pk)
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["errors"], summary["answers"]) == (4, 0, 4)
    assert set(asked.counts.values()) == {1}


def test_a_judge_without_its_key_ends_the_run_at_once(asked, judge):
    judge.script = [Step(status=401, body="no")] * 9
    run = execute_run(make(asked, judge="strict judge", count=9).pk)
    assert run.status == "failed"
    assert len(judge.requests) == 1
    clear_errors(run.pk)
    judge.script = []
    assert execute_run(run.pk).status == "completed"
    assert set(asked.counts.values()) == {1}
