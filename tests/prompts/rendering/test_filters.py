"""What filters, values and counted effort come to: each rule of Jinja's and Nunjucks' at its edge."""

# ruff: noqa: E501 (templates as rows of a table)

import json
import math
from pathlib import Path

import pytest
from jinja2 import Undefined

from core import bounded
from prompts.rendering import (
    RenderError,
    Template,
    TemplateError,
    check,
    dump_messages,
    estimate_tokens,
    fill_partly,
    fill_text,
    in_worker,
    parse_messages,
    parse_variables,
    render,
)
from prompts.rendering.effort import LITTLE, _left, metered, spend, weigh, within_limits
from prompts.rendering.syntaxes import mustache, nunjucks_filters, parsed
from prompts.rendering.syntaxes.nunjucks_values import (
    add,
    as_json,
    as_number,
    as_text,
    compare,
    is_true,
)
from prompts.rendering.values import estimate_size

VALUES, *ANSWERS = json.loads(
    (Path(__file__).parent / "nunjucks_answers.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(("text", "answer"), ANSWERS)
def test_what_nunjucks_itself_answers(text, answer):
    """`make differential ARGS="--templates --record"` asks the nunjucks that promptfoo brings."""
    if answer is None:
        with pytest.raises(RenderError):
            fill_text(text, VALUES)
        return
    assert fill_text(text, VALUES) == answer


NUNJUCKS_REFUSED = [
    ("{{ n | upper }}", "this filter requires a string; put | string before it"),
    ("{{ t | join }}", "this filter requires a list"),
    ("{{ t | center(1001) }}", "a width must be an integer from 0 to 1000"),
    ("{{ t | indent(1001) }}", "a width must be an integer from 0 to 1000"),
    ("{{ l | batch(1001) }}", "a width must be an integer from 0 to 1000"),
    ("{{ l | slice(1001) }}", "a width must be an integer from 0 to 1000"),
    ("{{ 'x' | load }}", "load requires a string that contains JSON"),
    ("{{ l | dictsort }}", "dictsort requires an object"),
    ("{{ o | dictsort(false, 'x') }}", "dictsort can only sort by key or by value"),
    ("{{ o | dictsort(false, 1) }}", "dictsort can only sort by key or by value"),
    (
        "{{ l | select('no') }}",
        "available tests: truthy, falsy, defined, undefined, string, number, odd, even, divisibleby, eq, ne, gt, ge, lt, le",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), NUNJUCKS_REFUSED)
def test_filters_of_nunjucks_say_what_they_are_for(text, sentence):
    with pytest.raises(RenderError) as caught:
        fill_text(text, VALUES)
    assert sentence in str(caught.value)


def test_whole_numbers_that_no_float_holds():
    read = nunjucks_filters._int
    assert [read("9" * 1001), read("-" + "9" * 1001), read("f" * 1001, None, 16)] == [
        math.inf,
        -math.inf,
        math.inf,
    ]
    assert read("-" + "1" * 1000) == -int("1" * 1000)


def test_widths_at_their_edges():
    assert len(fill_text("{{ 'a' | center(1000) }}", {})) == 1000
    assert fill_text("{{ [1] | dump(10) }}", {}) == "[\n" + " " * 10 + "1\n]"


LIMIT = parsed.OUTPUT_LIMIT
GROWING = [
    (lambda: nunjucks_filters._replace("aa", "a", "x" * (LIMIT // 2)), True),
    (lambda: nunjucks_filters._replace("aa", "a", "x" * (LIMIT // 2 + 1)), False),
    (lambda: nunjucks_filters._replace("aa", "a", "x" * LIMIT, 1), False),
    (lambda: nunjucks_filters._replace("a" + "b", "a", "x" * (LIMIT - 1), 5), True),
    (lambda: nunjucks_filters._join(["x" * (LIMIT - 2), "y"], ""), True),
    (lambda: nunjucks_filters._join(["x" * LIMIT, "y"], ""), False),
    (lambda: nunjucks_filters._join(["x", "y"], "-" * LIMIT), False),
    (lambda: nunjucks_filters._indent("\n" * 1_000, 1_000), True),
    (lambda: nunjucks_filters._indent("\n" * 1_050, 1_000), False),
    (lambda: nunjucks_filters._dump(["x" * (LIMIT - 1)]), True),
    (lambda: nunjucks_filters._dump(["x" * LIMIT]), False),
    (lambda: nunjucks_filters._sum(["x" * (LIMIT - 2), "y"]), True),
    (lambda: nunjucks_filters._sum(["x" * (LIMIT - 1), "y"]), False),
]


@pytest.mark.parametrize(("grow", "allowed"), GROWING, ids=range(len(GROWING)))
def test_a_filter_looks_at_the_size_of_its_result_first(grow, allowed):
    if allowed:
        assert grow()
        return
    with pytest.raises(RenderError, match=f"more than {LIMIT} characters"):
        grow()


# --- Values of JavaScript -------------------------------------------------------------------------


def test_texts_and_json_of_values():
    values = [None, "a", True, 1.0, 1.5, -math.inf, math.nan, 1e21, 1e-7, [1, [None, "x"]], {}, 3]
    assert [as_text(value) for value in values] == [
        "", "a", "true", "1", "1.5", "-Infinity", "NaN", "1e+21", "1e-7", "1,,x",
        "[object Object]", "3",
    ]  # fmt: skip
    assert as_json({1: [1.0, math.inf, 1e21, "é"]}) == '{"1":[1,null,1e+21,"é"]}'
    assert as_json({"a": [1]}, 1) == '{\n "a": [\n  1\n ]\n}'
    assert as_text(Undefined()) == ""


def test_what_is_true():
    assert [is_true(value) for value in ("", "0", 0, 1, math.nan, None, [], {}, False, Undefined())] == [
        False, True, False, True, False, False, True, True, False, False,
    ]  # fmt: skip


NUMBERS = [
    (None, 0), (True, 1), (" 12 ", 12), ("", 0), (" ", 0), ("1.50", 1.5), (".5", 0.5), ("5.", 5),
    ("1e3", 1000), ("-Infinity", -math.inf), ([], 0), ([7], 7), (2.5, 2.5), ("+3", 3), (1e300, 1e300),
]  # fmt: skip


@pytest.mark.parametrize(("value", "number"), NUMBERS)
def test_numbers(value, number):
    assert as_number(value) == number


@pytest.mark.parametrize("value", ["x", "1x", "0x1", {}, [1, 2], Undefined(), "1_0", "inf"])
def test_no_numbers(value):
    assert math.isnan(as_number(value))


def test_sums():
    assert add(1, "2") == "12"
    assert add(1, None) == 1
    assert add(True, 2) == 3
    assert add("a", None) == "anull"
    assert add("a", Undefined()) == "aundefined"
    assert add([1], {}) == "1[object Object]"


COMPARED = [
    (1, "eq", "1", True), (1, "eq", 2, False), ("a", "eq", "a", True), ("1", "eq", "1.0", False),
    (None, "eq", None, True), (None, "eq", 0, False), (0, "eq", None, False), ("", "eq", 0, True),
    ([1], "eq", "1", True), ("1", "eq", [1], True), ([1], "eq", [1], False), (1, "ne", 2, True),
    (1, "ne", 1, False), (2, "lt", "10", True), ("2", "lt", "10", False), (1, "lt", 1, False),
    (1, "lteq", 1, True), (2, "gt", 1, True), (1, "gt", 1, False), (1, "gteq", 1, True),
    ("b", "in", "abc", True), ("x", "in", "abc", False), (1, "in", "a1", True), (1, "in", [1], True),
    ("a", "in", {"a": 1}, True), (1, "in", 5, False), (1, "notin", [1], False), (2, "notin", [1], True),
]  # fmt: skip


@pytest.mark.parametrize(("left", "operator", "right", "expected"), COMPARED)
def test_comparisons(left, operator, right, expected):
    assert compare(left, operator, right) is expected


# --- Jinja ----------------------------------------------------------------------------------------


def fill(content, **values):
    kinds = {
        str: "text",
        list: "list",
        dict: "json",
        int: "number",
        float: "number",
        bool: "boolean",
    }
    declared = [{"name": name, "type": kinds[type(value)]} for name, value in values.items()]
    variables = parse_variables(declared)
    return render(Template(content=content, syntax="jinja", variables=variables), values)


JINJA = [
    ("{{ t | replace('l', 'L') }}|{{ t | replace('l', 'L', 1) }}|{{ t | replace('l', 'L', 9) }}", "heLLo|heLlo|heLLo"),
    ("{{ l | join }}|{{ l | join(', ') }}|{{ l | join(1) }}", "12|1, 2|112"),
    ("{{ 'a\n\nb' | indent }}|{{ 'a\n\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(1, blank=true) }}", "a\n\n    b|  a\n\n  b|a\n \n b"),
    ("{{ o | tojson }}|{{ o | tojson(indent=1) }}|{{ l | tojson(0) }}", '{"k": "é"}|{\n "k": "é"\n}|[\n1,\n2\n]'),
    ("{{ t | truncate(5) }}|{{ t | truncate(4) }}|{{ t | truncate(3, '...') }}|{{ t | truncate(2, '...') }}|{{ t | truncate }}", "hello|hel…|...|...|hello"),
    ("{{ n | round }}|{{ n | round(1) }}|{{ n | round(0, 'floor') }}|{{ n | round(20) }}", "3.0|2.6|2.0|2.56"),
    ("{{ [1, 'x', 2.5] | sum }}|{{ t | wordcount }}|{{ t | title }}|{{ ' x ' | trim }}|{{ o | count }}", "3.5|1|Hello|x|1"),
    ("{{ [2, 1] | sort }}|{{ [1, 1] | unique }}|{{ [1, 2] | reverse }}|{{ 'ab' | reverse }}", "[1, 2]|[1]|[2, 1]|ba"),
    ("{{ o | items }}|{{ [1, 0] | select }}|{{ [1, 0] | reject }}", '[["k", "é"]]|[1]|[0]'),
]  # fmt: skip


@pytest.mark.parametrize(("content", "filled"), JINJA)
def test_filters_of_jinja(content, filled):
    values = {"t": "hello", "l": [1, 2], "o": {"k": "é"}, "n": 2.56}
    used = {name: value for name, value in values.items() if f" {name} " in content}
    assert fill(content, **used) == filled


JINJA_REFUSED = [
    ("{{ n | round(21) }}", "round supports at most 20 digits"),
    ("{{ n | round(-21) }}", "round supports at most 20 digits"),
    ("{{ n | round('x') }}", "round supports at most 20 digits"),
    ("{{ 'a' | indent(101 + n - n) }}", "indent must be 0 to 100 columns"),
    ("{{ 'a' | indent(0 - n) }}", "indent must be 0 to 100 columns"),
    ("{{ [1] | tojson(101 + n - n) }}", "the indent of tojson must be 0 to 100"),
    ("{{ [1] | tojson(0 - n) }}", "the indent of tojson must be 0 to 100"),
]


@pytest.mark.parametrize(("content", "sentence"), JINJA_REFUSED)
def test_filters_of_jinja_say_their_limits(content, sentence):
    with pytest.raises(TemplateError) as caught:
        fill(content, n=2)
    assert sentence in str(caught.value)


# --- Mustache, chats, lengths ---------------------------------------------------------------------

MUSTACHE = [
    ("{{ a }} b", [], [("a", 1, 1)]),
    ("x\n {{a}}{{ b }}\n{{ a }}", [], [("a", 2, 2), ("b", 2, 7)]),
    (r"\{{ a }} \\{{ b }}", [], [("b", 1, 12)]),
    ("{{ a", ["line 1, column 1: "], []),
    ("x\n{{{ a }}}", ["line 2, column 1: "], []),
    ("{{ a b }}", ["line 1, column 1: "], []),
    ("{{> a b }}", ["line 1, column 1: "], []),
    ("{{ x\n}} {{ if }}", ["line 2, column 4: "], [("x", 1, 1)]),
]


@pytest.mark.parametrize(("content", "places", "uses"), MUSTACHE)
def test_mustache_reads_variables_and_names_places(content, places, uses):
    read = mustache.parse(content)
    assert [
        str(problem)[: len(place)] for problem, place in zip(read.problems, places, strict=True)
    ] == places
    assert [(use.name, use.place.line, use.place.column) for use in read.uses] == uses


def test_what_mustache_cannot_read_is_shown_cut():
    [problem] = check(Template(content="{{ " + "x y" * 20 + " }}", syntax="mustache"))
    assert problem.params["found"] == "{{ " + ("x y" * 20)[:37] + "…"
    [problem] = check(Template(content="{{ " + "x " * 16 + "  }}", syntax="mustache"))
    assert problem.params["found"] == "{{ " + "x " * 16 + "  }}"[:5]
    found = check(Template(content="{{ - }}" * 30, syntax="mustache"))
    assert len(found) == 20


def test_as_many_variables_as_are_allowed():
    for count, problems in ((200, 0), (201, 1)):
        text = "".join(f"{{{{ v{number} }}}}" for number in range(count))
        found = [
            one
            for one in check(Template(content=text, syntax="mustache"))
            if one.code == "too-many-variables"
        ]
        assert len(found) == problems


def test_a_template_is_filled_in_part():
    values = {"a": "{{ x }}", "b": 2}
    text = r"{{ a }}|{{ c }}|\{{ a }}|\\{{ b }}|{{b}}|{{ a"
    assert fill_partly(text, values) == r"\{{ x }}|{{ c }}|\{{ a }}|\2|2|{{ a"
    assert fill_partly("{{ a" + " " * 990 + "}}", {"a": 1}) == "1"
    assert fill_partly("{{ a" + " " * 1000 + "}}", {"a": 1}) == "{{ a" + " " * 1000 + "}}"


def test_chats_are_read_and_written():
    content = '[{"role": "user", "content": "é"}]'
    messages = parse_messages(content)
    assert [(one.role, one.content) for one in messages] == [("user", "é")]
    assert dump_messages(messages) == '[\n  {\n    "role": "user",\n    "content": "é"\n  }\n]'


CHATS = [
    ("[", ("line 1, column 2: a chat must be a JSON list of messages, each with role "
"and content: Expecting value")),
    ("[]", ("a chat must be a JSON list of at least one message, each with role and "
"content")),
    ("{}", ("a chat must be a JSON list of at least one message, each with role and "
"content")),
    ("[" * 5000, ("a chat must be a JSON list of at least one message, each with role and "
"content")),
    ("[1]", ("message 1: a message must have only a role and a content that is a "
"string or a list of parts; this one has no keys")),
    ('[{"role": "user", "content": "a"}, {}]', ("message 2: a message must have only a role and a content that is a "
"string or a list of parts; this one has nothing")),
    ('[{"role": "user"}]', ("message 1: a message must have only a role and a content that is a "
"string or a list of parts; this one has role")),
    ('[{"role": "user", "content": 1}]', ("message 1: a message must have only a role and a content that is a "
"string or a list of parts; this one has a content that is neither")),
    ('[{"role": "bot", "content": ""}]', ("message 1: unknown role “bot”; allowed roles: system, developer, user, "
"assistant, tool")),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), CHATS)
def test_chats_that_are_none(content, sentence):
    [problem] = check(Template(content=content, kind="chat"))
    assert str(problem) == sentence


def test_tokens_are_estimated():
    texts = {
        "": 0, "hello": 1, "hellos": 2, "a b": 2, "a\nb": 3, "123": 1, "1234": 2, "東京": 2, "é": 1,
        "!?": 2, "a \n\n b": 3, "１２": 1,
    }  # fmt: skip
    assert {text: estimate_tokens(text) for text in texts} == texts


def test_sizes_of_values():
    assert estimate_size("abc") == 3
    assert estimate_size([1, "ab"]) == 5
    assert estimate_size({"ab": ("c", None)}) == 6
    assert estimate_size(None) == 1


# --- Effort ---------------------------------------------------------------------------------------


def test_what_looking_at_a_value_costs():
    assert weigh("x" * 32) == 2
    assert weigh(5) == 1
    assert weigh([]) == 1
    assert weigh(["x" * 64, {"a": (1, 2)}]) == 1 + 3 + 2 + 3
    assert weigh([0] * (LITTLE + 1)) == LITTLE + 2
    assert weigh([0] * LITTLE) == LITTLE + 1


def test_effort_is_counted_until_there_is_none_left():
    def used(units):
        return within_limits(lambda: spend(units) or "here", "fill_values", {"a": 1})

    assert used(LITTLE) == "here"
    spend(LITTLE * 9)  # nobody counts
    # What takes more is done by a worker, from its beginning.
    values = {"a": "{{ b }}", "b": "x"}
    assert within_limits(lambda: spend(LITTLE + 1), "fill_values", values)["a"] == "x"
    with bounded.limit_allowance(0), pytest.raises(RenderError, match="s of CPU time; shorten the"):
        used(1)


def test_a_filter_spends_what_it_looks_at():
    def units(factor, *args, **kwargs):
        def here():
            metered(lambda *_, **__: "y" * 32, factor)(*args, **kwargs)
            return left()

        return within_limits(here, "fill_values", {})

    def left():
        return LITTLE - _left.get()[0]

    assert units(1, "x" * 32) == 2 + 2
    assert units(10, "x" * 32, 1, a=[1]) == 10 * 3 + 2 + 2
    assert metered(lambda value: value)("x") == "x"


def test_what_a_worker_says_of_a_template():
    template = Template(
        content="{{ a }}", syntax="mustache", variables=parse_variables([{"name": "a"}])
    )
    assert in_worker.fill_template(template, {"a": "x"}) == ("done", "x")
    kind, [(code, params, place)] = in_worker.fill_template(template, {})
    assert (kind, code, params["name"], place) == (
        "ValuesError",
        "missing",
        "a",
        {"line": None, "column": None, "message": None, "part": None, "placeholder": None},
    )
    place_of_message = {"line": 1, "column": 1, "message": 1, "part": None, "placeholder": None}
    chat = Template(
        content='[{"role": "user", "content": "{{ a b }}"}]', kind="chat", syntax="mustache"
    )
    kind, [(code, params, place)] = in_worker.fill_template(chat, {})
    assert (kind, code, place) == ("ContractError", "mustache-form", place_of_message)
    plain = Template(content='[{"role": "user", "content": "x"}]', kind="chat")
    assert in_worker.fill_template(plain, {}) == ("done", [("user", "x")])
    assert in_worker.fill_text("{{ a }}", {"a": 1}) == ("done", "1")
    assert in_worker.fill_text("{{ a | upper }}", {"a": 1})[0] == "RenderError"
    assert in_worker.fill_values({"a": "{{ b }}", "b": "x"}) == ("done", {"a": "x", "b": "x"})
    assert in_worker.fill_values({"a": "{{ a | no }}"})[0] == "RenderError"
