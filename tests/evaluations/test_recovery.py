"""Values that filled a prompt are read out of its messages, where there is one way alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.recovery import Said, recover_values
from prompts import interface as prompts
from prompts import services

pytestmark = pytest.mark.django_db


def make(content, *, syntax: str = "mustache", variables=()) -> prompts.PromptText:
    is_chat = not isinstance(content, str)
    row = services.create_prompt(
        title="p",
        content=json.dumps(content) if is_chat else content,
        kind="chat" if is_chat else "text",
        syntax=syntax,
        variables=[{"name": name} if isinstance(name, str) else name for name in variables],
    )
    return prompts.get_prompt_text(prompt_id=row.pk)


def user(text: str) -> Said:
    return Said(role="user", text=text)


TEXTS = [
    # template, variables, text → values
    ("Greet {{ name }}.", ["name"], "Greet Aiko.", {"name": "Aiko"}),
    ("{{name}}", ["name"], "a\nb {{ c }}", {"name": "a\nb {{ c }}"}),
    ("{{ a }}, {{ b }}!", ["a", "b"], "x, y!", {"a": "x", "b": "y"}),
    ("Q: {{ q }}\n\nText:\n{{ t }}\nEnd", ["q", "t"], "Q: why?\n\nText:\n1\n2\nEnd",
     {"q": "why?", "t": "1\n2"}),
    ("{{ a }} or {{ a }}", ["a"], "me or me", {"a": "me"}),
    ("挨拶: {{ 名前 }}。", ["名前"], "挨拶: 愛子。", {"名前": "愛子"}),
    # several ways
    ("{{ a }}, {{ b }}", ["a", "b"], "x, y, z", None),
    ("{{ a }}{{ b }}", ["a", "b"], "xy", None),
    ("{{ a }} {{ b }} {{ c }}", ["a", "b", "c"], "1 2 3 4", None),
    # no way
    ("Greet {{ name }}.", ["name"], "Greet Aiko", None),
    ("Greet {{ name }}.", ["name"], "greet Aiko.", None),
    ("ab{{ a }}ba", ["a"], "aba", None),
    ("{{ a }} or {{ a }}", ["a"], "me or you", None),
    ("{{ a }}: {{ b }}", ["a", "b"], "x", None),
    # not simple
    (r"\{{ a }} {{ b }}", ["b"], "{{ a }} x", None),
    ("{{ n }}", [{"name": "n", "type": "list"}], "- 1", None),
]  # fmt: skip


@pytest.mark.parametrize(("content", "variables", "text", "values"), TEXTS)
def test_texts(content, variables, text, values):
    assert recover_values(make(content, variables=variables), [user(text)]) == values


def test_a_plain_text_has_no_values():
    prompt = make("Say {{ it }}.", syntax="plain")
    assert recover_values(prompt, [user("Say {{ it }}.")]) == {}
    assert recover_values(prompt, [user("Say it.")]) is None
    assert recover_values(prompt, [user("Say {{ it }}."), user("more")]) is None
    assert recover_values(prompt, [Said(role="system", text="Say {{ it }}.")]) is None


def test_jinja_is_not_read():
    prompt = make("{{ a }}", syntax="jinja", variables=["a"])
    assert recover_values(prompt, [user("x")]) is None


def test_an_include_is_not_read():
    tone = services.create_prompt(title="tone", content="Calm.")
    services.move_label(prompt_id=tone.pk, label="production", number=1, mover=services.SYSTEM)
    row = services.create_prompt(title="p", content="{{> tone }} {{ a }}", syntax="mustache",
                                 variables=[{"name": "a"}])  # fmt: skip
    prompt = prompts.get_prompt_text(prompt_id=row.pk)
    assert recover_values(prompt, [user("Calm. x")]) is None


SYSTEM = {"role": "system", "content": "Be {{ tone }}."}
HISTORY = {"type": "placeholder", "name": "history"}
QUESTION = {"role": "user", "content": "{{ q }}"}
CALM = Said(role="system", text="Be calm.")
YES = Said(role="assistant", text="Yes.")
SAID = [
    {"role": "user", "content": "Are you there?"},
    {"role": "assistant", "content": "Yes."},
]
THERE = user("Are you there?")
CHATS = [
    ([SYSTEM, QUESTION], [CALM, user("Why?")], {"tone": "calm", "q": "Why?"}),
    ([SYSTEM, QUESTION], [CALM, user("Why?"), user("And?")], None),
    ([SYSTEM, QUESTION], [CALM], None),
    ([SYSTEM, QUESTION], [user("Be calm."), user("Why?")], None),
    ([SYSTEM, HISTORY, QUESTION], [CALM, THERE, YES, user("Why?")],
     {"tone": "calm", "history": SAID, "q": "Why?"}),
    ([SYSTEM, HISTORY, QUESTION], [CALM, user("Why?")],
     {"tone": "calm", "history": [], "q": "Why?"}),
    ([SYSTEM, HISTORY], [CALM, THERE, YES], {"tone": "calm", "history": SAID}),
    ([HISTORY], [], None),  # a chat without messages is none
    ([SYSTEM, HISTORY, QUESTION], [CALM], None),
    ([SYSTEM, HISTORY, QUESTION], [], None),
    ([SYSTEM, HISTORY, {"type": "placeholder", "name": "more"}], [CALM, THERE, YES], None),
    ([{"role": "user", "content": [{"type": "text", "text": "{{ q }}"}]}], [user("x")], None),
    ([SYSTEM, {"role": "user", "content": "{{ q }}{{ tone }}"}], [CALM, user("xcalm")], None),
]  # fmt: skip


@pytest.mark.parametrize(("content", "messages", "values"), CHATS)
def test_chats(content, messages, values):
    text = json.dumps(content)
    prompt = make(content, variables=[name for name in ("tone", "q") if f"{{{{ {name}" in text])
    assert recover_values(prompt, messages) == values


def test_the_same_variable_in_two_messages():
    prompt = make([SYSTEM, {"role": "user", "content": "{{ tone }}?"}], variables=["tone"])
    assert recover_values(prompt, [CALM, user("calm?")]) == {"tone": "calm"}
    assert recover_values(prompt, [CALM, user("loud?")]) is None


def test_a_broken_chat_is_not_read():
    prompt = make([QUESTION], variables=["q"])
    broken = prompts.PromptText(**{name: getattr(prompt, name) for name in prompt.__slots__}
                                | {"content": "{"})  # fmt: skip
    assert recover_values(broken, [user("x")]) is None


WORDS = st.text(alphabet="ab, ", max_size=6)


@given(first=WORDS, second=WORDS, separator=st.sampled_from([", ", "a", "ab"]))
def test_values_are_read_where_there_is_one_way_alone(first, second, separator):
    from evaluations.recovery import _match, _Pattern

    text = f"<{first}{separator}{second}>"
    pattern = _Pattern(role="user", literals=("<", separator, ">"), names=("x", "y"))
    ways = []
    for place in range(1, len(text)):
        if text.startswith(separator, place) and place + len(separator) <= len(text) - 1:
            ways.append({"x": text[1:place], "y": text[place + len(separator) : -1]})
    found = _match(pattern, user(text))
    assert {"x": first, "y": second} in ways
    assert found == (ways[0] if len(ways) == 1 else None)
