"""Nunjucks as promptfoo fills it; `make differential` holds the filters against the real one."""

import json

import pytest

from evaluations.promptfoo.templates import free_template, with_affixes
from prompts.rendering import RenderError, Template, check, fill_free_values, fill_text, render
from prompts.rendering import prepare as prepare_template

VALUES = {"x": "hello", "n": 3, "s": "3", "l": [1, "b"], "o": {"a": {"b": "c"}}, "e": [], "z": None}
FILLED = [
    ("{{ x | upper }} {{ missing }}|{{ missing.a.b }}", "HELLO |"),
    ("{{ l }} {{ o }} {{ o | dump }}", '1,b [object Object] {"a":{"b":"c"}}'),
    ("{% if e %}yes{% endif %}{% if n == s %}same{% endif %}", "yessame"),
    ("{% for k, v in o %}{{ k }}{% else %}none{% endfor %}", "a"),
    ("{% for i in missing %}x{% else %}none{% endfor %}", "none"),
    ("{{ n + 1 }} {{ x + 1 }} {{ s * 2 }} {{ 4 / 2 }} {{ 1 / 0 }} {{ 7 // 2 }}",
     "4 hello1 6 2 Infinity 3"),
    ("{% if z %}{% elseif x %}two{% endif %}", "two"),
    ("{% verbatim %}{{ x }}{% endverbatim %}", "{{ x }}"),
    ("{{ l.length }} {{ l[1] }} {{ l[7] }} {{ x[0] }}", "2 b  h"),
    ("{{ z | default('d') }}|{{ missing | default('d') }}", "|d"),
    ("no tags, {one} brace", "no tags, {one} brace"),
]  # fmt: skip
WRONG = [
    ("{{ x.constructor() }}", "a call of constructor is not allowed; a"),
    ("{{ x | no_such }}", "unknown filter “no_such”; available"),
    ("{{ x | join }}", "this filter requires a list"),
    ("{{ l | upper }}", "this filter requires a string"),
    ("{% for %}", "invalid Jinja"),
    ("{{ 'a' | center(100000) }}", "a width must be an integer from 0 to 1000"),
    ("{{ x | load }}", "load requires a string that contains JSON"),
    ("{{ __class__ }}", "cannot be accessed: names that start with _"),
]


@pytest.mark.parametrize(("text", "filled"), FILLED)
def test_filled(text, filled):
    assert fill_text(text, VALUES) == filled


# What Nunjucks 3 itself answers.
COMPUTED = [
    ("{% for c in 'abc' %}{{ c }}-{% endfor %}", "a-b-c-"),
    ("{% for a, b in [[1, 2, 3], [4], 'xy', 5] %}{{ a }},{{ b }};{% endfor %}", "1,2;4,;x,y;,;"),
    ("{% for a in o %}x{% else %}none{% endfor %}", "none"),
    ("{% for a, b, c in o %}{{ a }}{{ c }}{% else %}none{% endfor %}", "a"),
    ("{% for a in n %}x{% else %}none{% endfor %}", "none"),
    ("{{ 7 % 3 }} {{ -7 % 3 }} {{ 7.5 % 2 }} {{ 5 % 0 }}", "1 -1 1.5 NaN"),
    ("{{ 7 // 2 }} {{ -7 // 2 }} {{ 5 // 0 }}", "3 -4 Infinity"),
    ("{{ -1 / 0 }} {{ 0 / 0 }}", "-Infinity NaN"),
    ("{{ 7 - 2 }} {{ 3 * 2 }} {{ 7 / 2 }} {{ '7' - '2' }}", "5 6 3.5 5"),
    ("{{ 1 < 2 }} {{ 2 <= 2 }} {{ 2 > 2 }} {{ 3 >= 2 }} {{ 1 != 2 }}", "true true false true true"),
    ("{{ 1 === 1 }} {{ 1 !== 1 }} {{ '1 === 1' }}", "true false 1 === 1"),
    ("{{ 3 > 2 > 1 }} {{ 1 < 2 < 3 }}", "false true"),
    ("{%- if not x -%} a {%- elseif n -%} b {%- else -%} c {%- endif -%}", "b"),
    ("{% verbatim %}{{ x }}{% endverbatim %}{{ n }}", "{{ x }}3"),
    ("{{ 'elseif' }}{# === {{ x }} #}", "elseif"),
    ("{{ x[1] }}{{ x[-1] }}{{ x[9] }}{{ x['2'] }}{{ x.length }}{{ l.length }}", "el52"),
    ("{{ o['a']['b'] }}{{ o.a.q.q }}{{ n.any }}", "c"),
    ("{% for i in l %}{{ loop.index }}{{ loop.first }}{% endfor %}", "1true2false"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "filled"), COMPUTED)
def test_computed_as_javascript_does(text, filled):
    assert fill_text(text, VALUES) == filled


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_what_is_refused(text, sentence):
    with pytest.raises(RenderError) as caught:
        fill_text(text, VALUES)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["{{ o.__class__ }}", "{{ (x | list).__len__ }}", "{{ x['__class__'] }}", "{{ o[x].__a__ }}"],
)
def test_nothing_of_python_is_reached(text):
    with pytest.raises(RenderError, match="are private"):
        fill_text(text, VALUES)
    assert fill_text("{{ l.append }}{{ x.format }}{{ o.items }}{{ n.real }}", VALUES) == ""


def test_nothing_grows_without_limit():
    doubling = "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a + a %}" * 30
    with pytest.raises(RenderError, match="more than"):
        fill_text(doubling + "{{ a }}", {})
    loops = "{% for a in l %}{% for b in l %}x{% endfor %}{% endfor %}"
    with pytest.raises(RenderError, match="iterations"):
        fill_text(loops, {"l": [1] * 1000})
    big = "{% set n = 9 %}" + "{% set n = n * n %}" * 30 + "{{ n }}"
    assert fill_text(big, {}) == "Infinity"


def test_a_prompt_that_is_json_stays_json():
    template = free_template('{"q": "{{x}}", "l": ["{{ x | upper }}", 1.0, null]}')
    text = render(template, {"x": 'say "no"'})
    assert text == (
        '{\n  "q": "say \\"no\\"",\n  "l": [\n    "SAY \\"NO\\"",\n    1,\n    null\n  ]\n}'
    )


def test_a_chat_is_filled_text_by_text():
    template = free_template('[{"role": "user", "content": "Tell {{x}}"}]')
    filled = prepare_template(template)({"x": '"a"'})
    assert json.loads(filled) == [{"role": "user", "content": 'Tell "a"'}]


# Something opens and does not close on its line.
UNTOUCHED = [
    *("{{ x", "{% if", "{# a", "{{ x }} {{ n", "{{ x }} and {% n", "{% if x %}{{"),
    *("{{ x\n}}", "{%\nif x %}", "{#\n#}", "{{x}}\nUse {{ here\n", "a {", "{"),
    *(
        "{% a {% b\n%}",
        "{{ a {{ b\n}}",
        "{# a {# b\n#}",
        "{% a\n{% b %}",
        "{% raw %}{{",
    ),
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_opened_and_never_closed_is_no_template(text):
    assert render(free_template(text), {}) == text


def test_a_verbatim_part_may_hold_what_is_never_closed():
    assert render(free_template("{% raw %}{{{% endraw %}{{x}}"), {"x": 1}) == "{{1"


CLOSED = [
    ("{{ x }}\n y", "1\n y"), ("{{ x }}\n{% if x %}a{% endif %}\n{# b\t#}", "1\na\n"),
    ("=== {{ x }} !== elseif verbatim", "=== 1 !== elseif verbatim"),
    ("{% raw %}{{ {% endraw %}", "{{ "), ("{%raw%}{%{%endraw%}{{x}}", "{%1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "filled"), CLOSED)
def test_what_is_closed_is_filled(text, filled):
    assert (
        render(free_template(text), {"x": 1} if "x }}" in text or "{{x" in text else {}) == filled
    )


def test_values_that_are_templates():
    values = {"a": "{{ b | upper }}", "b": "x", "c": "{{ nobody }}", "d": 3}
    assert fill_free_values(values) == values | {"a": "X"}
    with pytest.raises(RenderError):
        fill_free_values({"a": "{{ b | no_such }}", "b": "x"})


def test_texts_around_a_prompt():
    around = with_affixes(free_template("{{x}}"), "<{{y}} ", ">")
    assert render(around, {"x": 1, "y": 2}) == "<2 1>"
    stored = Template(content="{{x}}", syntax="mustache")
    assert with_affixes(stored, "<", ">") is stored


def test_an_explicit_null_is_not_what_is_missing():
    template = free_template("{{ a | default('d') }}|{{ a is undefined }}")
    assert check(template) == ()
    assert render(template, {"a": None}) == "|false"
    assert render(template, {}) == "d|true"
