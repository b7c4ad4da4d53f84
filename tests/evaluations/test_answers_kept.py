"""An earlier answer is the answer: what scorers need besides its text comes back with it."""

from contextlib import closing

import pytest

from evaluations.engine.providers import Limits, ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import TestResult
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)

CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"x": "\x00"}'}}
ANSWERS = [
    # what the service sends, and an assertion that holds for it alone because of that
    (
        {"message": {"content": "", "refusal": "No."}, "finish_reason": "stop"},
        Assertion(type="is-refusal"),
    ),
    (
        {"message": {"content": "Looking.", "tool_calls": [CALL]}, "finish_reason": "tool_calls"},
        Assertion(type="tool-call-f1", value=["find"]),
    ),
    (
        {
            "message": {"content": "a b"},
            "finish_reason": "length",
            "logprobs": {"content": [{"logprob": -0.25}, {"logprob": -0.125}]},
        },
        Assertion(type="perplexity", threshold=1.3),
    ),
    ({"message": {"content": "x"}, "finish_reason": "length"}, Assertion(
        type="finish-reason", value="length")),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "assertion"), ANSWERS, ids=lambda one: getattr(one, "type", ""))
def test_scored_again_it_scores_the_same(choice, assertion):
    body = {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    with closing(FakeModels(Step(body=body))) as fake:
        spec = ProviderSpec(
            kind="openai-compatible",
            model="m",
            base_url=f"{fake.url}/v1",
            limits=Limits(concurrency=1, timeout_seconds=5, retries=0),
        )
        cases = [(None, Case(name="one", assertions=(assertion,)))]
        for only_stored in (False, True):
            column = PlannedColumn(spec=spec, text="Say it.")
            plan = Plan(columns=[column], only_stored=only_stored)
            run = execute_run(create_run(plan, cases).pk)
            result = TestResult.objects.get(evaluation__run=run)
            assert (result.passed, result.error, result.cached) == (True, "", only_stored)
        assert len(fake.requests) == 1
