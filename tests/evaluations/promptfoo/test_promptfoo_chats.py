"""Chats in filled prompts, as each of promptfoo's clients reads them.

What is expected was seen in what promptfoo 0.123.1 sent to a server of ours; `make differential`
compares it again.
"""

import json

import pytest

from evaluations.adapters import prepare
from evaluations.engine.errors import RefusedError, SuiteError
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.parts import (
    check_addresses,
    message_for_anthropic,
    message_for_openai,
)
from evaluations.engine.types import Part, identify_message
from evaluations.promptfoo.chats import read_messages
from evaluations.promptfoo.templates import free_template

PNG = "data:image/png;base64,iVBORw=="
IMAGE_URL = {"type": "image_url", "image_url": {"url": PNG}}
TEXT = {"type": "text", "text": "What is this?"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def say(role, content, **more):
    return {"role": role, "content": content, **more}


def chat(*messages):
    return json.dumps(messages)


# What stands in a prompt, and what a service of OpenAI's form is sent; None: it is the user's text.
OPENAI = [
    ("Hello", None),
    ("system: be brief\nuser: Hello", None),
    ("[not a chat]", None),
    ("[]", None),
    ("42", None),
    ('"a text"', None),
    ('{"task": "x"}', None),
    ('["a", "b"]', None),
    ('[{"content": "no role"}]', None),
    ('[{"role": 1, "content": "x"}]', None),
    ('[{"role": "", "content": "x"}]', None),
    (chat(say("system", "A"), say("user", "B")), [say("system", "A"), say("user", "B")]),
    (
        "- role: system\n  content: A\n- role: user\n  content: B",
        [say("system", "A"), say("user", "B")],
    ),
    ("\n\n- role: user\n  content: B", [say("user", "B")]),
    (chat(say("user", [TEXT, IMAGE_URL])), [say("user", [TEXT, IMAGE_URL])]),
    (
        chat(say("assistant", None, tool_calls=[CALL]), say("tool", "9", tool_call_id="c")),
        [say("assistant", None, tool_calls=[CALL]), say("tool", "9", tool_call_id="c")],
    ),
    # What we have no words for is sent as it stands.
    (chat(say("user", "A", name="Ann")), [say("user", "A", name="Ann")]),
    (chat(say("boss", "A")), [say("boss", "A")]),
    (chat(say("user", [{"type": "text"}])), [say("user", [{"type": "text"}])]),
    (chat(say("user", {"a": 1})), [say("user", {"a": 1})]),
    (chat(say("user", None)), [say("user", None)]),
    (chat(say("assistant", "A", tool_calls=[1])), [say("assistant", "A", tool_calls=[1])]),
    (chat(say("tool", "A", tool_call_id=1)), [say("tool", "A", tool_call_id=1)]),
    (chat(say("user", [{"type": "input_audio", "input_audio": {"data": "AA"}}])), [
        say("user", [{"type": "input_audio", "input_audio": {"data": "AA"}}])
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sent"), OPENAI, ids=range(len(OPENAI)))
def test_services_of_openais_form(text, sent):
    messages = read_messages("openai", text)
    assert list(map(message_for_openai, messages)) == (sent or [say("user", text)])
    assert all(isinstance(message.content, str) for message in messages)


BROKEN = [
    ('[{"role": "user", "content": "a"b"}]', "looks like JSON, and is none once it is filled"),
    ('{"a": }', "looks like JSON"),
    ("[1, 2,]", "looks like JSON"),
    ("[true, x]", "looks like JSON"),
    ("- role: user\n  content: a: b: c", "begins like a chat in YAML, and is none"),
    (
        chat(say("user", [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}])),
        "the chat has a part that cannot be sent: the address of an image",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), BROKEN, ids=range(len(BROKEN)))
def test_what_was_meant_as_a_chat_is_an_error_of_its_case(text, sentence):
    with pytest.raises(SuiteError, match=sentence):
        read_messages("openai", text)
    with pytest.raises(SuiteError, match=sentence):
        prepare(free_template("{{ text }}"), "openai")({"text": text})


ANTHROPIC = [
    ("Hello", [say("user", "Hello")]),
    ("A\n\n  B  ", [say("user", "A\nB")]),
    ("system: Be brief\nuser: Hi\nand more\nassistant: Yes?\nuser: Go", [
        say("system", "Be brief"), say("user", "Hi\nand more"), say("assistant", "Yes?"),
        say("user", "Go"),
    ]),
    ("system: A\nsystem: B\nHi", [say("system", "B"), say("user", "Hi")]),
    ("user:", [say("user", "")]),
    ("   ", [say("user", "")]),
    ("- role: user\n  content: B", [say("user", "- role: user\ncontent: B")]),
    ('{\n  "a": 1\n}', [say("user", '{\n"a": 1\n}')]),
    (chat(say("system", "A"), say("user", " B\n")), [say("system", "A"), say("user", " B\n")]),
    ("[1, 2]", [say("user", "[1, 2]")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sent"), ANTHROPIC, ids=range(len(ANTHROPIC)))
def test_anthropic(text, sent):
    messages = read_messages("anthropic", text)
    assert [say(message.role, message.content) for message in messages] == sent


FAR = "https://x.example/a.png"
BASE64 = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
IMAGES = [
    (IMAGE_URL, PNG),
    ({"type": "image", "source": {"type": "url", "url": FAR}}, FAR),
    ({"type": "image", "source": BASE64}, PNG),
    ({"type": "image", "source": {"type": "base64", "data": PNG}}, PNG),
]


@pytest.mark.parametrize(("part", "url"), IMAGES, ids=range(len(IMAGES)))
def test_images_for_anthropic(part, url):
    (message,) = read_messages("anthropic", chat(say("user", [TEXT, part])))
    assert message.parts == (Part(type="text", text=TEXT["text"]), Part(type="image", url=url))
    blocks = message_for_anthropic(message)["content"]
    assert blocks[1]["source"]["type"] == ("url" if url.startswith("https") else "base64")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "source": "x"},
        {"type": "image", "source": {"type": "base64"}},
        {**TEXT, "cache_control": {"type": "ephemeral"}},
    ],
    ids=range(3),
)
def test_what_anthropic_alone_has_is_sent_as_it_stands(part):
    given = say("user", [part])
    (message,) = read_messages("anthropic", chat(given))
    assert message_for_anthropic(message) == given


def test_echo_answers_what_stands_there():
    text = chat(say("user", "A"))
    assert [message.content for message in read_messages("echo", text)] == [text]


def test_a_loop_and_dump_write_a_chat():
    text = (
        '[{% for turn in turns %}{"role": "user", "content": {{ turn | dump }}},{% endfor %}'
        '{"role": "user", "content": "{{ last }}"}]'
    )
    messages = prepare(free_template(text), "openai")({"turns": ['a "b"', "c\nd"], "last": "e"})
    assert [message.content for message in messages] == ['a "b"', "c\nd", "e"]


def test_an_image_of_a_variable_is_longer_than_what_templates_write():
    data = "data:image/png;base64," + "iVBO" * 300_000
    part = {"type": "image_url", "image_url": {"url": "{{ picture }}"}}
    long = {"type": "image_url", "image_url": {"url": data}}
    text = chat(say("user", [TEXT, part, long]))
    (message,) = prepare(free_template(text), "openai")({"picture": data})
    assert [part.url for part in message.parts] == ["", data, data]


def test_messages_that_are_sent_as_they_stand_are_told_apart():
    first, second, third = (
        read_messages("openai", chat(given))[0]
        for given in (say("user", "A", name="x"), say("user", "A", name="y"), say("user", "A"))
    )
    assert len({json.dumps(identify_message(one)) for one in (first, second, third)}) == 3


@pytest.mark.parametrize("allowed", [True, False])
def test_addresses_in_them_are_held_against_the_networks(allowed):
    inner = "https://93.184.215.14/a" if allowed else "https://127.0.0.1/a"
    parts = [{"type": "video_url", "video_url": {"url": inner}}, {"type": "x", "image_url": PNG}]
    messages = read_messages("openai", chat(say("user", parts)))
    policy = make_policy({"MODEL_ALLOWED_NETWORKS": ""})
    if allowed:
        check_addresses(policy, messages)
        return
    with pytest.raises(RefusedError, match=r"127\.0\.0\.1"):
        check_addresses(policy, messages)
