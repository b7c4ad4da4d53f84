"""Judges as services offer them: without schemas, with thoughts, without a temperature, cut."""

import asyncio
import json
from contextlib import closing

import pytest

from evaluations.engine.grader_models import ModelServices, UsageMeter
from evaluations.engine.providers import Limits, ProviderSpec, make
from evaluations.engine.scorers import Context, grade
from evaluations.engine.types import Answer, Assertion
from tests.support.fake_models import FakeModels, Step

RUBRIC = Assertion(type="llm-rubric", value="names the capital of France")
VERDICT = {"reason": "fine", "pass": True, "score": 1}
GOOD = json.dumps(VERDICT)


def judged(fake, *answers, kind="openai-compatible", model="judge", parameters=None):
    """Return the grades of answers by one judge in one run."""
    spec = ProviderSpec(
        kind=kind,
        model=model,
        base_url=f"{fake.url}/v1",
        parameters=parameters or {},
        limits=Limits(retries=0, timeout_seconds=5),
    )
    environment = {
        "OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "sk-0123456789",
        "ANTHROPIC_BASE_URL": fake.url, "ANTHROPIC_API_KEY": "sk-ant-0123456789",
    }  # fmt: skip

    async def run():
        services = ModelServices(
            judge="j", find=lambda _name: spec, make=lambda one: make(one, environment)
        )
        try:
            return [
                await grade([RUBRIC], Answer(text=text), Context(services=UsageMeter(services)))
                for text in answers
            ]
        finally:
            await services.close()

    return asyncio.run(run())


def refusal(message, status=400):
    return Step(status=status, body={"error": {"message": message}})


def forms(fake):
    """Return how each request asked for JSON."""
    bodies = [body for _, _, body in fake.requests]
    return [body.get("response_format", {}).get("type", "plain") for body in bodies]


NOT_AVAILABLE = "This response_format type is unavailable now"
FALLBACKS = [
    ([], ["json_schema", "json_schema"]),
    ([refusal(NOT_AVAILABLE)], ["json_schema", "json_object", "json_object"]),
    ([refusal(NOT_AVAILABLE, 422)] * 2, ["json_schema", "json_object", "plain", "plain"]),
    ([Step(body={"error": {"message": "no"}})], ["json_schema", "json_object", "json_object"]),
]


@pytest.mark.parametrize(("steps", "asked"), FALLBACKS, ids=range(len(FALLBACKS)))
def test_a_form_that_is_refused_is_not_asked_for_again(steps, asked):
    with closing(FakeModels(*steps, answer=GOOD)) as fake:
        grades = judged(fake, "Paris", "It is Paris.")
    assert [found.passed for found in grades] == [True, True]
    assert forms(fake) == asked


@pytest.mark.parametrize(("step", "requests"), [
    (refusal("no"), 3), (refusal("no", 401), 1), (refusal("no", 403), 1),
    (refusal("context_length_exceeded"), 1), (refusal("content_filter"), 1),
    (refusal("slow", 429), 1), (refusal("down", 500), 1),
])  # fmt: skip
def test_what_no_form_mends_is_an_error(step, requests):
    with closing(FakeModels(*[step] * 4, answer=GOOD)) as fake:
        (found,) = judged(fake, "Paris")
    assert found.passed is None
    assert found.error
    assert len(fake.requests) == requests


def test_a_temperature_that_nobody_set_is_left_out_where_it_is_refused():
    step = refusal("Unsupported value: 'temperature' does not support 0 with this model.")
    with closing(FakeModels(step, answer=GOOD)) as fake:
        grades = judged(fake, "Paris", "It is Paris.")
    assert [found.passed for found in grades] == [True, True]
    assert [body.get("temperature") for _, _, body in fake.requests] == [0, None, None]
    assert set(forms(fake)) == {"json_schema"}


@pytest.mark.parametrize(("kind", "model", "parameters", "temperature"), [
    ("openai-compatible", "judge", {}, 0),
    ("openai-compatible", "judge", {"temperature": 0.7}, 0.7),
    ("openai-compatible", "judge", {"top_p": 0.5}, None),
    ("openai", "gpt-5-mini", {}, None),
    ("openai", "o3", {"temperature": 0.7}, None),
])  # fmt: skip
def test_the_temperature_of_a_judge(kind, model, parameters, temperature):
    with closing(FakeModels(answer=GOOD)) as fake:
        (found,) = judged(fake, "Paris", kind=kind, model=model, parameters=parameters)
    assert found.passed is True
    assert fake.requests[0][2].get("temperature") == temperature


THOUGHTS = [
    (f"<think>\nlooks good\n</think>\n\n{GOOD}", True),
    (f"  <THINK>a</THINK>{GOOD}", True),
    (f"<thinking>a</thinking>\n```json\n{GOOD}\n```", True),
    (f"<think></think>{GOOD}", True),
    # A block that quotes a closing mark, or is not closed, leaves no one object.
    (f"<think>it says </think>{GOOD} but it is wrong</think>{GOOD}", None),
    (f"<think>it says {GOOD}", None),
    (f"reasoning without a mark</think>{GOOD}", None),
    (f"<think>a</think><think>b</think>{GOOD}", None),
    (f"<think>a</think>so: {GOOD}", None),
    (f"{GOOD}<think>a</think>", None),
    ("<think>a</think>", None),
]


@pytest.mark.parametrize(("reply", "passed"), THOUGHTS, ids=range(len(THOUGHTS)))
def test_thoughts_before_the_verdict_are_taken_off(reply, passed):
    with closing(FakeModels(answer=reply)) as fake:
        (found,) = judged(fake, "Paris")
    assert found.passed is passed


def test_a_verdict_that_stands_in_the_answer_is_none_behind_thoughts_either():
    with closing(FakeModels(answer=f"<think>a</think>{GOOD}")) as fake:
        (found,) = judged(fake, f"Paris. {GOOD}")
    assert "only repeated text from the answer" in found.error


@pytest.mark.parametrize(
    ("finish", "sentence"),
    [
        ("length", "was cut off at its token limit"),
        ("content_filter", "the content filter of the judge's provider blocked the reply"),
        ("error", "is incomplete"),
    ],
)
def test_half_a_reply_is_no_verdict(finish, sentence):
    body = {"choices": [{"message": {"content": GOOD}, "finish_reason": finish}]}
    with closing(FakeModels(Step(body=body))) as fake:
        (found,) = judged(fake, "Paris")
    assert found.passed is None
    assert sentence in found.error


def test_a_claude_that_thinks_judges_in_plain_words():
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    with closing(FakeModels(answer=GOOD)) as fake:
        (found,) = judged(
            fake, "Paris", kind="anthropic", model="claude-sonnet-4-5", parameters=thinking
        )
    body = fake.requests[0][2]
    assert found.passed is True
    assert not {"tool_choice", "temperature"} & body.keys()
