# ruff: noqa: E501 (tables hold sentences)
"""What is refused, word for word with its place, and every limit: what just fits, and one more."""

import json

import pytest

from core import bounded
from core.bounded.errors import WorkerDiedError
from prompts.rendering import (
    ContractError,
    RenderError,
    Template,
    check,
    fill_free_values,
    fill_text,
    find_references,
    find_uses,
    parse_variables,
    prepare,
    propose_variables,
)
from prompts.rendering.effort import LITTLE, _left, spend, weigh, within_limits
from prompts.rendering.syntaxes import (
    jinja,
    jinja_filters,
    mustache,
    nunjucks,
    nunjucks_filters,
    parsed,
)
from prompts.rendering.templates import LONGEST, fill_here

MAY = "a prompt may use {{ name }}, {% if %}, {% for %}, {% set %}, {% include %} and filters"


def problems(content, syntax="jinja"):
    return [str(problem) for problem in check(Template(content=content, syntax=syntax))]


REFUSED = [
    ("a {{ 'a' * 3 }}", "line 1, column 3", "* on a string or a list"),
    ("{{ 3 % 'a' }}", "line 1, column 1", "% on a string or a list"),
    ("{{ 2 * [1] }}", "line 1, column 1", "* on a string or a list"),
    ("{{ (x ~ 'a') * 2 }}", "line 1, column 1", "* on a string or a list"),
    ("\n {% for a in x recursive %}{% endfor %}", "line 2, column 2", "a recursive loop"),
    ("a\n{% set a, b = x %}", "line 2, column 1", "{% set %} of more than one name"),
    ("{% set a = [1] %}", "line 1, column 1", "{% set %} with a list or an object"),
    ("{% set a = x + [1] %}", "line 1, column 1", "{% set %} with a list or an object"),
    ("{% set a = {'b': 1} | length %}", "line 1, column 1", "{% set %} with a list or an object"),
    ("{{ x() }}", "line 1, column 1", "a call"),
    ("a {{ x ** 2 }}", "line 1, column 3", "**"),
    ("{% macro a() %}{% endmacro %}", "line 1, column 1", "{% macro %}"),
    ("{% filter upper %}{% endfilter %}", "line 1, column 1", "{% filter %}"),
    ("{% set a %}b{% endset %}", "line 1, column 1", "{% set %} with a block"),
    ("{% with %}{% endwith %}", "line 1, column 1", "{% with %}"),
    ("{% import 'a' as b %}", "line 1, column 1", "{% import %}"),
    ("{% from 'a' import b %}", "line 1, column 1", "{% from %}"),
    ("{% extends 'a' %}", "line 1, column 1", "{% extends %}"),
    ("{% block a %}{% endblock %}", "line 1, column 1", "{% block %}"),
    ("a\n{% autoescape true %}{{ y }}{% endautoescape %}", "line 2, column 1", "{% autoescape %}"),
]


@pytest.mark.parametrize(("content", "place", "construct"), REFUSED)
def test_what_a_template_may_not_be_made_of(content, place, construct):
    assert problems(content) == [f"{place}: {construct} is not allowed; {MAY}"]


FORM = (
    "an include must contain a single prompt name in quotes, such as {% "
    'include "tone@production" %}'
)
SENTENCES = [
    ("x {{ x }}", [("line 1, column 6: “x” is not declared; declare it as a variable or remove "
"it")]),
    ("a }} x\n x {{ c }}{{ x }}", [("line 2, column 7: “c” is not declared; declare it as a variable or remove "
"it"), ("line 2, column 14: “x” is not declared; declare it as a variable or "
"remove it")]),
    ("a\n {% include 'tone' %}", [("line 2, column 5: “tone@production” cannot be included because it does "
"not exist; use the name of a prompt in use and one of its labels")]),
    ("\n {% include 'a@b c' %}", [f"line 2, column 5: {FORM}"]),
    ("\n {% include 'a' ignore missing %}", [f"line 2, column 5: {FORM}"]),
    ("{% include ['a'] %}", [f"line 1, column 4: {FORM}"]),
    ("a\n{% for loop in x %}{% endfor %}", [("line 2: invalid Jinja: Can't assign to special loop variable in for-loop "
"target")]),
    ("{% for a in x %}\n{% for b in x %} {% for c in x %}{% endfor %}{% endfor %}{% endfor %}", ["line 2, column 4: loops can be nested at most two levels deep"]),
    ("{{ x.__a }}", [("line 1, column 6: “__a” cannot be accessed: names that start with _ are "
"private")]),
    ("{{ x['_a'] }}", [("line 1, column 7: “_a” cannot be accessed: names that start with _ are "
"private")]),
    ("a {{ _x }}", [("line 1, column 6: “_x” cannot be accessed: names that start with _ are "
"private")]),
    ("{{ 1 }}\n{{ x | uper }}", ["line 2, column 8: unknown filter “uper”; did you mean “upper”?"]),
    ("{{ x is evn }}", ["line 1, column 9: unknown test “evn”; did you mean “even”?"]),
    ("{{ x is zzz }}", [("line 1, column 9: unknown test “zzz”; available tests: boolean, defined, "
"divisibleby, eq, even, false, float, ge, gt, in, integer, iterable, le, "
"lower, lt, mapping, ne, none, number, odd, sequence, string, true, "
"undefined, upper")]),
    ("a\n{% foo %}", ["line 2: invalid Jinja: Encountered unknown tag 'foo'"]),
    ("{% if x %}\n{{ x.y() }}{{ z ** 2 }}{% endif %}", [f"line 2, column 1: a call is not allowed; {MAY}", f"line 2, column 1: ** is not allowed; {MAY}"]),
    ("a\r\nb\r{{ x }}", [("line 2, column 6: “x” is not declared; declare it as a variable or remove "
"it")]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentences"), SENTENCES)
def test_what_is_wrong_word_for_word(content, sentences):
    assert problems(content) == sentences


NEAR = [
    # what the text reads, what is declared, what is said of what is not declared
    ("{{ x }}", ["name"], [("undeclared", {"name": "x"})]),
    ("{{ customr }}", ["customer", "x"], [("undeclared-near", {"name": "customr", "near": "customer"})]),
    ("{{ customr }}{{ customer }}", ["customer"], [("undeclared-near", {"name": "customr", "near": "customer"})]),
    ("{{ custom }}{{ customer }}", ["customer", "customs"], [("undeclared-near", {"name": "custom", "near": "customs"})]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "declared", "said"), NEAR)
def test_a_name_that_is_not_declared_is_like_one_that_is(content, declared, said):
    variables = parse_variables([{"name": name} for name in declared])
    template = Template(content=content, syntax="mustache", variables=variables)
    found = [problem for problem in check(template) if problem.code != "unused"]
    assert [(problem.code, problem.params) for problem in found] == said


def test_of_many_names_the_first_are_held_against_what_is_declared():
    content = "".join(f"{{{{ customer{number} }}}}" for number in range(22))
    variables = parse_variables([{"name": "customer"}])
    template = Template(content=content, syntax="mustache", variables=variables)
    codes = [problem.code for problem in check(template) if problem.code != "unused"]
    assert codes == ["undeclared-near"] * 20 + ["undeclared"] * 2


def test_one_brace_too_many_is_said():
    for content in ("{{ x }}} a", "{{ x }}}", "{{> a }}}."):
        [problem] = check(Template(content=content, syntax="mustache"))
        assert problem.code == "mustache-form"


def test_nothing_in_two_braces_is_said():
    for content in ("{{}}", "{%%}", "a {{}} {{ x }}"):
        [sentence] = problems(content, "nunjucks")
        assert sentence.startswith("line 1: invalid Jinja: ")


def test_nunjucks_says_places_of_the_text_as_it_was_written():
    content = "{% if a === b %}{{ c | uper }}{% endif %}"
    assert problems(content, "nunjucks")[0].startswith("line 1, column 24: unknown filter “uper”")


def test_what_cannot_be_read_is_never_filled():
    with pytest.raises(RenderError, match="the template cannot be rendered: it has problems"):
        jinja.parse("{{ x() }}").fill({}, {})
    with pytest.raises(RenderError, match="the template cannot be rendered: it has problems"):
        jinja.parse("{{ x").fill({}, {})


FAILING = [
    ("{{ [] | first }}", "No first item, sequence was empty"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ 'a' | round }}", "type str doesn't define __round__ method"),
    ("{{ 1 + 'a' }}", "“+” requires two numbers"),
]


@pytest.mark.parametrize(("content", "reason"), FAILING)
def test_why_a_template_cannot_be_filled(content, reason):
    with pytest.raises(RenderError) as caught:
        fill_here(Template(content=content, syntax="jinja"), {})
    assert str(caught.value) == f"the template cannot be rendered: {reason}"


def test_a_missing_entry_is_named_with_its_first_hundred_characters():
    variables = parse_variables([{"name": "o", "type": "json"}])
    content = "{{ o['%s'] }}" % ("k" * 150)
    with pytest.raises(RenderError) as caught:
        fill_here(Template(content=content, syntax="jinja", variables=variables), {"o": {}})
    assert [problem.params for problem in caught.value.problems] == [{"entry": "k" * 100}]


# --- limits of a text


def is_too_large(content, syntax="jinja"):
    return [problem.code for problem in check(Template(content=content, syntax=syntax))] == [
        "jinja-depth"
    ]


def of_tags(*lengths):
    return "".join("{{ '" + "a" * (length - 8) + "' }}" for length in lengths)


def of_nodes(count):
    """Return a text of so many nodes: the template, its output, eight lists, and their members."""
    members, more = divmod(count - 10, 8)
    return "".join("{{ [" + "0," * (members + (place < more)) + "] }}" for place in range(8))


LARGE = [
    (lambda more: "{{ 0 }}" * (1000 + more)),
    (lambda more: "{# 0 #}{{ 0 }}" * (1000 + more)),
    (lambda more: of_tags(4000 + more)),
    (lambda more: of_tags(*[4000] * 9, 3990, 10 + more)),
    (lambda more: of_nodes(8000 + more)),
    (lambda more: "{{ " + "[" * (58 + more) + "]" * (58 + more) + " }}"),
]


@pytest.mark.parametrize("text", LARGE, ids=range(len(LARGE)))
@pytest.mark.parametrize("syntax", ["jinja", "nunjucks"])
def test_a_text_may_be_so_large_and_no_larger(text, syntax):
    assert not is_too_large(text(0), syntax)
    assert is_too_large(text(1), syntax)


def test_a_template_may_be_so_long_and_no_longer():
    assert check(Template(content="x" * LONGEST, syntax="mustache")) == ()
    [problem] = check(Template(content="x" * (LONGEST + 1), syntax="mustache"))
    assert (problem.code, problem.params) == (
        "too-long",
        {"size": LONGEST + 1, "limit": LONGEST},
    )
    assert check(Template(content="x" * (LONGEST + 1))) == ()


def test_loops_make_so_many_rounds_and_no_more():
    variables = parse_variables([{"name": "l", "type": "list"}])
    template = Template(
        content="{% for i in l %}{% endfor %}{% for i in l %}{% endfor %}",
        syntax="jinja",
        variables=variables,
    )
    assert fill_here(template, {"l": [0] * (jinja.ROUNDS // 2)}) == ""
    with pytest.raises(RenderError, match=f"more than {jinja.ROUNDS} iterations"):
        fill_here(template, {"l": [0] * (jinja.ROUNDS // 2 + 1)})


LIMIT = parsed.OUTPUT_LIMIT
HALF = LIMIT // 2
GROWING = [
    (lambda more: jinja_filters._replace("aa", "a", "x" * (HALF + more))),
    (lambda more: jinja_filters._replace("ab", "a", "x" * (LIMIT - 1 + more), 5)),
    (lambda more: jinja_filters._join(["x", "x"], "-" * (HALF - 1 + more))),
    (lambda more: jinja_filters._join(["x" * HALF, "x" * (HALF + more)])),
    (lambda more: jinja_filters._indent("\n" * (10_380 + more), 100)),
    (lambda more: jinja_filters._tojson(["x" * (LIMIT - 1 + more)])),
    (lambda more: jinja_filters.checked_text(["x" * (LIMIT - 1 + more)])),
    (lambda more: jinja._join_texts(["x" * HALF, "x" * (HALF + more)])),
    (lambda more: mustache.parse("x{{ a }}").fill({"a": "x" * (LIMIT - 1 + more)}, {})),
    (lambda more: nunjucks_filters._join(["x", "x"], "-" * (HALF - 1 + more))),
    (lambda more: nunjucks_filters._indent("\n" * (1047 + more), 1000)),
    (lambda more: nunjucks._concatenate(["x" * HALF, "x" * (HALF + more)])),
    (lambda more: nunjucks._finalize("x" * (LIMIT + more))),
    (lambda more: fill_text("{{ a + b }}", {"a": "x" * HALF, "b": "x" * (HALF + more)})),
]


@pytest.mark.parametrize("grow", GROWING, ids=range(len(GROWING)))
def test_a_result_may_be_so_long_and_no_longer(grow):
    assert grow(0)
    with pytest.raises(RenderError, match=f"more than {LIMIT} characters"):
        grow(1)


def test_nothing_grows_where_nothing_is_replaced():
    assert nunjucks_filters._replace("aa", "a", "x" * LIMIT, 0) == "aa"
    assert jinja_filters._replace("aa", "a", "x" * LIMIT, 0) == "aa"


# --- effort


def units(fill, content, values):
    """Return what filling a text spends."""

    def here():
        fill(content).fill(values, {})
        return LITTLE - _left.get()[0]

    return within_limits(here, "fill_values", {})


TEXTS = {"a": "x" * 32, "b": "y" * 64, "l": [1, 2, 3]}
EFFORT = [
    # what is written spends what it weighs: 1, and 1 for each 32 characters
    (jinja.parse, "{{ a }}", 2),
    (jinja.parse, "{{ a ~ b }}", 6 + 4 + 4),  # the list of both, the text, and writing it
    (jinja.parse, "{{ a + b }}", 2 + 3 + 4),
    (jinja.parse, "{% if a == b %}{% endif %}", 2 + 3),
    (jinja.parse, "{{ b[32:] }}", 3 + 2),
    (jinja.parse, "{{ b | upper }}", 3 + 3 + 3),
    (jinja.parse, "{% for i in l %}{% endfor %}", 3 * (jinja.ROUND + 2)),
    (nunjucks.parse, "{{ a + b }}", 2 + 3 + 4),
    (nunjucks.parse, "{{ a | upper }}", 2 + 2 + 2),
]


@pytest.mark.parametrize(("parse", "content", "spent"), EFFORT)
def test_what_a_template_spends(parse, content, spent):
    assert units(parse, content, TEXTS) == pytest.approx(spent)


def test_a_value_is_weighed_until_it_is_too_heavy():
    assert weigh(["x" * 64] * LITTLE) == pytest.approx(100_003)
    assert weigh([0] * (LITTLE + 5)) == LITTLE + 6
    assert weigh({"a": "x" * 32, "b": 1}) == 1 + 2 + 2 + 1


# --- what a worker gives back


def elsewhere(*what):
    """Do it in a worker: there is too much to do here."""
    return within_limits(lambda: spend(LITTLE + 1), *what)


def test_problems_come_back_with_their_places():
    chat = json.dumps([{"role": "user", "content": "a"}, {"role": "user", "content": "\n {{ x }}"}])
    with pytest.raises(ContractError) as caught:
        elsewhere("fill_template", Template(content=chat, kind="chat", syntax="jinja"), {})
    assert str(caught.value) == (
        "message 2, line 2, column 5: “x” is not declared; declare it as a variable or remove it"
    )
    with pytest.raises(RenderError) as refused:
        elsewhere("fill_text", "\n {{ x | uper }}", {"x": "a"})
    assert str(refused.value).startswith("line 2, column 9: unknown filter “uper”")


def test_what_takes_much_is_the_same_from_a_worker():
    much = "{% for i in l %}{% endfor %}{{ x }}"
    values = {"l": [0] * 18_000, "x": "a"}
    assert fill_text(much, values) == "a"
    assert fill_free_values({**values, "y": much})["y"] == "a"
    assert fill_free_values({"d": 3, "e": "{"}) == {"d": 3, "e": "{"}


def test_what_cannot_be_sent_to_a_worker_is_too_deep():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RenderError) as caught:
        elsewhere("fill_values", {"a": deep})
    assert str(caught.value) == "the template cannot be rendered: nested too deeply"
    while deep:  # Python itself would take the deep list apart level by level
        deep = deep.pop()


def test_an_allowance_that_ends_meanwhile():
    with bounded.limit_allowance(1e-6), pytest.raises(RenderError) as caught:
        elsewhere("fill_values", {"a": "x"})
    assert [problem.code for problem in caught.value.problems] == ["limit-time"]
    assert caught.value.problems[0].params == {
        "seconds": bounded.SECONDS,
        "megabytes": bounded.MEGABYTES,
    }
    assert issubclass(WorkerDiedError, bounded.BoundedError)


def test_a_chat_of_a_worker_is_one_of_messages():
    chat = json.dumps(
        [
            {
                "role": "system",
                "content": "{% for i in l %}{% for j in [1] %}{% endfor %}{% endfor %}a",
            },
            {"role": "user", "content": "b"},
        ]
    )
    template = Template(
        content=chat,
        kind="chat",
        syntax="jinja",
        variables=parse_variables([{"name": "l", "type": "list"}]),
    )
    messages = prepare(template)({"l": [0] * 9_000})
    assert [(message.role, message.content) for message in messages] == [
        ("system", "a"),
        ("user", "b"),
    ]


# --- what includes bring

INNER = Template(
    content="{{ a }}{{ b }}",
    syntax="mustache",
    variables=parse_variables([{"name": "a", "type": "list"}, {"name": "b", "description": "B"}]),
)


def test_all_variables_of_an_include_are_used_and_proposed_as_it_has_them():
    template = Template(
        content="x\n{% include 'inner' %}", syntax="jinja", includes={"inner@production": INNER}
    )
    assert [(use.name, str(use.place)) for use in find_uses(template)] == [
        ("a", "line 2, column 4"),
        ("b", "line 2, column 4"),
    ]
    assert propose_variables(template) == INNER.variables


def test_a_prompt_that_is_json_says_what_it_reads_and_includes():
    content = json.dumps(
        {"a": "{{ x }}{% include 'one' %}", "b": ["{{ x }}{% include 'two@new' %}"]}
    )
    template = Template(content=content, syntax="nunjucks-json")
    assert [str(one) for one in find_references(template)] == ["one@production", "two@new"]
    assert [use.name for use in find_uses(template)] == ["x"]
    wrong = Template(content=json.dumps(["{{ x | no }}"]), syntax="nunjucks-json")
    assert [problem.code for problem in check(wrong)] == ["jinja-filter"]


def test_a_text_that_belongs_to_no_prompt_includes_nothing():
    sentence = "line 1, column 6: “tone@production” cannot be included"
    for fill in (lambda text: fill_text(text, {}), lambda text: fill_free_values({"a": text})):
        with pytest.raises(RenderError) as caught:
            fill("x {% include 'tone' %}")
        assert str(caught.value).startswith(sentence)


def test_what_mustache_does_not_close_is_one_problem():
    for content in ("{{ a", "x {{ a", "x {{ a }} {{ b", "x {{ a }"):
        assert [problem.code for problem in mustache.parse(content).problems] == ["mustache-open"]


def test_names_of_variables_that_are_no_texts():
    with pytest.raises(ContractError) as caught:
        parse_variables([{"name": []}, {"name": {}}, {"name": "x"}])
    assert [problem.code for problem in caught.value.problems] == ["declaration-name"] * 2
