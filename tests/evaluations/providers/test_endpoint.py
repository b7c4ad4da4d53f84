"""Services of one's own over HTTP, and webhooks: what is sent and read, whose keys go where."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from evaluations.engine.errors import (
    BrokenAnswerError,
    ProviderError,
    RefusedError,
    SetupError,
)
from evaluations.engine.providers import list_left_out, make, parse_configured, parse_spec
from evaluations.engine.providers.expressions import UNDEFINED, evaluate
from evaluations.engine.types import Message, Request
from tests.evaluations.providers.described import DESCRIBED, REPLY, VARIABLES
from tests.support.fake_endpoint import FakeEndpoint, Reply

RECORDED = json.loads(
    (Path(__file__).parent / "described_by_promptfoo.json").read_text(encoding="utf-8")
)
TOKEN = "team-token-1234"
PROMPT = f"Hi {VARIABLES['name']}"


def fit(value, url):
    """Return a description with the fake's address in it."""
    if isinstance(value, str):
        return value.replace("{host}", urlsplit(url).netloc).replace("{url}", url)
    if isinstance(value, dict):
        return {name: fit(inner, url) for name, inner in value.items()}
    return [fit(inner, url) for inner in value] if isinstance(value, list) else value


def ask(written, *, environment=None, prompt=PROMPT, variables=VARIABLES):
    spec = parse_spec(written)
    provider = make(spec, environment or {})

    async def run():
        try:
            messages = (Message(role="user", content=prompt),)
            request = Request(
                model=spec.model,
                messages=messages,
                parameters=spec.parameters,
                variables=variables,
            )
            return await provider.complete(request)
        finally:
            await provider.close()

    return asyncio.run(run())


def describe(fake, config, path="/ask"):
    return {"id": f"{fake.url}{path}", "config": fit(config, fake.url)}


def declared(fake):
    return {"TEAM_TOKEN": TOKEN, "MODEL_KEYS": f"TEAM_TOKEN={fake.url}"}


@pytest.mark.parametrize("name", DESCRIBED)
def test_it_is_asked_as_promptfoo_asks(name):
    recorded = RECORDED[name]
    with closing(FakeEndpoint(Reply(body=REPLY))) as fake:
        answer = ask(describe(fake, DESCRIBED[name]), environment=declared(fake))
        [came] = fake.requests
    [expected] = recorded["requests"]
    assert (came.method, came.path) == (expected["method"], expected["path"])
    assert came.body == expected["body"]
    assert {head: came.headers.get(head) for head in expected["headers"]} == expected["headers"]
    output = recorded["output"]
    assert (answer.text if isinstance(output, str) else answer.data) == output
    if not isinstance(output, str):
        assert json.loads(answer.text) == output
    assert TOKEN not in answer.text


def test_a_key_goes_where_it_is_declared_for_alone():
    config = {"method": "POST", "body": {}, "headers": {"Authorization": "Bearer {{env.T_KEY}}"}}
    with closing(FakeEndpoint()) as fake:
        for environment, sentence in [
            ({}, "T_KEY holds no key that may be used; set it, and MODEL_KEYS=T_KEY="),
            ({"T_KEY": TOKEN}, f"MODEL_KEYS=T_KEY={fake.url}"),
            ({"T_KEY": TOKEN, "MODEL_KEYS": "T_KEY=https://x.example"}, "is only sent to its own"),
        ]:
            with pytest.raises(SetupError) as caught:
                ask(describe(fake, config), environment=environment)
            assert sentence in str(caught.value)
            assert TOKEN not in str(caught.value)
        assert not fake.requests
    anywhere = {"id": "https://{{host}}/x", "config": config}
    with pytest.raises(SetupError, match="write the host into the configuration"):
        ask(anywhere, environment={"T_KEY": TOKEN})


def test_no_value_of_a_case_reaches_a_key():
    """A variable with a template of its own is filled before keys are there."""
    config = {"method": "POST", "body": {"q": "{{name}}", "k": "{{env.TEAM_TOKEN}}"}}
    with closing(FakeEndpoint(Reply(body={"output": "x"}))) as fake:
        values = {"name": "{{env.TEAM_TOKEN}} {{ env['TEAM_TOKEN'] }}"}
        ask(describe(fake, config), environment=declared(fake), variables=values)
        [came] = fake.requests
    assert TOKEN not in came.json["q"]
    assert came.json["k"] == TOKEN


def test_a_key_that_is_repeated_is_masked():
    config = {"method": "POST", "body": {"k": "{{env.TEAM_TOKEN}}"}}
    with closing(FakeEndpoint(Reply(body={"echo": f"it is {TOKEN}"}))) as fake:
        answer = ask(describe(fake, config), environment=declared(fake))
    assert TOKEN not in answer.text + str(answer.data)


def test_a_description_holds_no_key_itself():
    for config in ({"headers": {"Authorization": "Bearer abcdef123"}}, {"auth": {"token": "abc"}}):
        with pytest.raises(SetupError, match="is never read from a file"):
            parse_spec({"id": "https://x.example/a", "config": config})
    with pytest.raises(SetupError, match="must not contain a key"):
        parse_spec("https://x.example/a?api_key=abc")


@pytest.mark.parametrize("name", ["multipart", "session", "signatureAuth", "tls"])
def test_what_is_not_carried_out_is_an_error_of_its_column(name):
    spec = parse_configured({"id": "https://x.example/a", "config": {name: {"a": 1}}})
    assert f"“{name}” of an HTTP provider is not carried out here" in spec.problem
    auth = {"id": "https://x.example", "config": {"auth": {"type": "oauth"}}}
    assert "auth.type oauth" in parse_configured(auth).problem


def test_what_is_ignored_is_said():
    config = {"body": {}, "headers": {"a": "b"}, "sessionParser": "data.body.id"}
    left_out = list_left_out({"id": "https://x.example/a", "config": config})
    assert [path for path, _sentence in left_out] == [("config", "sessionParser")]


STATUSES = [
    (Reply(status=500, body="down"), {}, "down"),
    (Reply(status=404, body={"output": "no"}), {"transformResponse": "json.output"}, "no"),
    (Reply(status=201, body={"output": "yes"}), {"validateStatus": "status < 300"}, None),
    (
        Reply(status=500, body="down"),
        {"validateStatus": "(s) => s >= 200 && s < 300"},
        "failed (500): down",
    ),
    (Reply(status=429, body="slow"), {}, "too many requests (429): slow"),
    (Reply(status=302, headers={"Location": "/x"}), {}, "a redirect (302)"),
    (Reply(body={"error": "odd"}), {"transformResponse": "json"}, "answered with an error: odd"),
    (Reply(body={"output": None}), {"transformResponse": "json.output"}, "has no output"),
    (Reply(body={}), {"transformResponse": "json.a.b"}, "the response has nothing at json.a.b"),
    (Reply(body=""), {"transformResponse": "json.a"}, "the response has nothing at json.a"),
    (Reply(body={"a": 1}), {"transformResponse": "json.a.map(f)"}, "transformResponse failed: "),
    (Reply(body={"a": 1}), {"transformResponse": "fetch('http://x')"}, "transformResponse failed"),
    (Reply(body={}), {"transformResponse": "while (true) {} return 1"}, "transformResponse failed"),
    (Reply(body={}), {"transformRequest": "throw new Error('odd'); return 1"}, "odd"),
]


@pytest.mark.parametrize(
    ("reply", "config", "expected"), STATUSES, ids=[str(number) for number in range(len(STATUSES))]
)
def test_what_an_answer_means(reply, config, expected):
    with closing(FakeEndpoint(reply)) as fake:
        written = describe(fake, {"method": "POST", "body": {"q": 1}, **config})
        if expected is None or expected in ("down", "no"):
            assert ask(written).text == (expected or '{"output":"yes"}')
            return
        with pytest.raises(ProviderError) as caught:
            ask(written)
    assert expected in str(caught.value)


def test_usage_and_cost_that_a_transform_gives():
    body = {"output": "x", "tokenUsage": {"prompt": 3, "completion": 2}, "cost": 0.5}
    with closing(FakeEndpoint(Reply(body=body))) as fake:
        written = describe(fake, {"method": "POST", "body": {}, "transformResponse": "json"})
        answer = ask(written)
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("x", 3, 2)
    assert str(answer.cost_usd) == "0.5"


WRONG = [
    ({"id": "https://x.example/a"}, "needs a body or a request in its config, or method: GET"),
    ({"id": "https://user:pw@x.example/a", "config": {"body": {}}}, "a user name or password"),
    ({"id": "http", "config": {"body": {}}}, "must begin with http:// or https://"),
    ({"id": "webhook:ftp://x"}, "must begin with http:// or https://"),
    ({"id": "http://169.254.169.254/a", "config": {"body": {}}}, "is not allowed"),
]


@pytest.mark.parametrize(("written", "sentence"), WRONG, ids=range(len(WRONG)))
def test_what_is_refused_before_anything_is_sent(written, sentence):
    with pytest.raises(SetupError) as caught:
        ask(written)
    assert sentence in str(caught.value)
    assert "pw@" not in str(caught.value)


def test_an_address_that_a_value_makes_is_checked():
    config = {"method": "GET"}
    values = {"host": "169.254.169.254"}
    with pytest.raises(SetupError, match="is not allowed"):
        ask({"id": "http://{{host}}/latest", "config": config}, variables=values)


def test_a_raw_request_without_its_first_line():
    config = {"request": "Host: x.example\n\nbody"}
    with pytest.raises(RefusedError, match="a raw request must begin with a line such as POST"):
        ask({"id": "https", "config": config})


def test_webhooks():
    with closing(FakeEndpoint(Reply(body={"output": "yes"}), Reply(body={"x": 1}))) as fake:
        written = {"id": f"webhook:{fake.url}/hook", "config": {"level": 3}}
        answer = ask(written)
        assert answer.text == "yes"
        [came] = fake.requests
        assert (came.method, came.path) == ("POST", "/hook")
        assert came.json == {"prompt": PROMPT, "config": {"level": 3}}
        with pytest.raises(BrokenAnswerError, match="has no output"):
            ask(f"webhook:{fake.url}/hook")


EXPRESSIONS = [
    ("json.a['b'].c", "deep"),
    ('json["a"].b.c', "deep"),
    ("json.list[1]", 2),
    ("json.list.length", 2),
    ("json?.a?.b?.c", "deep"),
    ("json.no ?? text", "raw"),
    ("  text ; ", "raw"),
    ("(json, text) => text", "raw"),
    ("json => json.a.b.c", "deep"),
]
JAVASCRIPT = [
    ("json.a.b.c.toUpperCase()", "DEEP"),
    ("json.a.b.c + 1", "deep1"),
    ("({output: json.list.map((n) => n * 2)})", {"output": [2, 4]}),
    ("(json, text) => { return text + '!'; }", "raw!"),
    ("function (json) { return json.list.length; }", 2),
    ("async (json) => json.a.b.c", "deep"),
    ("const last = json.list.at(-1);\nreturn last;", 2),
    ("json.list.find((n) => n > 5)", UNDEFINED),
]


@pytest.mark.parametrize(("source", "expected"), EXPRESSIONS)
def test_paths_are_read(source, expected):
    values = {"json": {"a": {"b": {"c": "deep"}}, "list": [1, 2]}, "text": "raw"}
    assert asyncio.run(evaluate(source, values, what="transformResponse")) == expected


@pytest.mark.parametrize(("source", "expected"), JAVASCRIPT, ids=range(len(JAVASCRIPT)))
def test_all_else_runs_in_the_sandbox(source, expected):
    values = {"json": {"a": {"b": {"c": "deep"}}, "list": [1, 2]}, "text": "raw"}
    assert asyncio.run(evaluate(source, values, what="transformResponse")) == expected


def test_a_request_that_is_transformed():
    config = {"method": "POST", "body": {"q": "{{prompt}}", "n": 1}}
    for transform, sent in [
        (
            "({messages: [{role: 'user', content: prompt}]})",
            {"q": "{{prompt}}", "n": 1, "messages": [{"role": "user", "content": "Hi"}]},
        ),
        ("prompt.toUpperCase() + vars.city", {"q": "HIRome", "n": 1}),
    ]:
        with closing(FakeEndpoint(Reply(body={"a": 1}))) as fake:
            written = describe(fake, {**config, "transformRequest": transform})
            ask(written, prompt="Hi", variables={"city": "Rome"})
            [came] = fake.requests
        assert came.json == sent


def test_a_key_by_its_variable():
    spec = parse_spec({"id": "groq:m", "config": {"apiKey": "{{ env.TEAM_KEY }}"}})
    assert (spec.settings, spec.parameters) == ({"key_variable": "TEAM_KEY"}, {})
    for value in ("{{env.A}}x", "x {{env.A}}", "{{ a }}", "sk-1 {{env.A}}"):
        with pytest.raises(SetupError, match="is never read from a file"):
            parse_spec({"id": "groq:m", "config": {"apiKey": value}})
