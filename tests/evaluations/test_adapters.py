"""Templates and a case's variables become messages."""

import json

import pytest

from evaluations.adapters import prepare
from evaluations.engine.types import Part
from evaluations.promptfoo.templates import free_template
from prompts.interface import Template, TemplateError
from prompts.rendering import Variable

HISTORY = {"type": "placeholder", "name": "history"}
CONTENT = json.dumps([HISTORY, {"role": "user", "content": "{{ question }}"}])
STORED = Template(
    content=CONTENT, kind="chat", syntax="mustache", variables=(Variable(name="question"),)
)
TURN = {"role": "assistant", "content": "{{ question }} {% raw %}"}


def build(template, **values):
    messages = prepare(template)(values)
    return [(message.role, message.content) for message in messages]


@pytest.mark.parametrize("template", [STORED, free_template(CONTENT)], ids=["stored", "file"])
def test_a_case_carries_the_messages_for_a_placeholder(template):
    expected = [("assistant", TURN["content"]), ("user", "Why?")]
    assert build(template, question="Why?", history=[TURN], more=1) == expected
    assert build(template, question="Why?") == [("user", "Why?")]
    with pytest.raises(TemplateError, match="the placeholder “history” needs a list of messages"):
        build(template, question="Why?", history="{{ question }}")


PNG = "data:image/png;base64,iVBORw=="
PARTS = [
    {"type": "text", "text": "What is {{ question }}?"},
    {"type": "image_url", "image_url": {"url": "{{ picture }}", "detail": "low"}},
]


def test_parts_become_parts():
    content = json.dumps([HISTORY, {"role": "user", "content": PARTS}])
    names = ("question", "picture")
    stored = Template(
        content=content,
        kind="chat",
        syntax="jinja",
        variables=tuple(Variable(name=name) for name in names),
    )
    for template in (stored, free_template(content)):
        turn = {"role": "user", "content": [{"type": "image", "url": PNG}]}
        messages = prepare(template)({"question": "this", "picture": PNG, "history": [turn]})
        assert [message.parts for message in messages] == [
            (Part(type="image", url=PNG),),
            (
                Part(type="text", text="What is this?"),
                Part(type="image", url=PNG, detail="low"),
            ),
        ]
        assert messages[1].content.startswith(
            "What is this?\n\n[image data:image/png, 6 bytes, sha"
        )
        with pytest.raises(TemplateError, match="message 2, part 2: the address of an image"):
            prepare(template)({"question": "this", "picture": "file:///etc/passwd"})


def test_a_chat_of_a_file_keeps_its_names_apart():
    content = CONTENT.replace("history", "question")
    with pytest.raises(TemplateError, match="the placeholder “question” has the name of"):
        prepare(free_template(content))
