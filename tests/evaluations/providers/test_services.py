"""The services in the table: what each is sent, by whose key, and where no key goes."""

import asyncio
import re
from contextlib import closing

import pytest

from autoforge.environment.model_services import MODEL_SERVICES
from evaluations.engine.errors import RefusedError, SetupError
from evaluations.engine.providers import find_price, make, parse_spec, provider_fingerprint
from evaluations.engine.providers.families import fit_parameters
from evaluations.engine.providers.services import ALIASES, SERVICES
from evaluations.engine.types import Message, Request
from tests.support.fake_models import FakeModels, Step

KEY = "key-0123456789"
MESSAGES = (Message(role="system", content="Be brief."), Message(role="user", content="hi"))
KEYED = [name for name, service in SERVICES.items() if service.key]


def ask(spec, environment):
    provider = make(spec, environment)

    async def run():
        try:
            request = Request(model=spec.model, messages=MESSAGES, parameters=spec.parameters)
            return await provider.complete(request)
        finally:
            await provider.close()

    return asyncio.run(run())


def spec_at(fake, name, **config):
    return parse_spec(
        {"id": f"{name}:chat:m", "config": {"apiBaseUrl": f"{fake.url}/v1", **config}}
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_row(name):
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z0-9]+", name)
    assert service.source.startswith("https://")
    assert service.url.startswith(("https://", "http://127.0.0.1:"))
    assert {service.key, service.address} - {""} <= MODEL_SERVICES
    assert service.key or not service.needs_key
    assert name not in ALIASES


@pytest.mark.parametrize("name", KEYED)
def test_what_is_sent(name):
    with closing(FakeModels(answer="hello")) as fake:
        key = SERVICES[name].key
        environment = {key: KEY, "MODEL_KEYS": f"OTHER=https://x.example, {key}={fake.url}"}
        spec = spec_at(fake, name, temperature=0.5, apiKeyEnvar=key)
        answer = ask(spec, environment)
        [(path, headers, body)] = fake.requests
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("hello", 10, 5)
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
        ],
        "temperature": 0.5,
    }


@pytest.mark.parametrize("name", KEYED)
def test_its_key_goes_to_its_own_address_alone(name):
    key = SERVICES[name].key
    with closing(FakeModels()) as fake:
        for declared in ("", f"OTHER={fake.url}", f"{key}=http://127.0.0.1:1"):
            with pytest.raises(SetupError, match=f"{key} is only sent to its own") as caught:
                make(spec_at(fake, name), {key: KEY, "MODEL_KEYS": declared})
            assert KEY not in str(caught.value)
            assert f"set MODEL_KEYS={key}={fake.url}" in str(caught.value)
        # Without a key it may be a gateway that asks for none.
        ask(spec_at(fake, name), {})
        [(_path, headers, _body)] = fake.requests
    assert "Authorization" not in headers


@pytest.mark.parametrize("name", [name for name in KEYED if SERVICES[name].needs_key])
def test_a_missing_key_is_named(name):
    with pytest.raises(SetupError, match=f"{SERVICES[name].key} is not set"):
        make(parse_spec(f"{name}:m"), {})


@pytest.mark.parametrize("name", [name for name in SERVICES if SERVICES[name].address])
def test_another_address_by_its_variable(name):
    service = SERVICES[name]
    with closing(FakeModels(answer="there")) as fake:
        environment = {service.address: f"{fake.url}/v1"}
        if service.key:
            environment[service.key] = KEY
        assert ask(parse_spec(f"{name}:m"), environment).text == "there"
        [(_path, headers, _body)] = fake.requests
    assert headers.get("Authorization") == (f"Bearer {KEY}" if service.key else None)
    spec = parse_spec(f"{name}:m")
    assert provider_fingerprint(spec, environment) != provider_fingerprint(spec, {})


NAMED = [
    ("openai", "TEAM_KEY", {}, "TEAM_KEY holds no key that may be used; set it, and MODEL_KEYS="),
    ("openai", "TEAM_KEY", {"TEAM_KEY": KEY}, "TEAM_KEY is only sent to its own address"),
    # The key of another service: a configuration could hand it to whom it likes.
    ("openai", "ANTHROPIC_API_KEY", {"ANTHROPIC_API_KEY": KEY}, "MODEL_KEYS=ANTHROPIC_API_KEY="),
    ("groq", "XAI_API_KEY", {"XAI_API_KEY": KEY}, "XAI_API_KEY=https://api.groq.com"),
    ("anthropic", "OPENAI_API_KEY", {"OPENAI_API_KEY": KEY}, "is only sent to its own"),
]


@pytest.mark.parametrize(("name", "variable", "environment", "sentence"), NAMED)
def test_a_variable_that_a_configuration_names(name, variable, environment, sentence):
    spec = parse_spec({"id": f"{name}:m", "config": {"apiKeyEnvar": variable}})
    with pytest.raises(SetupError) as caught:
        make(spec, environment)
    assert sentence in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_declared_key_is_used():
    with closing(FakeModels(answer="x")) as fake:
        spec = spec_at(fake, "openai", apiKeyEnvar="TEAM_KEY")
        environment = {"TEAM_KEY": KEY, "OPENAI_API_KEY": "other-key-1234"}
        ask(spec, environment | {"MODEL_KEYS": f"TEAM_KEY={fake.url}"})
        [(_path, headers, _body)] = fake.requests
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert spec.settings == {"key_variable": "TEAM_KEY"}


def test_a_key_in_an_answer_is_masked():
    with closing(FakeModels(answer=f"it is {KEY}")) as fake:
        environment = {"GROQ_API_KEY": KEY, "MODEL_KEYS": f"GROQ_API_KEY={fake.url}"}
        assert KEY not in ask(spec_at(fake, "groq"), environment).text


def test_a_failure_names_the_service():
    step = Step(status=400, body={"error": {"message": "no such model"}})
    with closing(FakeModels(step)) as fake, pytest.raises(RefusedError, match=r"Groq .*no such"):
        ask(spec_at(fake, "groq"), {})


def test_prices_and_families():
    assert find_price(parse_spec("groq:llama-3.3-70b-versatile"))
    assert find_price(parse_spec("mistral:mistral-small-latest"))
    assert find_price(parse_spec("cometapi:m")) is None
    fitted = fit_parameters("openrouter", "openai/gpt-5", {"temperature": 0, "max_tokens": 5})
    assert fitted == {"max_completion_tokens": 5}
