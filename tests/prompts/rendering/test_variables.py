"""Declarations of variables and their values: each rule at its edge, each problem by its code."""

import math

import pytest

from prompts.rendering.problems import ContractError, Problem, ValuesError
from prompts.rendering.variables import (
    KEYS,
    MOST_DECLARED,
    MOST_PROBLEMS,
    TYPES,
    Variable,
    coerce_values,
    is_variable_name,
    parse_variables,
    take_values,
)

NAMES = [
    ("name", True), ("名前", True), ("x" * 100, True), ("x" * 101, False), ("_x", False),
    ("", False), ("1x", False), ("a b", False), ("for", False), ("For", False), ("loop", False),
    ("class", False), ("lambda", False), ("None", False), ("true", False), ("xor", True),
    (None, False), (1, False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "allowed"), NAMES)
def test_what_a_variable_can_be_called(name, allowed):
    assert is_variable_name(name) is allowed


DECLARATIONS = [
    ({"name": "x"}, Variable(name="x")),
    ({"name": "x", "default": "a"}, Variable(name="x", required=False, default="a")),
    ({"name": "x", "default": None}, Variable(name="x", required=True)),
    ({"name": "x", "required": False}, Variable(name="x", required=False)),
    (
        {"name": "x", "required": False, "default": "a", "description": "d", "example": "e"},
        Variable(name="x", required=False, default="a", description="d", example="e"),
    ),
    ({"name": "x", "type": None, "description": None}, Variable(name="x")),
    ({"name": "x", "type": "list", "default": []}, Variable(name="x", type="list", required=False,
                                                           default=[])),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "variable"), DECLARATIONS)
def test_a_declaration(entry, variable):
    assert parse_variables([entry]) == (variable,)
    assert parse_variables([variable.as_json()])[0].name == variable.name


def codes(error):
    return [(problem.code, dict(problem.params)) for problem in error.problems]


FAULTS = [
    ("x", [("declaration-list", {})]),
    ([{"name": "x"}, "y"], [("declaration-list", {})]),
    ({"name": "x"}, [("declaration-list", {})]),
    ([{}], [("declaration-name", {"name": ""})]),
    ([{"name": "a b"}], [("declaration-name", {"name": "a b"})]),
    ([{"name": "_" * 150}], [("declaration-name", {"name": "_" * 100})]),
    ([{"name": 7}], [("declaration-name", {"name": "7"})]),
    (
        [{"name": "x"}, {"name": "y"}, {"name": "x"}],
        [("declaration-twice", {"name": "x"})],
    ),
    (
        [{"name": "x", "k" * 150: 1}],
        [("declaration-key", {"name": "x", "key": "k" * 100, "allowed": ", ".join(KEYS)})],
    ),
    (
        [{"name": "x", "description": 1}],
        [("declaration-text", {"name": "x", "key": "description"})],
    ),
    ([{"name": "x", "required": "yes"}], [("declaration-required", {"name": "x"})]),
    (
        [{"name": "x", "type": "t" * 150}],
        [("declaration-type", {"name": "x", "type": "t" * 100, "allowed": ", ".join(TYPES)})],
    ),
    (
        [{"name": "x", "default": 1}],
        [("declaration-value", {"name": "x", "key": "default", "expected": "a string"})],
    ),
    (
        [{"name": "x", "type": "number", "example": "1"}],
        [("declaration-value", {"name": "x", "key": "example", "expected": "a number"})],
    ),
    (
        [{"name": "x", "required": True, "default": "a"}],
        [("declaration-default", {"name": "x"})],
    ),
    (
        [{"name": "x", "type": "nothing", "default": 1, "more": 2}, {"name": "for"}],
        [
            ("declaration-key", {"name": "x", "key": "more", "allowed": ", ".join(KEYS)}),
            ("declaration-type", {"name": "x", "type": "nothing", "allowed": ", ".join(TYPES)}),
            ("declaration-name", {"name": "for"}),
        ],
    ),
]


@pytest.mark.parametrize(("value", "problems"), FAULTS)
def test_every_fault_of_a_declaration_is_named(value, problems):
    with pytest.raises(ContractError) as caught:
        parse_variables(value)
    assert codes(caught.value) == problems


def test_so_many_variables_and_no_more():
    most = [{"name": f"v{number}"} for number in range(MOST_DECLARED)]
    assert len(parse_variables(most)) == MOST_DECLARED
    with pytest.raises(ContractError) as caught:
        parse_variables([*most, {"name": "more"}])
    assert codes(caught.value) == [("too-many-declared", {"limit": MOST_DECLARED})]


def test_objects_are_nested_as_deeply_as_lists():
    deepest = 1
    for _ in range(50):
        deepest = {"k": deepest}
    variable = Variable(name="x", type="json")
    assert take_values([variable], {"x": deepest}) == {"x": deepest}
    with pytest.raises(ValuesError):
        take_values([variable], {"x": {"k": deepest}})


def test_of_many_unknown_values_the_first_are_named():
    many = {f"q{number}": 1 for number in range(MOST_PROBLEMS + 10)}
    with pytest.raises(ValuesError) as caught:
        take_values([], many)
    assert len(caught.value.problems) == MOST_PROBLEMS


def test_two_entries_without_a_name_are_not_the_same_variable():
    with pytest.raises(ContractError) as caught:
        parse_variables([{}, {}])
    assert [problem.code for problem in caught.value.problems] == ["declaration-name"] * 2


# --- values

deep = [[]]
for _ in range(48):
    deep = [deep]
too_deep = [deep]
BIG = 2**4096 - 1

FITS = [
    ("text", "", True), ("text", 1, False), ("text", None, False),
    ("number", 0, True), ("number", 1.5, True), ("number", True, False), ("number", "1", False),
    ("number", math.inf, False), ("number", -math.inf, False), ("number", math.nan, False),
    ("number", BIG, True), ("number", BIG + 1, False), ("number", -BIG, True),
    ("boolean", False, True), ("boolean", 0, False), ("boolean", "true", False),
    ("list", [], True), ("list", [1, "a", None, {"k": [True]}], True), ("list", (), False),
    ("list", [math.nan], False), ("list", [{1: "a"}], False), ("list", [object()], False),
    ("list", deep, True), ("list", too_deep, False), ("list", {"a": 1}, False),
    ("json", {"a": [1, {"b": None}]}, True), ("json", "text", True),
    ("json", {"a": math.inf}, False),
    ("json", {"a": {2: 1}}, False), ("json", {"a": (1,)}, False), ("json", {"a": BIG + 1}, False),
    ("json", set(), False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "fits"), FITS)
def test_which_value_fits_which_type(kind, value, fits):
    variable = Variable(name="x", type=kind)
    if fits:
        assert take_values([variable], {"x": value}) == {"x": value}
    else:
        with pytest.raises(ValuesError) as caught:
            take_values([variable], {"x": value})
        assert [problem.code for problem in caught.value.problems] in (["value-type"], ["missing"])


TAKEN = [
    # declared, given → taken
    ({"required": False}, {}, ""),
    ({"required": False}, {"x": None}, ""),
    ({"required": False, "default": "d"}, {}, "d"),
    ({"required": False, "default": "d"}, {"x": None}, "d"),
    ({"required": False, "default": "d"}, {"x": ""}, ""),
    ({"required": False, "type": "number"}, {}, 0),
    ({"required": False, "type": "number", "default": 0}, {}, 0),
    ({"required": False, "type": "boolean"}, {}, False),
    ({"required": False, "type": "list"}, {}, []),
    ({"required": False, "type": "json"}, {}, None),
    ({"type": "json"}, {"x": None}, None),  # null is a value
    ({"type": "json", "required": False, "default": 1}, {"x": None}, None),
    ({"type": "json", "required": False, "default": 1}, {}, 1),
]


@pytest.mark.parametrize(("declared", "given", "taken"), TAKEN)
def test_a_value_its_default_or_an_empty_one(declared, given, taken):
    assert take_values([Variable(name="x", **declared)], given) == {"x": taken}


X, Y = Variable(name="name", description="who it is for"), Variable(name="tone", type="number")
PROBLEMS = [
    ([X], {}, [("missing", {"name": "name", "expected": "who it is for"})]),
    ([X], {"name": None}, [("missing", {"name": "name", "expected": "who it is for"})]),
    ([Y], {}, [("missing", {"name": "tone", "expected": "a number"})]),
    ([], {"x": 1}, [("none-known", {"name": "x"})]),
    ([X], {"name": "a", "nmae": 1}, [("unknown-near", {"name": "nmae", "near": "name"})]),
    ([X, Y], {"name": "a", "tone": 1, "qqq": 1},
     [("unknown", {"name": "qqq", "allowed": "name, tone"})]),
    ([X], {"name": "a", "q" * 150: 1}, [("unknown", {"name": "q" * 100, "allowed": "name"})]),
    ([Y], {"tone": "x" * 38}, [("value-type", {"name": "tone", "expected": "a number",
                                               "found": repr("x" * 38)})]),
    ([Y], {"tone": "x" * 39}, [("value-type", {"name": "tone", "expected": "a number",
                                               "found": repr("x" * 39)[:40] + "…"})]),
    ([X, Y], {"other": 1}, [
        ("unknown", {"name": "other", "allowed": "name, tone"}),
        ("missing", {"name": "name", "expected": "who it is for"}),
        ("missing", {"name": "tone", "expected": "a number"}),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "given", "problems"), PROBLEMS)
def test_every_problem_of_the_values_is_named(declared, given, problems):
    with pytest.raises(ValuesError) as caught:
        take_values(declared, given)
    assert codes(caught.value) == problems


def test_all_values_together_have_a_limit():
    half = "x" * 4_999_999  # the names count too
    two = [Variable(name="a"), Variable(name="b")]
    assert take_values(two, {"a": half, "b": half})["b"] == half
    with pytest.raises(ValuesError) as caught:
        take_values(two, {"a": half, "b": half + "x"})
    assert caught.value.problems == (Problem(code="value-size", params={"limit": 10_000_000}),)


# --- values as texts

TEXTS = [
    ("text", " a ", " a "), ("text", "", ""),
    ("number", " 12 ", 12), ("number", "-1.5e3", -1500.0), ("number", "1e400", None),
    ("number", "nan", None), ("number", "", None), ("number", "twelve", None),
    ("number", "9" * 2000, None), ("number", str(BIG), BIG),
    *[("boolean", word, True) for word in ("true", "YES", " 1 ", "On")],
    *[("boolean", word, False) for word in ("false", "No", "0", "OFF", "", "  ")],
    ("boolean", "maybe", None),
    ("list", "[1, 2]", [1, 2]), ("list", "a\n\n b \n", ["a", " b "]), ("list", "", []),
    ("list", '{"a": 1}', ['{"a": 1}']), ("list", "[1, ", ["[1, "]),
    ("json", '{"a": [null]}', {"a": [None]}), ("json", "null", None), ("json", "[", ...),
    ("json", "NaN", ...), ("json", "[" * 60 + "]" * 60, ...), ("json", "[" * 100_000, ...),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value"), TEXTS)
def test_a_text_is_read_as_its_type(kind, text, value):
    variable = Variable(name="x", type=kind)
    unreadable = value is ... or (value is None and kind != "json")
    if not unreadable:
        read = coerce_values([variable], {"x": text})["x"]
        assert (read, type(read)) == (value, type(value))
        return
    with pytest.raises(ValuesError) as caught:
        coerce_values([variable], {"x": text})
    (problem,) = caught.value.problems
    assert (problem.code, problem.params["expected"]) == ("value-type", TYPES[kind])


def test_texts_for_what_is_not_declared_are_named_with_the_others():
    with pytest.raises(ValuesError) as caught:
        coerce_values([Y], {"qqq": "1", "tone": "x"})
    assert [problem.code for problem in caught.value.problems] == ["unknown", "value-type"]
    assert coerce_values([X, Y], {"tone": "2"}) == {"tone": 2}
