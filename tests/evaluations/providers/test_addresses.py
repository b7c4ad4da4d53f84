"""Where requests go: addresses as they are joined, and networks that are not asked."""

import asyncio
import socket
from contextlib import closing

import pytest

from core.resolving import GuardedResolver
from evaluations.engine.errors import ProviderError, RefusedError, ServiceError, SetupError
from evaluations.engine.providers import Limits, ProviderSpec, make, with_retries
from evaluations.engine.providers.addresses import join_url, make_policy
from evaluations.engine.types import Message, Request
from tests.support.fake_models import FakeModels, Step

REQUEST = Request(model="m", messages=(Message(role="user", content="hi"),))
CHAT, MESSAGES, VECTORS = "/chat/completions", "/messages", "/embeddings"
JOINED = [
    ("http://h/v1", CHAT, "", "http://h/v1/chat/completions"),
    ("http://h/v1/", CHAT, "", "http://h/v1/chat/completions"),
    ("http://h:8/a/b//", CHAT, "", "http://h:8/a/b/chat/completions"),
    ("http://h/v1/chat/completions", CHAT, "", "http://h/v1/chat/completions"),
    ("http://h/v1/chat/completions/", CHAT, "", "http://h/v1/chat/completions"),
    ("http://h/d/gpt?api-version=1", CHAT, "", "http://h/d/gpt/chat/completions?api-version=1"),
    ("http://h/d/?a=1&b=2", VECTORS, "", "http://h/d/embeddings?a=1&b=2"),
    ("http://h/v1#part", CHAT, "", "http://h/v1/chat/completions"),
    ("http://h", MESSAGES, "/v1", "http://h/v1/messages"),
    ("http://h/", MESSAGES, "/v1", "http://h/v1/messages"),
    ("http://h/v1", MESSAGES, "/v1", "http://h/v1/messages"),
    ("http://h/v1/", MESSAGES, "/v1", "http://h/v1/messages"),
    ("http://h/v1/messages", MESSAGES, "/v1", "http://h/v1/messages"),
    ("http://h/anthropic?x=1", MESSAGES, "/v1", "http://h/anthropic/v1/messages?x=1"),
]


@pytest.mark.parametrize(("base", "path", "version", "url"), JOINED, ids=range(len(JOINED)))
def test_addresses_are_joined(base, path, version, url):
    assert join_url(base, path, version=version) == url


def provider(url, *, kind="openai-compatible", **environment):
    limits = Limits(timeout_seconds=10, retries=4)
    spec = ProviderSpec(kind=kind, model="m", base_url=url, limits=limits)
    return make(spec, environment)


def ask(url, **environment):
    async def no_wait(_seconds):
        pass

    async def run():
        service = provider(url, **environment)
        try:
            return await with_retries(
                lambda: service.complete(REQUEST), service.limits, sleep=no_wait
            )
        finally:
            await service.close()

    return asyncio.run(run())


LINK_LOCAL, PRIVATE, OWN = "a link-local or metadata address", "a private address", "this machine"
# host, what it is, where it is refused: everywhere, or nowhere in local
HOSTS = [
    ("169.254.169.254", LINK_LOCAL),
    ("169.254.1.1", LINK_LOCAL),
    ("[fe80::1]", LINK_LOCAL),
    ("[fe80::1%25eth0]", LINK_LOCAL),
    ("[fd00:ec2::254]", LINK_LOCAL),
    ("[::ffff:169.254.169.254]", LINK_LOCAL),
    ("[64:ff9b::a9fe:a9fe]", LINK_LOCAL),
    ("[2002:a9fe:a9fe::1]", LINK_LOCAL),
    ("100.100.100.200", LINK_LOCAL),
    ("168.63.129.16", LINK_LOCAL),
    ("10.0.0.1", PRIVATE),
    ("172.16.5.4", PRIVATE),
    ("192.168.1.1", PRIVATE),
    ("100.64.0.1", PRIVATE),
    ("224.0.0.1", PRIVATE),
    ("[fd12::1]", PRIVATE),
    ("[::ffff:10.0.0.1]", PRIVATE),
    ("127.0.0.1", OWN),
    ("127.9.9.9", OWN),
    ("0.0.0.0", OWN),
    ("[::1]", OWN),
    ("[::ffff:127.0.0.1]", OWN),
]
SETTING = "MODEL_ALLOWED_NETWORKS"


@pytest.mark.parametrize(("host", "kind"), HOSTS)
def test_an_address_that_is_a_number_is_refused_before_anything_is_sent(host, kind):
    with pytest.raises(SetupError) as refusal:
        provider(f"http://{host}/v1", **{SETTING: ""})
    assert kind in str(refusal.value)
    assert SETTING in str(refusal.value)
    if kind == LINK_LOCAL:
        with pytest.raises(SetupError):
            provider(f"http://{host}/v1")
    else:
        provider(f"http://{host}/v1")


ALLOWED = [
    ("http://10.1.2.3/v1", "10.0.0.0/8"),
    ("http://10.1.2.3/v1", "private"),
    ("http://169.254.169.254/v1", "192.168.0.0/16, 169.254.169.254"),
    ("http://[fd12::1]/v1", "fd00::/8"),
    ("http://[::1]/v1", "loopback"),
    ("http://1.1.1.1/v1", ""),
]


@pytest.mark.parametrize(("url", "networks"), ALLOWED)
def test_a_setting_allows_what_it_names(url, networks):
    provider(url, **{SETTING: networks})


@pytest.mark.parametrize("name", ["localhost", "127.1", "0x7f.1", "2130706433"])
def test_a_name_is_checked_by_the_address_that_it_has(name):
    with closing(FakeModels(answer="hello")) as fake:
        port = fake.server.server_address[1]
        with pytest.raises(ProviderError):
            ask(f"http://{name}:{port}/v1", **{SETTING: "private"})
        assert fake.requests == []


def test_the_operators_own_address_may_be_on_this_machine_or_private():
    with closing(FakeModels(answer="hello")) as fake:
        url = f"{fake.url}/v1".replace("127.0.0.1", "localhost")
        answer, _ = ask("", OPENAI_COMPATIBLE_BASE_URL=url, **{SETTING: ""})
        assert answer.text == "hello"
        metadata = "http://169.254.169.254/v1"
        with pytest.raises(SetupError, match="link-local or metadata"):
            provider("", OPENAI_COMPATIBLE_BASE_URL=metadata, **{SETTING: ""})
        # Another address than that one is not allowed by it.
        with pytest.raises(SetupError):
            provider("http://127.0.0.1:1/v1", OPENAI_COMPATIBLE_BASE_URL=url, **{SETTING: ""})


def test_a_name_that_changes_its_address_is_checked_at_each_resolution(monkeypatch):
    answers = iter(["93.184.216.34", "169.254.169.254"])

    async def resolve(_self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": next(answers), "port": port, "family": family,
                 "proto": 0, "flags": 0}]  # fmt: skip

    async def run():
        monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
        resolver = GuardedResolver(make_policy({SETTING: ""}).check)
        assert (await resolver.resolve("rebound.example"))[0]["host"] == "93.184.216.34"
        with pytest.raises(SetupError, match=r"rebound\.example \(169\.254\.169\.254\)"):
            await resolver.resolve("rebound.example")

    asyncio.run(run())


def test_a_redirect_is_not_followed():
    with closing(FakeModels(answer="inside")) as inside:
        step = Step(status=302, headers={"Location": f"{inside.url}/v1/chat/completions"}, body="")
        with closing(FakeModels(step)) as fake, pytest.raises(RefusedError, match="redirect"):
            ask(f"{fake.url}/v1")
        assert inside.requests == []


def failing_names(monkeypatch, code):
    asked = []

    async def resolve(_self, host, _port=0, _family=socket.AF_INET):
        asked.append(host)
        raise socket.gaierror(code, "no")

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    return asked


@pytest.mark.parametrize(("code", "error", "sentence", "tries"), [
    (socket.EAI_NONAME, RefusedError, "unknown host nowhere.invalid (DNS lookup failed)", 1),
    (socket.EAI_AGAIN, ServiceError, "cannot be resolved at the moment (DNS)", 3),
])  # fmt: skip
def test_a_name_that_has_no_address_is_named(monkeypatch, code, error, sentence, tries):
    asked = failing_names(monkeypatch, code)
    with pytest.raises(error) as refusal:
        ask("http://nowhere.invalid/v1")
    assert sentence in str(refusal.value)
    assert (len(asked), refusal.value.attempts) == (tries, tries)


def test_a_connection_that_is_refused_says_so():
    fake = FakeModels()
    fake.close()
    with pytest.raises(ServiceError, match=r"the connection was refused; is the service running"):
        ask(f"{fake.url}/v1")


def test_a_service_without_tls_says_so():
    with closing(FakeModels()) as fake:
        url = fake.url.replace("http:", "https:")
        with pytest.raises(RefusedError, match=r"does not speak TLS") as refusal:
            ask(f"{url}/v1")
    assert refusal.value.attempts == 1
