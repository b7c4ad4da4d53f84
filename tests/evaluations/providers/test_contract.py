"""Every provider over real HTTP, against a fake that counts: what is good, what goes wrong."""

import asyncio
import json
import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from evaluations.engine.errors import (
    AuthenticationError,
    BrokenAnswerError,
    ContentFilterError,
    ContextTooLongError,
    RateLimitError,
    RefusedError,
    ServiceError,
    SetupError,
    UnansweredError,
)
from evaluations.engine.providers import Limits, ProviderSpec, make, with_retries
from evaluations.engine.types import Message, Request
from tests.support.fake_models import FakeModels, Step

KEY = "sk-very-secret-0123456789"
KINDS = ("openai", "anthropic", "openai-compatible")
BASES = {
    "openai": ("OPENAI_BASE_URL", "/v1"),
    "anthropic": ("ANTHROPIC_BASE_URL", ""),
    "openai-compatible": ("OPENAI_COMPATIBLE_BASE_URL", "/v1"),
}
KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openai-compatible": "OPENAI_COMPATIBLE_API_KEY",
}
LIMITS = Limits(timeout_seconds=0.5, retries=2)
REQUEST = Request(
    model="m",
    messages=(Message(role="system", content="be kind"), Message(role="user", content="hi 日本")),
    parameters={"temperature": 0},
)


def environment(kind: str, url: str) -> dict[str, str]:
    name, path = BASES[kind]
    return {name: url + path, KEYS[kind]: KEY}


def ask(kind: str, fake: FakeModels, *, retry: bool = True):
    async def waits(seconds: float) -> None:
        fake.waits.append(seconds)

    fake.waits = []

    async def run():
        spec = ProviderSpec(kind=kind, model="m", limits=LIMITS)
        provider = make(spec, environment(kind, fake.url))
        assert KEY not in repr(provider)
        try:
            if not retry:
                return await provider.complete(REQUEST), 1
            return await with_retries(
                lambda: provider.complete(REQUEST), LIMITS, sleep=waits, draw=lambda: 0.0
            )
        finally:
            await provider.close()

    return asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_answer(kind):
    with closing(FakeModels(answer="hello")) as fake:
        answer, attempts = ask(kind, fake)
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("hello", 10, 5)
    assert answer.finish_reason == "stop"
    assert answer.latency_ms is not None
    assert attempts == 1
    path, headers, body = fake.requests[0]
    assert path == ("/v1/messages" if kind == "anthropic" else "/v1/chat/completions")
    assert KEY in str(headers)
    assert body["temperature"] == 0
    if kind == "anthropic":
        assert body["system"] == "be kind"
        assert body["max_tokens"] == 1024
        assert [one["role"] for one in body["messages"]] == ["user"]


MALFORMED = {"error": {"message": f"bad key {KEY}"}}
TOO_LONG = {"error": {"message": "prompt is too long", "code": "context_length_exceeded"}}
NO_QUOTA = {"error": {"message": "quota exceeded", "code": "insufficient_quota"}}
FILTERED = {"error": {"message": "flagged", "code": "content_filter"}}
BAD = [
    (Step(status=401, body=MALFORMED), AuthenticationError, "rejected the API key (401)", 1),
    (Step(status=403, body="no"), RefusedError, "rejected the request (403): no", 1),
    (Step(status=400, body=TOO_LONG), ContextTooLongError, "too long for this model", 1),
    (Step(status=400, body=FILTERED), ContentFilterError, "content filter", 1),
    (Step(status=404, body={"error": "no such model"}), RefusedError, "no such model", 1),
    (Step(status=429, body="slow"), RateLimitError, "too many requests", 3),
    (Step(status=500, body="oops"), ServiceError, "failed (500)", 3),
    (Step(status=529, body="busy"), ServiceError, "failed (529)", 3),
    (Step(status=504, body="late"), UnansweredError, "gateway timeout (504): late", 1),
    (Step(status=402, body="pay"), AuthenticationError, "quota or credit exhausted (402): pay", 1),
    (Step(status=429, body=NO_QUOTA), AuthenticationError, "quota or credit exhausted (429)", 1),
    (Step(body="{not json"), BrokenAnswerError, "is not JSON", 1),
    (Step(body="[]"), BrokenAnswerError, "is not a JSON object", 1),
    (Step(body={"unexpected": 1}), BrokenAnswerError, "has no", 1),
    (Step(cut=True), BrokenAnswerError, "cut", 1),
    (Step(delay_seconds=0.8), UnansweredError, "within 0.5 s", 1),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("step", "error", "sentence", "requests"),
    BAD,
    ids=[f"{b[1].__name__}{n}" for n, b in enumerate(BAD)],
)
def test_what_goes_wrong(kind, step, error, sentence, requests, caplog):
    caplog.set_level(logging.DEBUG)
    with closing(FakeModels(*[step] * 4)) as fake, pytest.raises(error) as caught:
        ask(kind, fake)
    assert type(caught.value) is error
    assert sentence in str(caught.value)
    assert len(fake.requests) == requests
    assert KEY not in f"{caught.value!r} {caught.value} {caplog.text}"
    assert caught.value.may_retry is (requests > 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_it_waits_and_asks_again(kind, status):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    steps = [
        Step(status=status, headers={"Retry-After": "7"}, body="wait"),
        Step(status=status, headers={"Retry-After": later}, body="wait"),
    ]
    with closing(FakeModels(*steps, answer="now")) as fake:
        answer, attempts = ask(kind, fake)
    assert (answer.text, attempts) == ("now", 3)
    assert fake.waits[0] == 7
    assert 25 < fake.waits[1] <= 31


@pytest.mark.parametrize(("asked", "requests"), [("400", 3), ("601", 1)])
def test_it_waits_as_long_as_it_is_asked_to_or_not_at_all(asked, requests):
    step = Step(status=429, headers={"Retry-After": asked}, body="wait")
    with closing(FakeModels(*[step] * 4)) as fake, pytest.raises(RateLimitError) as caught:
        ask("openai", fake)
    assert caught.value.attempts == len(fake.requests) == requests
    assert fake.waits == [float(asked)] * (requests - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_there(kind):
    fake = FakeModels()
    fake.close()
    with pytest.raises(ServiceError, match="is unreachable"):
        ask(kind, fake, retry=False)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_missing_key_is_named(kind):
    with pytest.raises(SetupError, match=f"{KEYS[kind]} is not set"):
        make(ProviderSpec(kind=kind, model="m"), {})


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_key_goes_to_no_other_address(kind):
    spec = ProviderSpec(kind=kind, model="m", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(SetupError, match="is only sent to") as caught:
        make(spec, {KEYS[kind]: KEY})
    assert KEY not in str(caught.value)


def test_a_compatible_service_gets_no_foreign_key():
    with closing(FakeModels(answer="x")) as fake:
        spec = ProviderSpec(kind="openai-compatible", model="m", base_url=f"{fake.url}/v1")
        given = {"OPENAI_COMPATIBLE_BASE_URL": "http://other.example/v1"}
        provider = make(spec, given | {"OPENAI_COMPATIBLE_API_KEY": KEY, "OPENAI_API_KEY": KEY})

        async def run():
            await provider.complete(REQUEST)
            await provider.close()

        asyncio.run(run())
    assert KEY not in str(fake.requests)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://x", "must begin with http:// or https:// and include a host"),
        ("nothing", "must begin with http:// or https:// and include a host"),
        ("http://", "must begin with http:// or https:// and include a host"),
        ("http://[::1", "must begin with http:// or https:// and include a host"),
        ("http://h:99999", "must begin with http:// or https:// and include a host"),
        ("http://user:pw@host/v1", "must not contain a user name or password"),
        ("http://user@host/v1", "must not contain a user name or password"),
        ("http://h/v1?api_key=abc", "must not contain a key; set api_key in the environment"),
        ("http://h/v1?a=b&x=sk-0123456789", "must not contain a key; set x in the environment"),
        ("http://h/v1#token=abc", "must not contain a key; set token in the environment"),
    ],
)
def test_an_address_is_one_of_http_and_holds_no_secret(url, sentence):
    with pytest.raises(SetupError) as refusal:
        make(ProviderSpec(kind="openai-compatible", model="m", base_url=url), {})
    assert str(refusal.value) == f"a model's URL {sentence}"


def test_structured_answers():
    schema = {"type": "object"}
    tool = {"type": "tool_use", "name": "answer", "input": {"score": 1}}
    for kind, body in (
        ("anthropic", {"content": [tool], "stop_reason": "tool_use"}),
        ("openai", None),
    ):
        with closing(FakeModels(Step(body=body), answer='{"score": 1}')) as fake:
            provider = make(ProviderSpec(kind=kind, model="m"), environment(kind, fake.url))

            async def run(provider=provider):
                request = Request(model="m", messages=REQUEST.messages, response_schema=schema)
                found = await provider.complete(request)
                await provider.close()
                return found

            assert json.loads(asyncio.run(run()).text) == {"score": 1}
        sent = fake.requests[0][2]
        assert ("tool_choice" in sent) or ("response_format" in sent)


def test_a_proxy_of_the_environment_is_asked(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example login me password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with closing(FakeModels(answer="through the proxy")) as fake:
        monkeypatch.setenv("http_proxy", fake.url)
        monkeypatch.setenv("no_proxy", "inside.example")
        url = "http://api.example/v1"
        given = {"OPENAI_COMPATIBLE_BASE_URL": url, "OPENAI_COMPATIBLE_API_KEY": KEY}
        provider = make(ProviderSpec(kind="openai-compatible", model="m"), given)

        async def run():
            found = await provider.complete(REQUEST)
            await provider.close()
            return found

        assert asyncio.run(run()).text == "through the proxy"
        path, headers, _body = fake.requests[0]
    assert path == f"{url}/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
