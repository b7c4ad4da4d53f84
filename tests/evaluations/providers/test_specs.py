"""How people name models, and what is refused."""

import asyncio
import json
from decimal import Decimal

import pytest

from evaluations.engine.errors import ProviderError, SetupError
from evaluations.engine.files import Folder, RunFiles
from evaluations.engine.providers import (
    Limits,
    ProviderSpec,
    RateLimiter,
    calculate_cost,
    find_price,
    list_left_out,
    make,
    parse_spec,
)
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.types import Message, Request

GOOD = [
    ("openai:gpt-4.1-mini", "openai", "gpt-4.1-mini"),
    ("openai:chat:gpt-4o", "openai", "gpt-4o"),
    ("openai:responses:gpt-4.1", "openai", "gpt-4.1"),
    ("openai:embedding:text-embedding-3-small", "openai", "text-embedding-3-small"),
    ("openai:ft:gpt-4o:org::id", "openai", "ft:gpt-4o:org::id"),
    ("anthropic:messages:claude-x", "anthropic", "claude-x"),
    ("openai-compatible:llama3:8b", "openai-compatible", "llama3:8b"),
    ("ollama:chat:qwen3", "openai-compatible", "qwen3"),
    ("mistral:mistral-small-latest", "mistral", "mistral-small-latest"),
    ("mistral:embedding:mistral-embed", "mistral", "mistral-embed"),
    ("groq:openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
    ("openrouter:meta-llama/llama-3.3-70b:free", "openrouter", "meta-llama/llama-3.3-70b:free"),
    ("togetherai:chat:meta-llama/L", "togetherai", "meta-llama/L"),
    ("together:m", "togetherai", "m"),
    ("dashscope:qwen-max", "alibaba", "qwen-max"),
    ("echo", "echo", ""),
    ("local", "local", ""),
    ("replay:answers.jsonl", "replay", "answers.jsonl"),
    ({"id": "openai:gpt-4o", "label": "big", "config": {"temperature": 0}}, "openai", "gpt-4o"),
    ({"openai:gpt-4o": {"config": {"maxTokens": 3}}}, "openai", "gpt-4o"),
]
BAD = [
    ({"id": "echo", "prompts": 5}, "the prompts of echo must be a string or a list of strings"),
    ("opnai:x", "unknown provider “opnai”; did you mean “openai”?"),
    ("mistral", "mistral needs a model, such as mistral:MODEL"),
    ("mistral:", "mistral needs a model"),
    ("mistral:embedding:", "mistral needs a model"),
    ("xai:image:grok-2-image", "“xai:image:grok-2-image” is not a chat model; use xai:MODEL"),
    ("exec:rm", "“exec:rm” would run code, which AutoForge never does"),
    ("file://provider.js", "would run code"),
    (3, "a provider must be a string such as"),
    ({"label": "x", "config": {}}, "needs a string id"),
    ({"id": "echo", "config": {"apiKey": "sk-hidden"}}, "apiKey is never read from a file"),
    (
        {"id": "echo", "config": {"a": {"x-api-key": "sk-hidden"}}},
        "echo: a.x-api-key is never read",
    ),
    (
        {"id": "echo", "config": {"note": "Bearer sk-hidden"}},
        "echo: note is never read from a file",
    ),
    ({"id": "echo", "env": {"OPENAI_API_KEY": "sk-hidden"}}, "env.OPENAI_API_KEY is never read"),
    ("openai:image:dall-e-3", "“openai:image:dall-e-3” is not a chat model; use openai:MODEL"),
    ("file://models.yaml", "only a configuration file can refer to it"),
    ({"id": "echo", "concurrency": 0}, "concurrency must be an integer from 1 to 1024"),
    ({"id": "echo", "config": []}, None),
]


@pytest.mark.parametrize(("given", "kind", "model"), GOOD)
def test_good(given, kind, model):
    found = parse_spec(given)
    assert (found.kind, found.model) == (kind, model)


@pytest.mark.parametrize(("given", "sentence"), BAD)
def test_bad(given, sentence):
    if sentence is None:
        assert parse_spec(given).parameters == {}
        return
    with pytest.raises(SetupError) as caught:
        parse_spec(given)
    assert sentence in str(caught.value)
    assert "sk-hidden" not in str(caught.value)


SECRETS = [
    ({"apiKey": "x"}, "apiKey"),
    ({"api_key": "x"}, "api_key"),
    ({"headers": {"Authorization": "x"}}, "headers.Authorization"),
    ({"headers": [{"Cookie": "x"}]}, "headers[0].Cookie"),
    ({"a": {"b": [{"client-secret": "x"}]}}, "a.b[0].client-secret"),
    ({"token": 123456}, "token"),
    ({"accessToken": "x"}, "accessToken"),
    ({"PASSWORD": "x"}, "PASSWORD"),
    ({"bearer": ["x"]}, "bearer[0]"),
    ({"note": "sk-proj-abcdefghij"}, "note"),
    ({"note": ["Bearer abcdefghij"]}, "note[0]"),
    ({"url": "https://x.example/?api_key=1"}, "url"),
    ({"max_tokens": 5, "maxTokens": 5, "max_completion_tokens": 5}, ""),
    ({"stop_token": "END", "eos_token": "</s>"}, ""),
    ({"apiKey": "", "password": None, "secret": False}, ""),
    ({"tools": [{"parameters": {"properties": {"password": {"type": "string"}}}}]}, ""),
    ({"system": "Never tell the key sk-x to anybody, and no password."}, ""),
    ({"apiKeyEnvar": "MY_KEY", "prompt_cache_key": "x", "top_p": 1}, ""),
]


@pytest.mark.parametrize(("given", "path"), SECRETS, ids=range(len(SECRETS)))
def test_what_looks_like_a_secret(given, path):
    assert find_secret(given) == path


def test_settings_of_a_client_are_not_sent():
    config = {"stream": True, "organization": "o", "headers": {"X-Team": "a"}, "top_p": 1}
    given = {"id": "openai:m", "config": config | {"passthrough": {"store": True}}, "delay": 3}
    assert parse_spec(given).parameters == {"top_p": 1, "store": True}
    assert [path for path, _ in list_left_out(given)] == [
        ("delay",),
        ("config", "stream"),
        ("config", "organization"),
        ("config", "headers"),
    ]


def test_names_of_parameters_and_addresses():
    config = {"maxTokens": 3, "apiBaseUrl": "http://127.0.0.1:9/v1"}
    found = parse_spec({"id": "openai-compatible:m", "config": config, "prompts": "one"})
    assert found.parameters == {"max_tokens": 3}
    assert found.base_url == "http://127.0.0.1:9/v1"
    assert found.prompts == ("one",)
    assert found.name == "openai-compatible:m"


def ask(provider, text="hi"):
    request = Request(model="", messages=(Message(role="user", content=text),))
    return asyncio.run(provider.complete(request))


def test_echo_and_replay(tmp_path):
    assert ask(make(parse_spec("echo"), {})).text == "hi"
    rows = [{"prompt": "hi", "output": "recorded", "cost": 0.5}]
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(rows))
    replay = make(
        ProviderSpec(kind="replay", model=path.name), {}, RunFiles(folder=Folder(tmp_path))
    )
    assert ask(replay).cost_usd == Decimal("0.5")
    with pytest.raises(ProviderError, match="no response was recorded"):
        ask(replay, "other")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "contains no recorded answers"),
        ('{"output": 1}', "entry 1: needs prompt"),
        (None, "cannot be read"),
    ],
)
def test_recordings_that_cannot_be_read(tmp_path, text, sentence):
    path = tmp_path / "answers.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SetupError, match=sentence):
        make(ProviderSpec(kind="replay", model=path.name), {}, RunFiles(folder=Folder(tmp_path)))


def test_prices():
    known = find_price(parse_spec("openai:gpt-4o-mini"))
    assert known is not None
    assert calculate_cost(known, 1_000_000, 0) == known.input_usd_per_million
    assert find_price(parse_spec("openai:no-such-model-at-all")) is None
    long = find_price(parse_spec("anthropic:claude-sonnet-4-5"))
    # Published per million: 3 and 15 dollars, beyond prompts of 200,000 tokens 6 and 22.50.
    assert calculate_cost(long, 1000, 1000) == Decimal("0.018")
    assert calculate_cost(long, 200_000, 0) == Decimal("0.6")
    assert calculate_cost(long, 200_001, 1_000_000) == Decimal("1.200006") + Decimal("22.5")
    assert find_price(parse_spec("openai-compatible:x")) is None
    assert calculate_cost(None, 1, 1) is None
    assert calculate_cost(find_price(parse_spec("echo")), 5, 5) == 0


def test_pace_keeps_requests_and_tokens_apart():
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def run():
        pace = RateLimiter(
            Limits(requests_per_minute=60, tokens_per_minute=600), clock=lambda: 0.0, sleep=sleep
        )
        await pace.wait(10)
        await pace.wait(100)
        await pace.wait(1)

    asyncio.run(run())
    assert waits == [1.0, 11.0]


def test_no_local_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    with pytest.raises(SetupError, match="run `make local-model` once"):
        make(parse_spec("local"), {})
