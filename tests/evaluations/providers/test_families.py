"""What each family of models takes: which parameters are sent, and what is said of the rest."""

import asyncio
from contextlib import closing

import pytest

from evaluations.engine.errors import SetupError
from evaluations.engine.providers import ProviderSpec, list_left_out, make, parse_spec
from evaluations.engine.providers.families import FAMILIES, find_family, fit_parameters, why_unsent
from evaluations.engine.types import Message, Request
from tests.support.fake_models import FakeModels

NAMES = [
    *(("openai", name, "reasoning models") for name in (
        "o1", "o3", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "GPT-5-nano",
        "ft:o4-mini-2025-04-16:acme::x", "gpt-5-2025-08-07")),
    *(("openai-compatible", name, "reasoning models") for name in (
        "openai/o3-mini", "openrouter/openai/gpt-5-mini", "o3-mini:high")),
    *(("openai", name, "GPT-5.1") for name in ("gpt-5.1", "gpt-5.2-2025-12-11", "gpt-5.1-codex")),
    *(("openai", name, "chat models") for name in ("gpt-5-chat-latest", "gpt-5.1-chat-latest")),
    *(("openai", name, "") for name in ("gpt-4.1", "gpt-4o", "gpt-4.5-preview", "chatgpt-4o")),
    *(("openai-compatible", name, "") for name in (
        "gpt-oss:20b", "llama3.2", "anthropic/claude-opus-4-7", "phi-o3", "qwen3:4b")),
    *(("anthropic", name, "Claude 4.1 to 4.6") for name in (
        "claude-sonnet-4-5", "claude-opus-4-1-20250805", "claude-haiku-4-5-20251001",
        "claude-opus-4-6")),
    *(("anthropic", name, "Claude Opus 4.7") for name in (
        "claude-opus-4-7", "claude-opus-4-8", "claude-opus-4-12", "claude-sonnet-5")),
    *(("anthropic", name, "") for name in (
        "claude-sonnet-4-20250514", "claude-3-7-sonnet-20250219", "claude-3-5-haiku-latest")),
    ("echo", "o3-mini", ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "model", "title"), NAMES)
def test_a_model_belongs_to_its_family(kind, model, title):
    family = find_family(kind, model)
    assert (family is None) if not title else (family is not None and title in family.title)


def test_each_row_has_its_source():
    assert all("https://" in family.source for family in FAMILIES)


THINK = {"type": "enabled", "budget_tokens": 2000}
ALL = {"temperature": 0, "top_p": 0.9, "seed": 1}
SENT = [
    ("openai", "o3-mini", {"max_tokens": 100} | ALL, {"max_completion_tokens": 100, "seed": 1}),
    ("openai", "gpt-5", {"max_tokens": 9, "max_completion_tokens": 7, "logprobs": True},
     {"max_completion_tokens": 7}),
    ("openai", "gpt-5", {"presence_penalty": 1, "reasoning_effort": "low"},
     {"reasoning_effort": "low"}),
    ("openai", "gpt-5.1", ALL, {"seed": 1}),
    ("openai", "gpt-5.1", ALL | {"reasoning_effort": "none"}, ALL | {"reasoning_effort": "none"}),
    ("openai", "gpt-5-chat-latest", {"max_tokens": 5} | ALL, {"max_completion_tokens": 5} | ALL),
    ("openai", "gpt-4.1", {"max_tokens": 5} | ALL, {"max_tokens": 5} | ALL),
    ("anthropic", "claude-sonnet-4-5", ALL, {"temperature": 0, "seed": 1}),
    ("anthropic", "claude-sonnet-4-5", {"top_p": 0.9}, {"top_p": 0.9}),
    ("anthropic", "claude-sonnet-4-5", {"thinking": THINK, "top_k": 5} | ALL,
     {"thinking": THINK, "seed": 1}),
    ("anthropic", "claude-3-7-sonnet-latest", {"thinking": THINK, "temperature": 1, "top_p": 1},
     {"thinking": THINK, "temperature": 1, "top_p": 1}),
    ("anthropic", "claude-3-5-haiku-latest", ALL, ALL),
    ("anthropic", "claude-opus-4-7", {"thinking": THINK, "top_k": 5} | ALL,
     {"thinking": {"type": "adaptive"}, "seed": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "model", "given", "sent"), SENT, ids=range(len(SENT)))
def test_what_is_sent_of_the_parameters(kind, model, given, sent):
    assert fit_parameters(kind, model, given) == sent
    changed = why_unsent(kind, model, given)
    same = {name for name in given if sent.get(name) == given[name]}
    assert set(changed) == set(given) - same
    assert all(f"“{name}”" in sentence for name, sentence in changed.items())


def test_a_configuration_is_warned_of_what_is_not_sent():
    config = {"maxTokens": 100, "temperature": 0, "seed": 1}
    warned = list_left_out({"id": "openai:o3-mini", "config": config})
    assert [path for path, _ in warned] == [("config", "temperature"), ("config", "maxTokens")]
    assert "is sent as max_completion_tokens" in warned[1][1]


NO_MODEL = [
    *((text, "needs a model") for text in (
        "ollama", "ollama:", "ollama:chat", "ollama:chat:", "openai", "openai:", "openai:chat",
        "openai:chat:", "anthropic", "anthropic:messages", "openai-compatible",
        "openai-compatible:chat")),
    ("replay", "needs a file"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), NO_MODEL)
def test_a_provider_without_a_model_is_refused(text, sentence):
    with pytest.raises(SetupError, match=f"{text.partition(':')[0]} {sentence}, such as"):
        parse_spec(text)
    with pytest.raises(SetupError):
        make(ProviderSpec(kind="openai-compatible", base_url="http://127.0.0.1:1/v1"), {})


@pytest.mark.parametrize("host", ["h.example", "https://h.example/v1"])
def test_a_host_alone_is_an_address(host):
    spec = parse_spec({"id": "openai:gpt-4.1", "config": {"apiHost": host}})
    assert (spec.base_url, spec.parameters) == ("https://h.example/v1", {})


def sent_to_anthropic(*messages, **fields):
    async def run(fake):
        environment = {"ANTHROPIC_BASE_URL": fake.url, "ANTHROPIC_API_KEY": "sk-ant-0123456789"}
        provider = make(ProviderSpec(kind="anthropic", model="claude-sonnet-4-5"), environment)
        parts = tuple(Message(role=role, content=text) for role, text in messages)
        try:
            request = Request(model="claude-sonnet-4-5", messages=parts, **fields)
            await provider.complete(request)
        finally:
            await provider.close()

    with closing(FakeModels(answer="x")) as fake:
        asyncio.run(run(fake))
        return fake.requests[0][2]


CHATS = [
    ([("system", "a"), ("user", "u")], "a", ["u"]),
    ([("developer", "a"), ("user", "u")], "a", ["u"]),
    ([("system", "a"), ("developer", "b"), ("user", "u"), ("assistant", "v")], "a\n\nb",
     ["u", "v"]),
    ([("user", "u"), ("assistant", "v"), ("tool", "w")], None, ["u", "v", "w"]),
    ([("system", "a")], None, ["a"]),
    ([("system", "a"), ("developer", "b")], None, ["a\n\nb"]),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "system", "others"), CHATS, ids=range(len(CHATS)))
def test_instructions_reach_anthropic(messages, system, others):
    body = sent_to_anthropic(*messages)
    assert body.get("system") == system
    assert [one["content"] for one in body["messages"]] == others
    assert {one["role"] for one in body["messages"]} <= {"user", "assistant"}


def test_no_tool_is_forced_while_a_claude_thinks():
    schema = {"type": "object"}
    plain = sent_to_anthropic(("user", "u"), response_schema=schema)
    assert plain["tool_choice"]["type"] == "tool"
    body = sent_to_anthropic(
        ("user", "u"), response_schema=schema, parameters={"thinking": THINK, "temperature": 0}
    )
    assert not {"tools", "tool_choice", "temperature"} & body.keys()
    assert body["max_tokens"] > THINK["budget_tokens"]
