"""Placeholders of a chat: places for messages that whoever renders it provides."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.rendering import (
    ROLES,
    ContractError,
    Message,
    Placeholder,
    Template,
    Variable,
    check,
    coerce_values,
    dump_messages,
    find_placeholders,
    find_uses,
    parse_messages,
    propose_variables,
    render,
)
from prompts.rendering.problems import ValuesError

SYSTEM = {"role": "system", "content": "Help {{ name }}."}
HISTORY = {"type": "placeholder", "name": "history"}
QUESTION = {"role": "user", "content": "{{ question }}"}
HELLO = {"role": "assistant", "content": "Hello {{ name }}! {% raw %} {{> x }}"}


def chat(*entries, syntax="mustache", variables=("name", "question")):
    declared = tuple(Variable(name=name) for name in variables)
    content = json.dumps(entries)
    return Template(content=content, kind="chat", syntax=syntax, variables=declared)


VALUES = {"name": "Aiko", "question": "Why?"}
CHAT = chat(SYSTEM, HISTORY, QUESTION)


def fill(template=CHAT, **values):
    return [(message.role, message.content) for message in render(template, VALUES | values)]


@pytest.mark.parametrize("syntax", ["mustache", "jinja", "nunjucks-value"])
def test_messages_are_inserted_as_they_are(syntax):
    template = chat(SYSTEM, HISTORY, QUESTION, syntax=syntax)
    history = [{"role": "user", "content": "{{ question }}"}, HELLO | {"type": "chatmessage"}]
    expected = [
        ("system", "Help Aiko."),
        ("user", "{{ question }}"),
        ("assistant", HELLO["content"]),
        ("user", "Why?"),
    ]
    assert fill(template, history=history) == expected
    as_values = [Message(role=entry["role"], content=entry["content"]) for entry in history]
    assert fill(template, history=as_values) == expected
    assert fill(template, history=tuple(history)) == expected


@pytest.mark.parametrize("values", [{}, {"history": None}, {"history": []}])
def test_a_placeholder_that_nobody_fills_holds_no_messages(values):
    assert fill(**values) == [("system", "Help Aiko."), ("user", "Why?")]


def test_a_plain_chat_has_placeholders_too():
    template = chat(
        HISTORY, {"role": "user", "content": "{{ as is }}"}, syntax="plain", variables=()
    )
    messages = render(template, {"history": [QUESTION]})
    assert [message.content for message in messages] == ["{{ question }}", "{{ as is }}"]


def test_a_long_history_is_filled_in_by_a_worker():
    text = "x" * 5_000_000
    assert fill(history=[{"role": "user", "content": text}])[1] == ("user", text)


def test_only_a_chat_that_ends_up_without_messages_is_refused():
    template = chat(HISTORY, variables=())
    assert check(template) == ()
    assert render(template, {"history": [QUESTION]}) == (
        Message(role="user", content="{{ question }}"),
    )
    with pytest.raises(ValuesError, match=r"^the chat has no messages; provide .*\(history\)$"):
        render(template, {})


def test_placeholders_are_no_variables():
    assert find_placeholders(CHAT) == ("history",)
    assert [use.name for use in find_uses(CHAT)] == ["name", "question"]
    assert [variable.name for variable in propose_variables(CHAT)] == ["name", "question"]
    assert find_placeholders(Template(content=json.dumps([HISTORY]))) == ()
    with pytest.raises(ContractError):
        find_placeholders(Template(content="[", kind="chat"))


def test_entries_are_read_in_both_forms_and_written_in_ours():
    entries = parse_messages(json.dumps([SYSTEM | {"type": "chatmessage"}, HISTORY]))
    assert entries == (
        Message(role="system", content="Help {{ name }}."),
        Placeholder(name="history"),
    )
    assert json.loads(dump_messages(entries)) == [SYSTEM, HISTORY]


BAD_ENTRIES = [
    (
        {"type": "placeholder"},
        "message 1: a placeholder must have only a type and a name; this one",
    ),
    (HISTORY | {"role": "user"}, "this one has type, name, role"),
    ({"type": "Placeholder", "name": "x"}, "message 1: a message must have only a role and"),
    ({"type": ["placeholder"], "name": "x"}, "this one has type, name"),
    (SYSTEM | {"type": None}, "this one has role, content, type"),
    (SYSTEM | {"type": "chat"}, "this one has role, content, type"),
    (SYSTEM | {"role": ["system"]}, "message 1: unknown role “['system']”; allowed roles"),
    (SYSTEM | {"role": {}}, "unknown role “{}”"),
    (SYSTEM | {"content": None}, "a content that is neither"),
    ([HISTORY], "this one has no keys"),
]
BAD_NAMES = [
    *("", "chat-history", "{{ x }}", "{x}", "1st", "__proto__", "__class__", "_x", "a b", "a.b"),
    *("set", "True", "x" * 101, "a\0b", "a\n"),
    *(None, 3, True, ["x"], {"x": 1}),
]


@pytest.mark.parametrize(("entry", "sentence"), BAD_ENTRIES)
def test_what_is_no_entry(entry, sentence):
    [problem] = check(chat(entry, variables=()))
    assert sentence in str(problem)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_none(name):
    [problem] = check(chat(HISTORY | {"name": name}, variables=()))
    assert (problem.code, problem.place.message) == ("placeholder-name", 1)
    assert "is not a valid placeholder name" in str(problem)
    with pytest.raises(ContractError):
        render(chat(HISTORY | {"name": name}, variables=()), {})


@pytest.mark.parametrize("name", ["history", "履歴", "constructor", "toString", "x" * 100])
def test_names_that_are_some(name):
    template = chat({"type": "placeholder", "name": name}, variables=())
    assert render(template, {name: [QUESTION]})[0].content == "{{ question }}"


@pytest.mark.parametrize(
    ("entries", "variables", "codes"),
    [
        ([HISTORY, QUESTION, HISTORY], ["question"], ["placeholder-twice"]),
        ([HISTORY, HISTORY, HISTORY], [], ["placeholder-twice", "placeholder-twice"]),
        ([HISTORY | {"name": "name"}, SYSTEM], ["name"], ["placeholder-variable"]),
        ([HISTORY | {"name": "name"}, SYSTEM], [], ["placeholder-variable", "undeclared"]),
        ([HISTORY | {"name": "name"}], ["name"], ["placeholder-variable", "unused"]),
    ],
)
def test_a_name_is_that_of_one_thing(entries, variables, codes):
    problems = check(chat(*entries, variables=variables))
    assert [problem.code for problem in problems] == codes
    assert "rename one of the two" in str(problems[0])


def test_of_plain_text_a_name_is_that_of_one_thing_too():
    codes = [
        problem.code for problem in check(chat(HISTORY, syntax="plain", variables=["history"]))
    ]
    assert codes == ["placeholder-variable", "plain-variables"]


BAD_HISTORIES = [
    ("text", "the placeholder “history” needs a list of messages, each with role and content, not"),
    (json.dumps([QUESTION]), "needs a list of messages"),
    (QUESTION, "needs a list of messages"),
    (3, "not 3"),
    (False, "not False"),
    ({}, "not {}"),
    ("x" * 1000, "x…"),
    ([3], "placeholder “history”, message 1: a message must have only a role and a content that"),
    ([QUESTION, None], "placeholder “history”, message 2: a message must have only"),
    ([HISTORY], "this one has type, name"),
    ([QUESTION | {"name": "x"}], "this one has role, content, name"),
    ([{"role": "user"}], "this one has role"),
    ([{}], "this one has nothing"),
    ([QUESTION | {"content": 3}], "this one has a content that is neither"),
    ([QUESTION | {"role": "boss"}], "placeholder “history”, message 1: unknown role “boss”; allow"),
    ([QUESTION | {"role": None}], "unknown role “None”"),
    ([QUESTION] * 1001, "the placeholder “history” has more than 1000 messages; provide fewer"),
    ([{"role": "user", "content": "x" * 10_000_001}], "the values have more than 10000000"),
    ([QUESTION | {"content": "x" * 100_000}] * 101, "the values have more than 10000000"),
]


@pytest.mark.parametrize(("history", "sentence"), BAD_HISTORIES)
def test_what_fills_no_placeholder(history, sentence):
    with pytest.raises(ValuesError) as caught:
        fill(history=history)
    [problem] = caught.value.problems
    assert sentence in str(problem)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(ValuesError) as caught:
        render(CHAT, {"name": 3, "history": [3], "hsitory": []})
    codes = {problem.code: str(problem) for problem in caught.value.problems}
    assert codes.keys() == {"unknown-near", "value-type", "missing", "chat-message"}
    assert codes["unknown-near"] == "unknown variable “hsitory”; did you mean “history”?"
    with pytest.raises(ValuesError) as caught:
        fill(history=[3] * 1000)
    assert len(caught.value.problems) == 20


def test_a_text_has_none():
    text = Template(content="Hi", kind="text")
    with pytest.raises(ValuesError, match="unknown variable “history”; this prompt has no"):
        render(text, {"history": []})


def test_messages_as_text_are_read_as_json():
    variables = CHAT.variables
    values = coerce_values(variables, {"history": json.dumps([HELLO]), "name": "x"}, ["history"])
    assert values == {"history": [HELLO], "name": "x"}
    for text in ("", "a\nb", "[", "NaN"):
        with pytest.raises(ValuesError, match="the placeholder “history” needs a list of messages"):
            coerce_values(variables, {"history": text}, ["history"])
    with pytest.raises(
        ValuesError, match="unknown variable “history”; this prompt has name, quest"
    ):
        coerce_values(variables, {"history": "[]"})


@given(
    st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(ROLES), "content": st.text()}), max_size=5
    )
)
def test_whatever_messages_say_comes_through(history):
    filled = fill(history=history)
    assert filled[1:-1] == [(entry["role"], entry["content"]) for entry in history]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "role", "content", "x"]), inner)
    ),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_whatever_a_chat_or_a_history_is_it_is_read_or_refused(value):
    template = Template(content=json.dumps(value), kind="chat")
    if check(template):
        with pytest.raises(ContractError):
            render(template, {})
    else:
        assert parse_messages(dump_messages(parse_messages(template.content)))
    with contextlib.suppress(ValuesError):
        assert len(fill(history=value)) == 2 + len(value or ())
