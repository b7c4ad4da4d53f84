"""What services say that is not of the kind they promise: taken, left out or one error, no other.

Over real HTTP, as in test_contract.
"""

import asyncio
import json
from contextlib import closing

import pytest

from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.files import Folder, RunFiles
from evaluations.engine.providers import ProviderSpec, make
from evaluations.engine.types import Message, Request
from tests.evaluations.providers.test_contract import ask, environment
from tests.support.fake_models import FakeModels, Step

DIGITS = "1" + "0" * 400


def openai(message=None, *, usage=None, **choice):
    content = {"content": "hi"} if message is None else message
    return {"choices": [{"message": content, **choice}], "usage": usage}


def anthropic(**said):
    return {"content": [{"type": "text", "text": "hi"}], **said}


def said(kind, body):
    with closing(FakeModels(Step(body=body))) as fake:
        return ask(kind, fake, retry=False)[0]


COUNTS = [
    ([1, 2], None),
    ("many", None),
    (7, None),
    ({"prompt_tokens": 3, "input_tokens": 3}, 3),
    *(({"prompt_tokens": odd, "input_tokens": odd}, None) for odd in (
        "3", -1, True, 1.5, None, [], {}, 10**20)),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize(("usage", "tokens"), COUNTS, ids=range(len(COUNTS)))
def test_a_number_of_tokens_is_one_or_is_not_known(kind, usage, tokens):
    body = openai(usage=usage) if kind == "openai" else anthropic(usage=usage)
    answer = said(kind, body)
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("hi", tokens, None)


REASONS = [
    ("stop", "stop"),
    ("odd", "odd"),
    ("x" * 80, "x" * 50),
    *((odd, None) for odd in ("", None, 5, True, {"a": 1}, ["stop"])),
]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize(("reason", "kept"), REASONS, ids=range(len(REASONS)))
def test_why_an_answer_ended_is_a_short_text_or_is_not_known(kind, reason, kept):
    body = openai(finish_reason=reason) if kind == "openai" else anthropic(stop_reason=reason)
    assert said(kind, body).finish_reason == kept


LOGPROBS = [
    ({"content": [{"logprob": -0.5}, {"logprob": 0}]}, (-0.5, 0.0)),
    *(
        ({"content": [{"logprob": -0.5}, odd]}, None)
        for odd in ({"logprob": None}, {}, None, 3, {"logprob": "-1"}, {"logprob": True})
    ),
    *((odd, None) for odd in ({"content": []}, {"content": 4}, [], "x", 3, {"content": "abc"})),
]


@pytest.mark.parametrize(("found", "kept"), LOGPROBS, ids=range(len(LOGPROBS)))
def test_probabilities_are_those_of_all_tokens_or_are_not_known(found, kept):
    assert said("openai", openai(logprobs=found)).logprobs == kept


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-1e400", DIGITS])
def test_a_probability_is_finite(odd):
    body = json.dumps(openai(logprobs={"content": [{"logprob": 7777}]})).replace("7777", odd)
    assert said("openai", body).logprobs is None


TEXTS = [
    ("openai", openai({"content": None}), ""),
    ("openai", openai({"content": None, "refusal": "no"}), "no"),
    ("openai", openai({"content": None, "refusal": 5}), ""),
    ("openai", openai({"content": [{"text": "a"}, {"text": None}, 3, {"text": "b"}]}), "ab"),
    ("openai", openai({"content": "", "tool_calls": [1]}), "[1]"),
    ("anthropic", {"content": []}, ""),
    ("anthropic", {"content": [{"type": "text", "text": None}]}, ""),
    ("anthropic", {"content": [{"type": ["text"]}, {"type": "text", "text": "a"}]}, "a"),
]


@pytest.mark.parametrize(("kind", "body", "text"), TEXTS, ids=range(len(TEXTS)))
def test_what_an_answer_says(kind, body, text):
    assert said(kind, body).text == text


NONE = "has no message"
BROKEN = [
    *(("openai", {"choices": odd}, NONE) for odd in (None, 3, "abc", {}, [], [None], [[]], ["a"])),
    *(("openai", {"choices": [{"message": odd}]}, NONE) for odd in (None, 3, "abc", [])),
    *(("openai", openai({"content": odd}), "is not text") for odd in (3, True, {"text": "a"})),
    ("openai", openai({"content": "a", "tool_calls": {"a": 1}}), "is not text"),
    *(("anthropic", {"content": odd}, "has no content") for odd in (None, 3, "a", {}, [None])),
    *((kind, '{"a":' * 100_000, "is not JSON") for kind in ("openai", "anthropic")),
    *(
        (kind, '{"a":' * 990 + "1" + "}" * 990, "(is not JSON|has no )")
        for kind in ("openai", "anthropic")
    ),
]


@pytest.mark.parametrize(("kind", "body", "sentence"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_answer_is_one_error(kind, body, sentence):
    with pytest.raises(BrokenAnswerError, match=sentence):
        said(kind, body)


def embedded(body):
    async def run(url):
        provider = make(ProviderSpec(kind="openai", model="m"), environment("openai", url))
        try:
            return await provider.embed(["a", "b"])
        finally:
            await provider.close()

    with closing(FakeModels(Step(body=body))) as fake:
        return asyncio.run(run(fake.url))


def rows(*vectors):
    return {"data": [{"index": place, "embedding": one} for place, one in enumerate(vectors)]}


def test_embeddings_come_in_their_order():
    assert embedded({"data": rows([1, 2], [0.5, 0])["data"][::-1]}) == [[1.0, 2.0], [0.5, 0.0]]


VECTORS = [
    # as OpenAI sends them for a service that leaves `index` out, and as base64 of 32-bit floats
    {"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}]},
    {"data": [{"embedding": [1, 2], "index": None}, {"embedding": [3, 4], "index": None}]},
    {
        "data": [
            {"index": 1, "embedding": "AABAQAAAgEA="},
            {"index": 0, "embedding": "AACAPwAAAEA="},
        ]
    },
]


@pytest.mark.parametrize("body", VECTORS, ids=range(len(VECTORS)))
def test_embeddings_of_other_shapes(body):
    assert embedded(body) == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_embeddings_is_said(count):
    with pytest.raises(BrokenAnswerError, match=f"returned {count} embeddings for 2 texts"):
        embedded(rows(*[[1.0]] * count))


EMBEDDINGS = [
    *(
        {"data": [{"index": one, "embedding": [1]}, {"index": other, "embedding": [1]}]}
        for one, other in ((0, 0), (1, 2), (0, 5), (-1, 0), (0, None))
    ),
    *(rows([1.0], odd) for odd in ("AACAPwA", "AACAPw", "????", "AADAfw==")),  # the last one is NaN
    *(rows([1.0], odd) for odd in (None, "12", [], ["1"], [None], [True], {}, 3, [[1.0]])),
    *(json.dumps(rows([1.0], [7777])).replace("7777", odd) for odd in ("NaN", "1e400", DIGITS)),
    *({"data": odd} for odd in (None, 3, "ab", {"a": 1}, [None], [{"index": 0}])),
    {"data": [{"index": 0, "embedding": [1]}, {"index": "1", "embedding": [1]}]},
]


@pytest.mark.parametrize("body", EMBEDDINGS, ids=range(len(EMBEDDINGS)))
def test_broken_embeddings_are_one_error(body):
    with pytest.raises(BrokenAnswerError, match="OpenAI returned no embeddings"):
        embedded(body)


def replayed(tmp_path, **said):
    path = tmp_path / "answers.jsonl"
    entry = {"prompt": "hi", "output": "x"}
    path.write_text(f"{json.dumps(entry)}\n{json.dumps(entry | said)}", encoding="utf-8")
    files = RunFiles(folder=Folder(tmp_path))
    provider = make(ProviderSpec(kind="replay", model=path.name), {}, files)
    request = Request(model="", messages=(Message(role="user", content="hi"),))
    return asyncio.run(provider.complete(request))


def test_recorded_numbers(tmp_path):
    found = replayed(tmp_path, latency_ms=3, input_tokens=0, cost=0.25, finish_reason=["stop"])
    assert (found.latency_ms, found.input_tokens, found.output_tokens) == (3, 0, None)
    assert (str(found.cost_usd), found.finish_reason) == ("0.25", None)


@pytest.mark.parametrize("odd", [-1, float("nan"), float("inf"), "3", True, [], 10**400])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("latency_ms", "latency_ms must be an integer from 0 to 2147483647"),
        ("input_tokens", "input_tokens must be an integer from 0 to 2147483647"),
        ("output_tokens", "output_tokens must be an integer from 0 to 2147483647"),
        ("cost_usd", "cost_usd must be an amount in US dollars from 0 to 1000000"),
        ("cost", "cost must be an amount in US dollars from 0 to 1000000"),
    ],
)
def test_a_recorded_number_that_is_none_is_named(tmp_path, name, odd, sentence):
    with pytest.raises(SetupError, match=rf"answers\.jsonl, entry 2: {sentence}$"):
        replayed(tmp_path, **{name: odd})
