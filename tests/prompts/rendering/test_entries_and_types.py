"""Entries that are not there are errors, never Python's methods; proposals have the used types."""

import json

import pytest

from prompts.preview import preview
from prompts.rendering import (
    RenderError,
    Template,
    check,
    find_uses,
    parse_variables,
    propose_variables,
    render,
)
from prompts.rendering.syntaxes.jinja_filters import FILTERS

VALUES = {
    "text": "word",
    "number": 3,
    "boolean": True,
    "list": ["b", "a"],
    "json": {"a": {"b": [1, 2]}, "items": "own", "0": "zero"},
    "nothing": None,
}
DECLARED = [
    {"name": name, "type": name if name != "nothing" else "json", "required": name != "nothing"}
    for name in VALUES
]
# What Python gives texts, numbers, lists and objects, and what its sandbox closes.
METHODS = (
    *("title", "upper", "format", "join", "count", "index", "append", "pop", "items", "keys"),
    *("values", "get", "copy", "real", "imag", "numerator", "bit_length", "conjugate", "clear"),
)


def fill(content, syntax="jinja", values=VALUES):
    declared = parse_variables(DECLARED)
    names = {use.name for use in find_uses(Template(content=content, syntax=syntax))}
    used = [variable for variable in declared if variable.name in names]
    given = {variable.name: values[variable.name] for variable in used}
    template = Template(content=content, syntax=syntax, variables=tuple(used))
    assert check(template) == ()
    return render(template, given)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("read", ["{{ %s.%s }}", "{{ %s['%s'] }}", "{{ %s.%s ~ '' }}"])
def test_what_python_gives_a_value_is_never_an_entry(method, read):
    for name in VALUES:
        content = read % (name, method)
        if (name, method) == ("json", "items"):
            assert fill(content) == "own"
            continue
        with pytest.raises(RenderError, match=f"“{method}”"):
            fill(content)
        assert fill(f"{{{{ {name}.{method} | default('–') }}}}") == "–"
        assert fill(f"{{{{ {name}.{method} is defined }}}}") == "false"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{{ json.a.b[1] }}{{ json['a']['b'][-1] }}", "22"),
        ("{{ list[0] }}{{ text[0] }}{{ text[1:3] }}", "bwor"),
        ("{{ json['0'] }}", "zero"),
        ("{% for i in list %}{{ loop.index }}{{ loop.last }} {% endfor %}", "1false 2true "),
        ("{% for i in list %}{{ loop.previtem | default('–') }}{% endfor %}", "–b"),
        ("{{ list | select('string') }}", '["b", "a"]'),
        ("{{ list | reverse }}{{ list | unique | length }}", '["a", "b"]2'),
        ("{{ json.a | items }}", '[["b", [1, 2]]]'),
        ("{{ text | reverse }}", "drow"),
    ],
)
def test_what_is_there_is_read(content, text):
    assert fill(content) == text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{{ text.title }}", "a string has no “title”; declare the variable as JSON and"),
        ("{% if text.title %}x{% endif %}", "a string has no “title”"),
        ("{{ list.first }}", "the list has no “first”; access items by index"),
        ("{{ list[2] }}{{ list }}", "the list has no “2”"),
        ("{{ list[true] }}", "the list has no “True”"),
        ("{{ list['0'] }}", "the list has no “0”"),
        ("{{ json.b }}", "the object has no “b”; add it"),
        ("{{ json[0] }}", "the object has no “0”"),
        ("{{ json[list] }}", "the object has no “…”"),
        ("{{ json.b.c }}", "the object has no “b”"),
        ("{{ json.b['c'] }}", "the object has no “b”"),
        ("{{ number.real }}", "only objects have properties, but “real”"),
        ("{{ nothing.x }}", "only objects have properties"),
        ("{{ list | selectattr('title') | list }}", "a string has no “title”"),
        ("{{ list | sort(attribute='title') }}", "a string has no “title”"),
        ("{% for i in list %}{{ loop.cycle }}{% endfor %}", "“cycle”"),
        (
            "{% for i in list %}{{ loop }}{% endfor %}",
            "only strings, numbers, true, false, lists and",
        ),
        ("{% for i in list %}{{ loop ~ 'x' }}{% endfor %}", "only strings, numbers, true"),
    ],
)
def test_what_is_not_there_is_an_error(content, sentence):
    with pytest.raises(RenderError, match=sentence):
        fill(content)


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_no_filter_writes_a_python_object(name):
    """Whatever a filter gives back, a text or an error of ours stands there."""
    for value in ("list", "json.a", "text", "number"):
        try:
            text = fill(f"{{{{ {value} | {name} }}}}")
        except RenderError:
            continue
        assert " object at 0x" not in text
        assert "<" not in text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{{ text.title }}|{{ list.append }}|{{ json.keys }}|{{ number.real }}", "|||"),
        ("{% for i in list %}{{ loop.cycle }}{{ loop.index }}{% endfor %}", "12"),
        ("{% for i in list %}{{ loop }}{% endfor %}", "[object Object]" * 2),
        ("{{ json.items }}{{ list.length }}", "own2"),
    ],
)
def test_nunjucks_reads_entries_alone(content, text):
    assert fill(content, "nunjucks") == text


@pytest.mark.parametrize(
    ("content", "types"),
    [
        ("{{ x }}", {"x": "text"}),
        ("{% for i in x %}{{ i.title }}{{ i }}{% endfor %}", {"x": "list"}),
        ("{% for i in x | sort | unique %}{{ i }}{% endfor %}", {"x": "list"}),
        ("{% for i in x | default([]) %}{{ i }}{% endfor %}", {"x": "list"}),
        ("{% for i in x if i.on %}{{ y }}{% endfor %}", {"x": "list", "y": "text"}),
        ("{% for r in x %}{% for c in r %}{{ c }}{% endfor %}{% endfor %}", {"x": "list"}),
        ("{% for r in x.rows %}{{ r }}{% endfor %}", {"x": "json"}),
        ("{% for k, v in x | items %}{{ k }}{{ v }}{% endfor %}", {"x": "json"}),
        ("{% for k, v in x | dictsort %}{{ k }}{{ v.w }}{% endfor %}", {"x": "json"}),
        ("{% for i in x %}{% else %}{{ y.z }}{% endfor %}", {"x": "list", "y": "json"}),
        ("{% for x in x %}{{ x.y }}{% endfor %}", {"x": "list"}),
        ("{{ x.y }}", {"x": "json"}),
        ("{{ x['y'] }}", {"x": "json"}),
        ("{{ x.y.z[0] }} {{ x }}", {"x": "json"}),
        ("{{ x[0].y }}", {"x": "list"}),
        ("{{ x[1:] | join }}", {"x": "list"}),
        ("{{ x }}{{ x[0] }}", {"x": "text"}),
        ("{{ x | join(', ') }}", {"x": "list"}),
        ("{{ x | length }}", {"x": "list"}),
        ("{{ x }} ({{ x | length }})", {"x": "text"}),
        ("{% if x | length > 3 %}{{ x | upper }}{% endif %}", {"x": "text"}),
        ("{% if 'a' in x %}y{% endif %}", {"x": "list"}),
        ("{% if x > 3 %}{{ x }}{% endif %}", {"x": "number"}),
        ("{% if 3 == x %}{{ x }}{% endif %}", {"x": "number"}),
        ("{% if 1 < x <= 5 %}{{ x }}{% endif %}", {"x": "number"}),
        ("{% if x < y < 5 %}{{ x }}{{ y }}{% endif %}", {"x": "text", "y": "number"}),
        ("{% if x >= 1.5 and y != 2 %}{{ x }}{{ y }}{% endif %}", {"x": "number", "y": "number"}),
        ("{% if true == x %}{{ x }}{% endif %}", {"x": "boolean"}),
        ("{% if x == 'a' %}{{ x }}{% endif %}", {"x": "text"}),
        ("{% if 'a' not in x %}y{% endif %}{{ y }}", {"x": "list", "y": "text"}),
        ("{% if x in y %}{{ x }}{% endif %}", {"x": "text", "y": "list"}),
        ("{% if 'a' in x in y %}z{% endif %}", {"x": "list", "y": "list"}),
        ("{{ x * y }}{{ x }}", {"x": "number", "y": "number"}),
        ("{{ x + 1 }}{{ y + z }}", {"x": "number", "y": "text", "z": "text"}),
        ("{{ x | round(2) }}", {"x": "number"}),
        ("{% if x is mapping %}y{% endif %}", {"x": "json"}),
        ("{% if x is sequence %}y{% endif %}", {"x": "list"}),
        ("{% if x is even %}y{% endif %}", {"x": "number"}),
        ("{% if x is string %}y{% endif %}", {"x": "text"}),
        ("{% if x is true or y == false %}y{% endif %}", {"x": "boolean", "y": "boolean"}),
        ("{% if x is defined and x %}{{ x }}{% endif %}", {"x": "text"}),
        ("{% set y = x %}{{ y.z }}", {"x": "json"}),
        ("{% set y = x.z %}{{ y.a }}{{ w ~ 'a' }}", {"x": "json", "w": "text"}),
    ],
)
def test_types_are_proposed_as_the_text_uses_the_variables(content, types):
    proposed = propose_variables(Template(content=content, syntax="jinja"))
    assert {variable.name: variable.type for variable in proposed} == types


def test_messages_of_a_chat_speak_together():
    chat = [
        {"role": "system", "content": "About {{ rows }}"},
        {"role": "user", "content": "{% for row in rows %}{{ row }}{% endfor %}"},
    ]
    template = Template(content=json.dumps(chat), kind="chat", syntax="jinja")
    [variable] = propose_variables(template)
    assert (variable.name, variable.type) == ("rows", "list")


def test_the_editor_is_told_and_what_is_declared_stays():
    sent = {
        "kind": "text",
        "syntax": "jinja",
        "content": "{% for row in rows %}{{ row.title }}{% endfor %}{{ who.name }}",
        "variables": [{"name": "who", "type": "text"}],
    }
    proposed = {variable["name"]: variable["type"] for variable in preview(sent)["proposed"]}
    assert proposed == {"who": "text", "rows": "list"}
