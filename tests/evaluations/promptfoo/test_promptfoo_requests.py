"""What promptfoo sends of what a configuration sets, and what it adds; seen in its requests."""

import pytest

from evaluations.adapters import spec_from_target, target_from_spec
from evaluations.engine.providers import ProviderSpec, parse_configured, parse_spec
from evaluations.promptfoo.requests import as_sent

USUAL = {"max_tokens": 1024, "temperature": 0}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"a": 1}}}
BUDGET = {"type": "enabled", "budget_tokens": 4000}
BARE = {"type": "function", "function": {"name": "g"}}

# The model, its settings, the environment, and what is sent.
SENT = [
    ("openai:chat:gpt-4.1-mini", {}, {}, USUAL),
    ("openai:ft:gpt-4o:x", {}, {}, USUAL),
    ("openai:chat:gpt-4o", {"model": "x", "logit_bias": {}}, {}, USUAL),
    ("openai:chat:gpt-4o", {"temperature": 0.3, "max_tokens": 5, "seed": 1}, {}, {
        "temperature": 0.3, "max_tokens": 5, "seed": 1,
    }),
    ("openai:chat:gpt-4o", {"passthrough": {"n": 2}}, {}, {"n": 2, **USUAL}),
    ("openai:chat:gpt-4o", {"max_completion_tokens": 9}, {}, USUAL),
    ("openai:chat:gpt-4o", {"omitDefaults": True}, {}, {}),
    ("openai:chat:gpt-4o", {"maxTokens": 9, "topP": 0.5}, {}, USUAL),
    ("openai:chat:gpt-4o", {"omitDefaults": True}, {
        "OPENAI_TEMPERATURE": "1", "OPENAI_MAX_TOKENS": "7",
    }, {"temperature": 1, "max_tokens": 7}),
    ("openai:chat:gpt-4o", {"top_p": 0.5}, {
        "OPENAI_TEMPERATURE": "0.5", "OPENAI_MAX_TOKENS": "9", "OPENAI_TOP_P": "0.9",
        "OPENAI_PRESENCE_PENALTY": "x",
    }, {"temperature": 0.5, "max_tokens": 9, "top_p": 0.5, "presence_penalty": 0}),
    ("openai:gpt-5-mini", {}, {}, {}),
    ("openai:chat:o3", {"temperature": 1, "max_tokens": 5, "reasoning_effort": "low"}, {
        "OPENAI_MAX_COMPLETION_TOKENS": "99",
    }, {"reasoning_effort": "low", "max_completion_tokens": 99}),
    ("openai:chat:openai/gpt-oss-20b", {"reasoning_effort": "low"}, {}, {
        "reasoning_effort": "low", **USUAL,
    }),
    ("openai:chat:gpt-4o-audio-preview", {"audio": {"voice": "x"}}, {}, {
        "audio": {"voice": "x"}, **USUAL,
    }),
    ("anthropic:messages:claude-sonnet-4-5", {}, {}, USUAL),
    ("anthropic:messages:claude-sonnet-4-5", {"model": "x", "beta": ["y"]}, {
        "ANTHROPIC_MAX_TOKENS": "50", "ANTHROPIC_TEMPERATURE": "0.2",
    }, {"max_tokens": 50, "temperature": 0.2}),
    ("anthropic:messages:claude-sonnet-4-5", {"top_p": 0.5, "temperature": 1}, {}, {
        "max_tokens": 1024, "top_p": 0.5,
    }),
    ("anthropic:messages:claude-opus-4-7", {}, {}, {"max_tokens": 1024}),
    ("anthropic:messages:claude-sonnet-5", {}, {}, {"max_tokens": 2048}),
    ("anthropic:messages:claude-haiku-5", {}, {}, {"max_tokens": 1024}),
    ("anthropic:messages:claude-sonnet-5", {"thinking": {"type": "disabled"}}, {}, {
        "max_tokens": 1024, "thinking": {"type": "disabled"},
    }),
    ("anthropic:claude-sonnet-4-5", {"thinking": BUDGET}, {}, {
        "max_tokens": 5024, "thinking": BUDGET,
    }),
    ("anthropic:messages:claude-sonnet-4-5", {
        "tools": [TOOL, BARE], "tool_choice": {"type": "function", "function": {"name": "f"}},
    }, {}, {
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"a": 1}},
            {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "f"},
        **USUAL,
    }),
    ("anthropic:claude-sonnet-4-5", {"tools": [{"name": "f"}], "tool_choice": "required"}, {}, {
        "tools": [{"name": "f"}], "tool_choice": {"type": "any"}, **USUAL,
    }),
    ("anthropic:messages:claude-sonnet-4-5", {
        "tools": ["x"], "tool_choice": {"type": "auto"}, "effort": "low",
        "output_format": {"type": "json_schema"}, "extra_body": {"n": 1},
    }, {}, {
        "tools": ["x"], "tool_choice": {"type": "auto"}, "n": 1, **USUAL,
        "output_config": {"format": {"type": "json_schema"}, "effort": "low"},
    }),
    ("openai-compatible:m", {"anything": 1}, {}, {"anything": 1}),
    ("echo", {}, {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "config", "variables", "sent"), SENT, ids=range(len(SENT)))
def test_parameters(model, config, variables, sent):
    spec = parse_spec({"id": model, "config": config})
    changed, unsent = as_sent(spec, config, variables)
    assert changed.parameters == sent
    assert all(f"“{name}”" in sentence for name, sentence in unsent.items())
    assert not set(unsent) & set(sent)


def test_what_was_added_is_named_and_stored():
    spec, unsent = as_sent(parse_spec("openai:gpt-4o"), {}, {})
    assert (spec.defaults, unsent) == (("max_tokens", "temperature"), {})
    assert spec_from_target(target_from_spec(spec)).defaults == spec.defaults
    assert spec_from_target(target_from_spec(ProviderSpec(kind="echo"))).defaults == ()


# What promptfoo 0.123.1 sends besides the model and the messages, where nothing is set.
SERVICES_DEFAULTS = [
    ("groq:llama-3.3-70b-versatile", {"max_tokens": 1024, "temperature": 0}),
    ("openrouter:meta-llama/llama-3.3-70b", {"max_tokens": 1024, "temperature": 0}),
    ("togetherai:meta-llama/L", {"max_tokens": 1024, "temperature": 0}),
    ("huggingface:chat:org/m", {"max_tokens": 1024, "temperature": 0}),
    ("mistral:mistral-small-latest", {"top_p": 1, "max_tokens": 1024, "random_seed": None}),
    ("novita:m", {"max_tokens": 1024, "temperature": 1}),
    ("litellm:m", {}),
    ("cohere:m", {}),
    ("nobody:m", {}),
    (
        "azure:chat:gpt-4o-mini",
        {
            "max_tokens": 1024,
            "temperature": 0,
            "top_p": 1,
            "presence_penalty": 0,
            "frequency_penalty": 0,
        },
    ),
]


@pytest.mark.parametrize(("name", "expected"), SERVICES_DEFAULTS)
def test_what_other_services_are_sent(name, expected):
    sent, unsent = as_sent(parse_configured(name), {}, {})
    assert (dict(sent.parameters), unsent) == (expected, {})
    assert set(sent.defaults) == set(expected)
    own = {"max_tokens": 5, "odd": 1}
    sent, unsent = as_sent(parse_configured({"id": name, "config": own}), own, {})
    if name != "nobody:m":
        assert dict(sent.parameters) == expected | own
        assert "max_tokens" not in sent.defaults
