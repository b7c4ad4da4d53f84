"""Services with protocols of their own: Google, Azure, Cohere, Hugging Face; fakes on loopback."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from evaluations.engine.errors import (
    BrokenAnswerError,
    ContentFilterError,
    RateLimitError,
    RefusedError,
    SetupError,
)
from evaluations.engine.providers import find_price, make, parse_configured, parse_spec
from evaluations.engine.types import Message, Part, Request
from tests.support.fake_endpoint import FakeEndpoint, Reply

KEY = "key-0123456789"
USER = (Message(role="user", content="hi"),)
CHAT = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="hi"),
    Message(role="assistant", content="yes?"),
    Message(role="user", content="more"),
)
GEMINI = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}
OPENAI = {
    "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
}
COHERE = {
    "text": "hello", "finish_reason": "COMPLETE",
    "token_count": {"prompt_tokens": 10, "response_tokens": 5},
}  # fmt: skip
GENERATED = [{"generated_text": "hello"}]
NAMES = {
    "google:gemini-2.0-flash": ("GOOGLE_API_KEY", GEMINI),
    "vertex:gemini-2.0-flash": ("VERTEX_API_KEY", GEMINI),
    "azure:chat:gpt-4o-mini": ("AZURE_API_KEY", OPENAI),
    "cohere:command-r": ("COHERE_API_KEY", COHERE),
    "huggingface:text-generation:org/m": ("HF_TOKEN", GENERATED),
}


def ask(spec, environment, messages=USER, **more):
    provider = make(spec, environment)

    async def run():
        try:
            request = Request(
                model=spec.model, messages=messages, parameters=spec.parameters, **more
            )
            return await provider.complete(request)
        finally:
            await provider.close()

    return asyncio.run(run())


def at(fake, name, **config):
    key, _reply = NAMES[name]
    spec = parse_spec({"id": name, "config": {"apiBaseUrl": fake.url, **config}})
    return spec, {key: KEY, "MODEL_KEYS": f"{key}={fake.url}"}


def sent(name, messages=USER, reply=None, config=None, **more):
    """Return the request that came, and the answer."""
    with closing(FakeEndpoint(Reply(body=NAMES[name][1] if reply is None else reply))) as fake:
        answer = ask(*at(fake, name, **(config or {})), messages, **more)
        [came] = fake.requests
    return came, answer


@pytest.mark.parametrize("name", NAMES)
def test_an_answer(name):
    came, answer = sent(name)
    assert answer.text == "hello"
    assert KEY in str(dict(came.headers))
    assert KEY not in came.path + came.body
    if not name.startswith("huggingface"):
        assert (answer.input_tokens, answer.output_tokens) == (10, 5)
        assert answer.finish_reason == "stop"


@pytest.mark.parametrize("name", NAMES)
def test_a_key_goes_to_its_own_address_alone(name):
    key = NAMES[name][0]
    with closing(FakeEndpoint()) as fake:
        spec, _environment = at(fake, name)
        with pytest.raises(SetupError, match="is only sent to its own address") as caught:
            make(spec, {key: KEY})
        assert not fake.requests
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("hugging")])
def test_a_missing_key_is_named(name):
    with pytest.raises(SetupError, match=f"{NAMES[name][0]} is not set"):
        make(parse_spec(name), {"AZURE_API_HOST": "r.openai.azure.com"})


@pytest.mark.parametrize("name", NAMES)
def test_too_many_requests_are_asked_again(name):
    step = Reply(status=429, headers={"Retry-After": "7"}, body={"error": {"message": "slow"}})
    with closing(FakeEndpoint(step)) as fake, pytest.raises(RateLimitError) as caught:
        ask(*at(fake, name))
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_is_repeated_is_masked(name):
    reply = json.loads(json.dumps(NAMES[name][1]).replace("hello", f"it is {KEY}"))
    _came, answer = sent(name, reply=reply)
    assert answer.text == "it is [key masked]"


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_one(name):
    with pytest.raises(BrokenAnswerError):
        sent(name, reply=[{}] if name.startswith("hugging") else {"odd": 1})


def test_gemini_s_chat():
    config = {
        "temperature": 0.5, "maxOutputTokens": 7, "generationConfig": {"topK": 3},
        "tools": [{"functionDeclarations": [{"name": "f"}]}], "systemInstruction": "First.",
    }  # fmt: skip
    came, _answer = sent("google:gemini-2.0-flash", CHAT, config=config)
    assert came.path == "/v1beta/models/gemini-2.0-flash:generateContent"
    assert came.headers["x-goog-api-key"] == KEY
    assert came.json == {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "yes?"}]},
            {"role": "user", "parts": [{"text": "more"}]},
        ],
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 7, "topK": 3},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "system_instruction": {"parts": [{"text": "First."}, {"text": "Be brief."}]},
    }
    came, _answer = sent("google:gemini-2.0-flash", config={"apiVersion": "v1alpha"})
    assert came.path == "/v1alpha/models/gemini-2.0-flash:generateContent"


def test_gemini_s_parts_and_schemas():
    image = Part(type="image", url="data:image/png;base64,AAAA")
    messages = (
        Message(role="user", content="[image]", parts=(Part(type="text", text="see"), image)),
    )
    came, _answer = sent("google:gemini-2.0-flash", messages, response_schema={"type": "object"})
    assert came.json["contents"][0]["parts"] == [
        {"text": "see"},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    ]
    assert came.json["generationConfig"]["responseJsonSchema"] == {"type": "object"}
    address = Part(type="image", url="https://x.example/a.png")
    with pytest.raises(RefusedError, match="only as data"):
        sent("google:gemini-2.0-flash", (Message(role="user", content="", parts=(address,)),))
    schema = {"responseSchema": {"type": "STRING"}}
    came, _answer = sent("google:gemini-2.0-flash", config=schema)
    assert came.json["generationConfig"] == {
        "response_schema": {"type": "STRING"}, "response_mime_type": "application/json",
    }  # fmt: skip


def candidate(finish, *parts, **more):
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish, **more}]}


REPLIES = [
    (candidate("MAX_TOKENS", {"text": "he"}), {"text": "he", "finish_reason": "length"}),
    (candidate("SAFETY"), {"text": "", "finish_reason": "content_filter", "refused": True}),
    (
        candidate("STOP", {"functionCall": {"name": "f", "args": {"a": 1}}}),
        {"text": '[{"functionCall":{"name":"f","args":{"a":1}}}]', "finish_reason": "tool_calls"},
    ),
    (
        candidate("STOP", {"text": "thinking", "thought": True}, {"text": "hello"}),
        {"text": "hello", "flagged": None},
    ),
    (
        candidate("STOP", {"text": "x"}, safetyRatings=[{"probability": "HIGH"}]),
        {"text": "x", "flagged": True},
    ),
    (
        GEMINI | {"usageMetadata": {
            "promptTokenCount": 100, "candidatesTokenCount": 5, "thoughtsTokenCount": 20,
            "cachedContentTokenCount": 90,
        }},
        {"input_tokens": 100, "output_tokens": 25, "reasoning_tokens": 20},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "expected"), REPLIES, ids=range(len(REPLIES)))
def test_what_gemini_answers(reply, expected):
    _came, answer = sent("google:gemini-2.0-flash", reply=reply)
    assert {name: getattr(answer, name) for name in expected} == expected


def test_a_prompt_that_google_blocks():
    with pytest.raises(ContentFilterError, match="Google refused the content"):
        sent("google:gemini-2.0-flash", reply={"promptFeedback": {"blockReason": "SAFETY"}})


def test_azure_s_deployment():
    config = {"apiVersion": "2025-01-01", "temperature": 0}
    came, _answer = sent("azure:chat:gpt-4o-mini", CHAT, config=config)
    assert came.path == "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2025-01-01"
    assert came.headers["api-key"] == KEY
    assert "authorization" not in came.headers
    assert came.json["model"] == "gpt-4o-mini"
    assert came.json["temperature"] == 0
    came, _answer = sent("azure:chat:gpt-4o-mini")
    assert came.path.endswith("?api-version=2024-12-01-preview")
    with pytest.raises(SetupError, match="azure needs the address of a resource"):
        make(parse_spec("azure:chat:m"), {"AZURE_API_KEY": KEY})
    # The key of the operator's resource goes to no other one.
    other = parse_spec({"id": "azure:chat:m", "config": {"apiHost": "evil.openai.azure.com"}})
    with pytest.raises(SetupError, match="is only sent to its own"):
        make(other, {"AZURE_API_KEY": KEY, "AZURE_API_HOST": "r.openai.azure.com"})
    make(parse_spec("azure:chat:m"), {"AZURE_API_KEY": KEY, "AZURE_API_HOST": "r.example.com"})


def test_cohere_s_chat():
    came, _answer = sent("cohere:command-r", CHAT, config={"temperature": 0})
    assert came.path == "/chat"
    assert came.json["message"] == "more"
    assert came.json["temperature"] == 0
    assert came.json["chat_history"] == [
        {"role": "SYSTEM", "message": "Be brief."},
        {"role": "USER", "message": "hi"},
        {"role": "CHATBOT", "message": "yes?"},
    ]


def test_hugging_face_s_text():
    came, _answer = sent("huggingface:text-generation:org/m", config={"max_new_tokens": 5, "x": 1})
    assert (came.path, came.json) == (
        "/",
        {"inputs": "hi", "parameters": {"return_full_text": False, "max_new_tokens": 5}},
    )
    assert came.headers["authorization"] == f"Bearer {KEY}"
    _came, answer = sent("huggingface:text-generation:org/m", reply={"generated_text": "one"})
    assert answer.text == "one"


GOOD = [
    ("google:gemini-2.0-flash", "google", "gemini-2.0-flash"),
    ("palm:gemini-x", "google", "gemini-x"),
    ("vertex:chat:gemini-x", "vertex", "gemini-x"),
    ("azureopenai:chat:d", "azure", "d"),
    ("azure:embedding:e", "azure", "e"),
    ("cohere:chat:command-r", "cohere", "command-r"),
    ("huggingface:chat:org/m:router", "huggingface", "org/m:router"),
    ("hf:text-generation:m", "huggingface-text", "m"),
]
UNKNOWN = [
    "google:live:m", "google:embedding:m", "azure:responses:m", "azure:moderation:m",
    "huggingface:text-classification:m", "vertex:video:m",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "model"), GOOD)
def test_ids(text, kind, model):
    spec = parse_spec(text)
    assert (spec.kind, spec.model) == (kind, model)


@pytest.mark.parametrize("text", UNKNOWN)
def test_other_services_of_the_houses_are_errors_of_their_columns(text):
    assert "is not a chat model" in parse_configured(text).problem


@pytest.mark.parametrize("text", ["google:", "azure:chat", "cohere:chat:", "huggingface:chat"])
def test_a_model_is_needed(text):
    with pytest.raises(SetupError, match="needs a model"):
        parse_spec(text)


def test_prices():
    assert find_price(parse_spec("google:gemini-2.0-flash"))
    assert find_price(parse_spec("cohere:command-r"))


RECORDED = Path(__file__).parent / "houses_by_promptfoo.json"


@pytest.mark.parametrize("recorded", json.loads(RECORDED.read_text(encoding="utf-8")))
def test_they_are_asked_as_promptfoo_asks(recorded):
    """Requests of promptfoo 0.123.1, of the same prompt and settings."""
    name = recorded["id"]
    messages = tuple(Message(**message) for message in recorded["messages"])
    came, answer = sent(name, messages, config=recorded["config"])
    assert came.path == recorded["path"]
    assert came.json == recorded["body"]
    assert answer.text == recorded["output"]
