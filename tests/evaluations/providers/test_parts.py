"""Images and files: in each service's own form, or refused before anything is sent."""

import asyncio
import base64
from contextlib import closing

import pytest

from evaluations.engine.errors import RefusedError
from evaluations.engine.providers import Capabilities, ProviderSpec, check_parts, make
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.parts import check_addresses
from evaluations.engine.tokens import estimate_tokens
from evaluations.engine.types import Message, Part, Request, identify_message
from tests.evaluations.providers.test_contract import KINDS, environment
from tests.support.fake_models import FakeModels

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode()
TEXT = Part(type="text", text="What is this?")
IMAGE = Part(type="image", url=PNG)
LINK = Part(type="image", url="https://example.com/a.png", detail="low")
FILE = Part(type="file", name="report.pdf", url=PDF)
FILE_LINK = Part(type="file", name="report.pdf", url="https://example.com/report.pdf")


def message(*parts, role="user"):
    return Message(role=role, content="as people read it", parts=parts)


def ask(kind, *messages, allowed="loopback"):
    """Return the body that the service was sent, None where nothing was sent."""
    with closing(FakeModels(answer="a cat")) as fake:

        async def run():
            variables = environment(kind, fake.url) | {"MODEL_ALLOWED_NETWORKS": allowed}
            provider = make(ProviderSpec(kind=kind, model="m"), variables)
            try:
                answer = await provider.complete(Request(model="m", messages=messages))
            finally:
                await provider.close()
            assert answer.text == "a cat"

        try:
            asyncio.run(run())
        finally:
            bodies = [body for _path, _headers, body in fake.requests]
            ask.sent = len(bodies)
    return bodies[0]["messages"]


@pytest.mark.parametrize("kind", ["openai", "openai-compatible"])
def test_openai_s_form(kind):
    system = Message(role="system", content="be kind")
    sent = ask(kind, system, message(TEXT, IMAGE, LINK, FILE))
    assert sent == [
        {"role": "system", "content": "be kind"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": PNG}},
                {
                    "type": "image_url",
                    "image_url": {"url": "https://example.com/a.png", "detail": "low"},
                },
                {"type": "file", "file": {"filename": "report.pdf", "file_data": PDF}},
            ],
        },
    ]


def test_anthropic_s_form():
    empty = Part(type="text")  # it refuses blocks without a text
    sent = ask("anthropic", message(TEXT, empty, IMAGE, LINK, FILE, FILE_LINK))
    png, pdf = PNG.partition(",")[2], PDF.partition(",")[2]
    link = {"type": "url", "url": "https://example.com/report.pdf"}
    [only] = sent
    assert only["content"] == [
        {"type": "text", "text": "What is this?"},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": png},
        },
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": pdf},
            "title": "report.pdf",
        },
        {"type": "document", "source": link, "title": "report.pdf"},
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_texts_is_sent_as_parts(kind):
    [sent] = ask(kind, message(TEXT, TEXT))
    assert sent["content"] == [{"type": "text", "text": "What is this?"}] * 2


REFUSED = [
    ("openai", message(FILE_LINK), "takes files only as data"),
    ("openai-compatible", message(FILE_LINK), "takes files only as data"),
    ("anthropic", message(TEXT, IMAGE, role="system"), "only in messages of the user and the"),
    ("anthropic", message(FILE, role="developer"), "only in messages of the user and the"),
]


@pytest.mark.parametrize(("kind", "refused", "sentence"), REFUSED)
def test_what_a_service_does_not_take_is_not_sent(kind, refused, sentence):
    with pytest.raises(RefusedError, match=sentence):
        ask(kind, Message(role="user", content="hi"), refused)
    assert ask.sent == 0


def test_anthropic_s_instructions_may_be_parts_of_text():
    with closing(FakeModels(answer="a cat")) as fake:
        provider = make(
            ProviderSpec(kind="anthropic", model="m"), environment("anthropic", fake.url)
        )

        async def run():
            system = message(TEXT, Part(type="text", text="Be kind."), role="system")
            hello = Message(role="user", content="hi")
            await provider.complete(Request(model="m", messages=(system, hello)))
            await provider.close()

        asyncio.run(run())
        [(_path, _headers, body)] = fake.requests
    assert body["system"] == "What is this?\n\nBe kind."


ADDRESSES = [
    # address, MODEL_ALLOWED_NETWORKS, what refuses it
    ("https://example.com/a.png", "", ""),
    ("http://example.com/a.png", "loopback,private", "example.com must begin with https://"),
    ("http://8.8.8.8/a.png", "loopback,private", "8.8.8.8 must begin with https://"),
    ("http://media.internal/a.png", "media.internal", ""),
    ("http://localhost:8000/a.png", "loopback", ""),
    ("http://localhost:8000/a.png", "private", "localhost must begin with https://"),
    ("http://127.0.0.1/a.png", "loopback", ""),
    ("http://[::1]/a.png", "loopback", ""),
    ("http://10.0.0.1/a.png", "private", ""),
    ("http://10.0.0.1/a.png", "", "10.0.0.1"),
    ("https://10.0.0.1/a.png", "", "10.0.0.1"),
    ("https://169.254.169.254/latest/meta-data", "loopback,private", "169.254.169.254"),
    ("https://[::ffff:169.254.169.254]/", "loopback,private", "169.254.169.254"),
    (PNG, "", ""),
    (PNG.replace("data:", "DATA:"), "", ""),
]


@pytest.mark.parametrize(("url", "allowed", "refusal"), ADDRESSES)
def test_where_an_address_may_lead(url, allowed, refusal):
    policy = make_policy({"MODEL_ALLOWED_NETWORKS": allowed})
    messages = [Message(role="user", content="x"), message(TEXT, Part(type="image", url=url))]
    if not refusal:
        check_addresses(policy, messages)
        return
    with pytest.raises(RefusedError, match=refusal):
        check_addresses(policy, messages)


@pytest.mark.parametrize("kind", KINDS)
def test_no_address_of_our_own_network_is_sent(kind):
    with pytest.raises(RefusedError, match=r"169\.254\.169\.254"):
        ask(kind, message(Part(type="image", url="http://169.254.169.254/latest")))
    assert ask.sent == 0


def test_a_model_says_that_it_takes_no_images_and_no_files():
    check_parts(Capabilities(), [Message(role="user", content="hi"), message(TEXT)])
    with pytest.raises(RefusedError, match="the prompt has an image, which this model does not"):
        check_parts(Capabilities(supports_files=True), [message(TEXT, IMAGE)])
    with pytest.raises(RefusedError, match="the prompt has a file, which this model does not"):
        check_parts(Capabilities(supports_images=True), [message(FILE)])
    check_parts(
        Capabilities(supports_images=True, supports_files=True), [message(TEXT, IMAGE, FILE)]
    )


def test_what_identifies_a_message():
    assert identify_message(Message(role="user", content="x")) == ["user", "x"]
    assert identify_message(message(TEXT, LINK, FILE)) == [
        "user",
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "url": "https://example.com/a.png", "detail": "low"},
            {"type": "file", "url": PDF, "name": "report.pdf"},
        ],
    ]


def test_images_and_files_are_estimated():
    plain = estimate_tokens([Message(role="user", content="x" * 400)])
    assert plain == 100
    assert estimate_tokens([Message(role="user", content="x" * 400, parts=(TEXT,))]) == 100
    assert estimate_tokens([Message(role="user", content="x" * 400, parts=(IMAGE,))]) == 1500
