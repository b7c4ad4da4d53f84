"""The text that assertions see: promptfoo's, where a service answers with more than a text."""

import asyncio
from contextlib import closing

import pytest

from evaluations.engine.providers import ProviderSpec, make
from evaluations.engine.requests import as_evaluated
from evaluations.engine.types import Answer, Message, Request
from tests.support.fake_models import FakeModels, Step

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1.0}}
SAYS = {"type": "text", "text": "Look:"}


def environment(kind, url):
    names = {"openai": "OPENAI", "anthropic": "ANTHROPIC"}
    return {f"{names[kind]}_BASE_URL": url, f"{names[kind]}_API_KEY": "k"}


def chat(**message):
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


# Who answers, what, and the text that assertions see.
ANSWERS = [
    ("openai", chat(content="Hi"), "Hi"),
    ("openai", chat(content=None, tool_calls=[CALL]),
     '[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]'),
    ("openai", chat(content="Look:", tool_calls=[CALL]),
     '{"role":"assistant","content":"Look:","tool_calls":[{"id":"c","type":"function",'
     '"function":{"name":"f","arguments":"{}"}}]}'),
    ("anthropic", {"content": [SAYS]}, "Look:"),
    ("anthropic", {"content": []}, ""),
    ("anthropic", {"content": [USE]}, '{"type":"tool_use","id":"t","name":"f","input":{"a":1}}'),
    ("anthropic", {"content": [SAYS, USE]},
     'Look:\n\n{"type":"tool_use","id":"t","name":"f","input":{"a":1}}'),
    ("anthropic", {"content": [SAYS, SAYS]}, "Look:\n\nLook:"),
    ("anthropic", {"content": [{"type": "thinking", "thinking": "Hm"}, SAYS]}, "Look:"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "text"), ANSWERS, ids=range(len(ANSWERS)))
def test_answers(kind, body, text):
    with closing(FakeModels(Step(body=body))) as fake:
        provider = make(ProviderSpec(kind=kind, model="m"), environment(kind, f"{fake.url}/v1"))

        async def ask():
            request = Request(model="m", messages=(Message(role="user", content="?"),))
            answer = await provider.complete(request)
            await provider.close()
            return answer

        assert as_evaluated(asyncio.run(ask()), {}).text == text


SCHEMA = {"type": "json_schema"}
STRUCTURED = [
    ({"response_format": SCHEMA}, '{"a": 1.0}', '{"a":1}', {"a": 1.0}),
    ({"output_config": {"format": SCHEMA}}, "[ ]", "[]", []),
    ({"output_format": SCHEMA}, '"x"', "x", "x"),
    ({"response_format": SCHEMA}, "{cut", "{cut", None),
    ({"response_format": {"type": "json_object"}}, '{"a": 1}', '{"a": 1}', None),
    ({"response_format": "x"}, '{"a": 1}', '{"a": 1}', None),
    ({}, '{"a": 1}', '{"a": 1}', None),
]


@pytest.mark.parametrize(("parameters", "said", "text", "data"), STRUCTURED, ids=range(7))
def test_an_answer_of_a_schema_is_a_value(parameters, said, text, data):
    answer = as_evaluated(Answer(text=said), parameters)
    assert (answer.text, answer.data) == (text, data)
