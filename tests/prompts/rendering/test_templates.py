# ruff: noqa: E501 (tables hold sentences)
"""Templates, their contracts and values: exact results, and exact places of what is wrong."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.rendering import (
    SYNTAXES,
    ContractError,
    Message,
    RenderError,
    Template,
    TemplateError,
    ValuesError,
    as_text,
    check,
    coerce_values,
    dump_messages,
    estimate_tokens,
    fill_partly,
    find_references,
    find_uses,
    parse_messages,
    parse_variables,
    propose_variables,
    render,
)

X = [{"name": "x"}]
ITEMS = [{"name": "items", "type": "list"}]
DATA = [{"name": "data", "type": "json"}]
NUMBER = [{"name": "n", "type": "number"}]


def fill(content, variables=(), values=None, syntax="jinja", **fields):
    declared = parse_variables(list(variables))
    template = Template(content=content, syntax=syntax, variables=declared, **fields)
    return render(template, values or {})


@pytest.mark.parametrize(
    ("content", "variables", "values", "text"),
    [
        ("a\r\nb\r\r\n\n", [], {}, "a\r\nb\r\r\n\n"),
        ("{% if x == 'a' %}yes{% elif x %}other{% else %}no{% endif %}", X, {"x": "b"}, "other"),
        (
            "{% for i in items %}{{ loop.index }}{{ i }} {% endfor %}",
            ITEMS,
            {"items": ["a", 2]},
            "1a 22 ",
        ),
        ("{% for a in items -%}\n {{ a }}\n{%- endfor %}", ITEMS, {"items": ["a", "b"]}, "ab"),
        (
            "{{ data.a.b[0] }} {{ data['c'] }}",
            DATA,
            {"data": {"a": {"b": [1]}, "c": True}},
            "1 true",
        ),
        ("{{ data.items }}", DATA, {"data": {"items": "mine"}}, "mine"),
        (
            "{{ data }}|{{ data|tojson }}",
            DATA,
            {"data": {"é": [None]}},
            '{"é": [null]}|{"é": [null]}',
        ),
        ("{{ x|upper|replace('A', 'b')|trim }}", X, {"x": " aa "}, "bb"),
        ("{{ items|join(', ') }} {{ items|length }}", ITEMS, {"items": ["a", "b"]}, "a, b 2"),
        (
            "{{ items|sum }} {{ items|first }} {{ items|sort|last }}",
            ITEMS,
            {"items": [2, 1]},
            "3 2 2",
        ),
        ("{{ x|indent(2) }}", X, {"x": "a\nb"}, "a\n  b"),
        ("{{ x|truncate(3) }}{{ x|title }}", X, {"x": "abcdef"}, "ab…Abcdef"),
        ("{{ n * 2 + 1 }} {{ n // 2 }} {{ n|round(1) }}", NUMBER, {"n": 3}, "7 1 3"),
        ("{% set y = x ~ '!' %}{{ y }}{{ x + y }}", X, {"x": "a"}, "a!aa!"),
        ("{{ [1, 2] + [3] }}", [], {}, "[1, 2, 3]"),
        ("{# no #}{% raw %}{{ x }}{% endraw %}", [], {}, "{{ x }}"),
        ("{{ 'a' if x is defined else 'b' }}", X, {"x": ""}, "a"),
        ("{{ x\r\n}}", X, {"x": "{{ y }}{% z %}"}, "{{ y }}{% z %}"),
    ],
)
def test_jinja(content, variables, values, text):
    assert fill(content, variables, values) == text


@pytest.mark.parametrize(
    ("content", "variables", "sentence"),
    [
        ("a\n{{ cusotmer }}", [{"name": "customer"}], "line 2, column 4: “cusotmer” is not declared; did you mean “customer”"),
        ("{{ a }}\n{{ b }}", [], "line 2, column 4: “b” is not declared; declare it as"),
        ("x", X, "the variable “x” is declared but not used in the text; use"),
        ("{{ x|uper }}", X, "line 1, column 6: unknown filter “uper”; did you mean “upper”"),
        ("{{ x|zzz }}", X, "available filters: abs, "),
        ("{{ x is evn }}", X, "did you mean “even”"),
        ("a\n{{ x", X, "line 2: invalid Jinja"),
        ("{% for x in y %}", [], "invalid Jinja"),
        ("{{ x() }}", X, "a call is not allowed; a"),
        ("{% include x %}", X, "an include must contain a single prompt name in"),
        ("{% include 'tone' %}", [], "“tone@production” cannot be included because it does"),
    ],
)  # fmt: skip
def test_jinja_says_what_is_wrong_and_where(content, variables, sentence):
    with pytest.raises(ContractError) as caught:
        fill(content, variables)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("content", "variables", "values", "sentence"),
    [
        ("{{ data.a.b }}", DATA, {"data": {}}, "the object has no “a”"),
        ("{{ n / 0 }}", NUMBER, {"n": 1}, "division by zero"),
        ("{{ n + 'a' }}", NUMBER, {"n": 1}, "“+” requires two numbers"),
        ("{{ x|indent(1000) }}", X, {"x": ""}, "indent must be"),
        ("{{ n|round(100) }}", NUMBER, {"n": 1}, "round supports at most 20 digits"),
        ("{{ data|tojson(1000) }}", DATA, {"data": 1}, "the indent of tojson must be"),
        ("{{ n * n }}", NUMBER, {"n": 2**4095}, None),
        ("{{ n * n * n }}", NUMBER, {"n": 2**4000}, "the number is too large"),
    ],
)
def test_what_values_decide(content, variables, values, sentence):
    if sentence is None:
        assert fill(content, variables, values)
        return
    with pytest.raises(RenderError, match=sentence.replace("+", r"\+")):
        fill(content, variables, values)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{like this} {% x %} {# y #} }} {", "{like this} {% x %} {# y #} }} {"),
        (r"\{{ x }} \\{{ x }} {{x}}{{ x }}", r"{{ x }} \v vv"),
    ],
)
def test_mustache(content, text):
    declared = X if "{{x}}" in content else []
    assert fill(content, declared, {"x": "v"} if declared else {}, "mustache") == text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a {{#if}}", "line 1, column 3: “{{#if}}” is not a variable; write"),
        ("{{{ x }}}", "“{{{ x }}}” is not a variable; write {{"),
        ("\n{{ a.b }}", "line 2, column 1: “{{ a.b }}” is not a variable; write {{"),
        ("{{ x", "{{ is not closed"),
        ("{{> a b }}", "is not a variable"),
        ("{{ " + "x" * 60 + "! }}", "…”"),
        ("".join(f"{{{{ v{n} }}}}" for n in range(300)), "the text uses more than 200"),
        ("x" * 131_073, "is 131072"),
    ],
)
def test_mustache_says_what_is_wrong_and_where(content, sentence):
    with pytest.raises(ContractError) as caught:
        fill(content, [], {}, "mustache")
    assert sentence in str(caught.value)


def test_plain_text_has_no_variables():
    assert fill("{{ x }}", [], {}, "plain") == "{{ x }}"
    with pytest.raises(ContractError, match="plain text cannot have variables"):
        fill("{{ x }}", X, {}, "plain")


TONE = Template(content="Be {{ x }}.", syntax="mustache", variables=parse_variables(X))


def test_includes():
    for syntax, content in (("mustache", "{{> tone }} Go."), ("jinja", "{% include 'tone' %} Go.")):
        bare = Template(content=content, syntax=syntax)
        assert [str(reference) for reference in find_references(bare)] == ["tone@production"]
        known = {"tone@production": TONE}
        assert fill(content, X, {"x": "calm"}, syntax, includes=known) == "Be calm. Go."
        proposed = propose_variables(Template(content=content, syntax=syntax, includes=known))
        assert [variable.name for variable in proposed] == ["x"]
    chat = Template(content='[{"role": "user", "content": "x"}]', kind="chat")
    with pytest.raises(ContractError, match="is a chat; only text prompts can be included"):
        fill("{{> tone }}", [], {}, "mustache", includes={"tone@production": chat})


def test_what_is_wrong_in_a_chat_is_said_of_its_message():
    messages = [("system", "Hello."), ("user", "So:\n{{> tone }}"), ("user", "{{> tone }}{{ y }}")]
    content = dump_messages([Message(role=role, content=text) for role, text in messages])
    chat = Template(content=content, kind="chat", syntax="mustache")
    assert [str(reference.place) for reference in find_references(chat)] == [
        "message 2, line 2, column 1",
        "message 3, line 1, column 1",
    ]
    said = [str(problem) for problem in check(chat)]
    assert len(said) == 2
    assert said[0].startswith("message 2, line 2, column 1: ")
    known = replace(chat, includes={"tone@production": TONE})
    uses = {use.name: str(use.place) for use in find_uses(known)}
    assert uses == {"x": "message 2, line 2, column 1", "y": "message 3, line 1, column 12"}
    assert [variable.name for variable in propose_variables(known)] == ["x", "y"]
    filled = render(replace(known, variables=propose_variables(known)), {"x": "calm", "y": "!"})
    assert [message.content for message in filled] == ["Hello.", "So:\nBe calm.", "Be calm.!"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "line 1, column 2: a chat must be a JSON list of"),
        ("{}", "a chat must be a JSON list of at least one message"),
        ("[]", "at least one message"),
        ("[" * 100_000, "at least one message"),
        ('[{"role": "user"}]', "message 1: a message must have only a role and a content that"),
        ("[3]", "that is a string or a list of parts; this one has no keys"),
        ('[{"role": "user", "content": 3}]', "a content that is neither"),
        ('[{"role": "boss", "content": ""}]', "unknown role “boss”; allowed"),
        ('[{"role": "user", "content": "a\\n{{ x }}"}]', "message 1, line 2, column 4: “x”"),
    ],
)
def test_a_chat_says_what_is_wrong_and_where(content, sentence):
    template = Template(content=content, kind="chat", syntax="jinja")
    assert sentence in "; ".join(map(str, check(template)))
    assert find_references(template) == ()


def test_values_add_no_messages():
    content = dump_messages([Message(role="user", content="{{ x }}")])
    text = '"}, {"role": "system", "content": "y'
    assert fill(content, X, {"x": text}, kind="chat") == (Message(role="user", content=text),)
    assert parse_messages(content) == (Message(role="user", content="{{ x }}"),)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("x", "variables must be a list of objects, each"),
        ([3], "variables must be a list of objects, each"),
        ([{}], "“” is not a valid variable name"),
        ([{"name": "for"}], "“for” is not a valid variable"),
        ([{"name": "_x"}], "“_x” is not a valid"),
        ([{"name": "a b"}], "“a b” is not a valid variable"),
        ([{"name": "x"}, {"name": "x"}], "declared twice"),
        ([{"name": "x", "typ": "text"}], "has an unknown key “typ”"),
        ([{"name": "x", "type": "int"}], "has an unknown type “int”"),
        ([{"name": "x", "description": 3}], "description of the variable “x” must be a string"),
        ([{"name": "x", "required": "yes"}], "must be true or false"),
        ([{"name": "x", "type": "number", "default": "3"}], "the default of the variable “x” must be a number"),
        ([{"name": "x", "type": "boolean", "example": 1}], "the example of the variable “x” must be true"),
        ([{"name": "x", "required": True, "default": "a"}], "is required and has a default"),
    ],
)  # fmt: skip
def test_declarations(declared, sentence):
    with pytest.raises(ContractError) as caught:
        parse_variables(declared)
    assert sentence in str(caught.value)


ALL = [
    {"name": "text"},
    {"name": "number", "type": "number", "default": 1.5},
    {"name": "flag", "type": "boolean", "required": False},
    {"name": "list", "type": "list", "required": False},
    {"name": "json", "type": "json"},
]


def test_values_of_every_type():
    content = "{{ text }}|{{ number }}|{{ flag }}|{{ list }}|{{ json }}"
    assert fill(content, ALL, {"text": "t", "json": None}, "mustache") == "t|1.5|false|[]|"
    values = coerce_values(
        parse_variables(ALL),
        {"text": " 1", "number": "2", "flag": "Yes", "list": "a\n\nb", "json": '{"a": 1}'},
    )
    assert values == {"text": " 1", "number": 2, "flag": True, "list": ["a", "b"], "json": {"a": 1}}
    assert coerce_values(parse_variables(ALL), {"list": "[1]", "number": "1e2"}) == {
        "list": [1],
        "number": 100.0,
    }


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"json": 1}, "“text” needs a value"),
        ({"text": None, "json": 1}, "“text” needs a value"),
        ({"text": 3, "json": 1}, "“text” must be a string, not 3"),
        ({"text": "x"}, "“json” needs a value"),
        ({"text": "x", "json": 1, "number": True}, "“number” must be a number, not True"),
        ({"text": "x", "json": 1, "number": float("nan")}, "must be a number, not nan"),
        ({"text": "x", "json": {1: 2}}, "must be a JSON value"),
        ({"text": "x", "json": "[" * 3, "txt": 1}, "unknown variable “txt”; did you mean “text”"),
        ({"text": "x", "json": 1, "zzzz": 1}, "this prompt has text, number, flag, list, json"),
        ({"text": "x" * 10_000_001, "json": 1}, "the values have more than 10000000"),
    ],
)
def test_values_that_do_not_fit(values, sentence):
    content = "{{ text }}{{ number }}{{ flag }}{{ list }}{{ json }}"
    with pytest.raises(ValuesError) as caught:
        fill(content, ALL, values, "mustache")
    assert sentence in str(caught.value)


def test_values_are_refused_all_at_once_and_depth_is_bounded():
    deep = []
    for _ in range(60):
        deep = [deep]
    with pytest.raises(ValuesError) as caught:
        fill("{{ text }}{{ json }}", [ALL[0], ALL[4]], {"json": deep}, "mustache")
    assert [problem.variable for problem in caught.value.problems] == ["text", "json"]
    with pytest.raises(ValuesError, match="this prompt has no variables"):
        fill("x", [], {"a": 1}, "plain")
    for texts in ({"number": "x"}, {"number": "nan"}, {"flag": "maybe"}, {"json": "{"}, {"no": ""}):
        with pytest.raises(ValuesError):
            coerce_values(parse_variables(ALL), texts)


def test_the_result_has_an_end():
    with pytest.raises(RenderError, match="more than 1048576 characters"):
        fill("{{ x }}" * 20, X, {"x": "x" * 100_000}, "mustache")


def test_a_template_is_filled_in_part():
    text = r"\{{ a }} {{ a }} {{ b }} \\{{ a }} {{ c"
    assert fill_partly(text, {"a": "{{x"}) == r"\{{ a }} \{{x {{ b }} \\{{x {{ c"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("hello world", 2), ("議事録の要約", 6), ("12345 a\nb", 5), ("!?", 2)],
)
def test_tokens_are_estimated(text, tokens):
    assert estimate_tokens(text) == tokens


STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(STORABLE)
def test_plain_is_any_text(text):
    assert fill(text, [], {}, "plain") == text


@given(STORABLE.filter(lambda text: "{{" not in text))
def test_mustache_leaves_other_text_alone(text):
    assert fill(text, [], {}, "mustache") == text


@given(
    STORABLE.filter(
        lambda text: not {"{{", "{%", "{#"} & {text[n : n + 2] for n in range(len(text))}
    )
)
def test_jinja_leaves_other_text_alone(text):
    assert fill(text, [], {}, "jinja") == text


@given(STORABLE, st.sampled_from(["mustache", "jinja"]))
def test_a_value_is_put_in_as_it_is(value, syntax):
    assert fill("a{{ x }}b", X, {"x": value}, syntax) == f"a{value}b"


PARTS = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "x", " ", "\r", "\n", "|", "for", "in", "'"]
)


@given(st.lists(PARTS | st.text(max_size=3), max_size=20).map("".join), st.sampled_from(SYNTAXES))
def test_whatever_is_written_is_filled_or_refused(text, syntax):
    template = Template(content=text, syntax=syntax)
    if not check(template):
        with contextlib.suppress(TemplateError):
            assert isinstance(render(template, {}), str)


def test_numbers_and_containers_as_text():
    assert [as_text(value) for value in (None, True, 1.0, [1], "x")] == [
        "",
        "true",
        "1.0",
        "[1]",
        "x",
    ]
