"""JSON Schemas that cannot be used, expressions in them, and objects within texts."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from evaluations.engine.errors import ScoringError, SuiteError
from evaluations.engine.formats.assertions import parse_assertion
from evaluations.engine.scorers import Context, grade, schemas
from evaluations.engine.scorers.embedded_json import find_objects
from evaluations.engine.types import Answer, Assertion

NAMED_2020 = "https://json-schema.org/draft/2020-12/schema"


def graded(kind, text, value=None):
    return asyncio.run(grade([Assertion(type=kind, value=value)], Answer(text=text), Context()))


def deep(levels):
    schema = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


UNUSABLE = [
    (
        {"properties": {"a": {"$ref": "#/definitions/b"}}},
        "it refers to “#/definitions/b”, which it",
    ),
    (
        {"properties": {"a": {"$ref": "http://127.0.0.1:1/s"}}},
        "it refers to “http://127.0.0.1:1/s”",
    ),
    ({"items": {"$ref": "#here"}}, "it refers to “#here”"),
    ({"$schema": 5}, "$schema must be a string"),
    ({"$schema": ["a"]}, "$schema must be a string"),
    ({"type": "objekt"}, "invalid JSON Schema: 'objekt' is not valid"),
    ({"properties": 5}, "invalid JSON Schema: 5 is not of type 'object'"),
    ({"pattern": "(a"}, "“(a” is not a valid JavaScript regular expression: "),
    ({"patternProperties": {"[": {}}}, "“[” is not a valid JavaScript regular expression: "),
    (
        {"$schema": NAMED_2020, "patternProperties": {"a": {}}, "unevaluatedProperties": False},
        "unevaluatedProperties beside patternProperties is not supported",
    ),
    (deep(3000), "nested too deeply"),
    ('{"a": ' * 3000 + "1" + "}" * 3000, "nested too deeply"),
    ("a: &x [1]\nb: [*x, *x]", "the schema uses YAML aliases"),
    ("a: !!bool x", "the schema is neither valid JSON nor valid YAML"),
    ("a: [", "the schema is neither valid JSON nor valid YAML"),
    ("3", "the schema must be an object"),
]


@pytest.mark.parametrize("kind", ["is-json", "json-schema", "contains-json"])
@pytest.mark.parametrize(("schema", "sentence"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_a_schema_that_cannot_be_used_is_refused_and_never_scored(kind, schema, sentence):
    with pytest.raises(SuiteError) as refusal:
        parse_assertion({"type": kind, "value": schema})
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert sentence in graded(kind, '{"a": {"a": 1}}', schema).error


FITS = [
    ('{"a": 1}', {"$ref": "#/$defs/x", "$defs": {"x": {"required": ["a"]}}}, True),
    ('{"a": 1}', {"properties": {"a": {"$ref": "#"}}, "type": ["object", "integer"]}, True),
    ('{"type": 1}', {"$ref": "http://json-schema.org/draft-07/schema#"}, False),
    ('"2020-01-01"', "const: 2020-01-01", True),
    ('"über"', {"pattern": r"^\p{L}+$"}, True),
    ('"x-y"', {"pattern": r"^x\-y$"}, True),
    ('"5"', {"pattern": r"^\d$"}, True),
    ('"٥"', {"pattern": r"^\d$"}, False),
    ('"b"', {"pattern": "a"}, False),
    ('"a\\ud800b"', {"pattern": "b"}, True),
    ("3", {"pattern": "a"}, True),
    ('"(?<y>a)"', {"format": "regex"}, True),
    ('"(a"', {"format": "regex"}, False),
    ('{"s_a": 1, "b": 2}', {"patternProperties": {"^s_": {"type": "integer"}}}, True),
    ('{"s_a": "1"}', {"patternProperties": {"^s_": {"type": "integer"}}}, False),
    ('{"s_a": 1}', {"patternProperties": {"^s_": {}}, "additionalProperties": False}, True),
    ('{"b": 1}', {"patternProperties": {"^s_": {}}, "additionalProperties": False}, False),
    (
        '{"b": 1, "s_a": "x"}',
        {"patternProperties": {"^s_": {}}, "additionalProperties": {"type": "integer"}},
        True,
    ),
    ('{"b": 1}', {"properties": {"b": {}}, "additionalProperties": False}, True),
]


@pytest.mark.parametrize(("text", "schema", "passed"), FITS)
def test_a_document_keeps_to_a_schema_or_not(text, schema, passed):
    found = graded("is-json", text, schema)
    assert (found.error, found.passed) == ("", passed)


SLOW = "(a+)+$"
UNHELD = [
    ("1e400", {"multipleOf": 0.01}, "the answer cannot be validated against the JSON Schema: "),
    ("1", {"$ref": "#"}, "nested too deeply, or refers to itself"),
    ('"' + "a" * 40 + 'b"', {"pattern": SLOW}, "took more than 0.7 s"),
    ('{"' + "a" * 40 + 'b": 1}', {"patternProperties": {SLOW: {}}}, "took more than 0.7 s"),
    (
        '{"' + "a" * 40 + 'b": 1}',
        {"patternProperties": {SLOW: {}}, "additionalProperties": False},
        "took more than 0.7 s",
    ),
    (json.dumps(["a" * 22 + "b"] * 500), {"contains": {"pattern": SLOW}}, "more than 0.7 s"),
]


@pytest.mark.parametrize(("text", "schema", "sentence"), UNHELD, ids=range(len(UNHELD)))
def test_an_answer_that_cannot_be_held_against_a_schema_is_an_error(text, schema, sentence):
    parse_assertion({"type": "is-json", "value": schema})
    assert sentence in graded("is-json", text, schema).error


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ({"$ref": "#"}, 1),
        ({"items": {"$ref": "#"}}, json.loads("[" * 400 + "]" * 400)),
        ({"properties": {"a": {"$ref": "#"}}}, json.loads('{"a":' * 300 + "1" + "}" * 300)),
        (json.loads('{"allOf":[' * 200 + "{}" + "]}" * 200), 1),
    ],
    ids=["itself", "lists", "objects", "schemas"],
)
def test_a_stack_that_ends_anywhere_is_an_error_of_the_answer(schema, document):
    """A library in Rust panics where the stack ends within it: then it is no exception."""

    def at(depth: int) -> str:
        if depth:
            return at(depth - 1)
        with pytest.raises(ScoringError) as caught:
            schemas.first_fault(schema, document)
        return str(caught.value)

    said = {at(depth) for depth in range(0, 120, 3)}
    assert all(sentence.endswith("nested too deeply, or refers to itself") for sentence in said)


def test_each_answer_has_its_own_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(schemas, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    for number in range(3):
        schema = {"pattern": f"^{number}"}
        schemas.refuse_unusable(schema)
        clock[0] += 5
        assert schemas.first_fault(schema, "x") == f"the document: 'x' does not match '^{number}'"
        clock[0] += 5
        assert schemas.first_fault({"pattern": f"{number}$"}, str(number)) is None


OBJECTS = [
    ("no object", []),
    ('a {"b": 1} c {"d": {}}', [{"b": 1}, {"d": {}}]),
    ("{b: 1, // why\n c: 'x'}", [{"b": 1, "c": "x"}]),
    ('{"u": "http://x"} // {"no": 1}', [{"u": "http://x"}, {"no": 1}]),
    ('{"a": {"b": 1', [{"a": {"b": 1}}]),
    ("{ not: [closed } {a: 1}", [{"a": 1}]),
    ("} {a: 1} }", [{"a": 1}]),
    ("{{a: 1}", [{"a": 1}]),
    ('{"a": ' * 200 + "1" + "}" * 200, 1),
    ("{" * 200 + '"a": 1' + "}" * 200, [{"a": 1}]),
    ("{a: !!bool x} {a: !!int ''} {a: 2020-99-99} {a: 1}", [{"a": 1}]),
    ("{a: &x [1], b: [*x, *x]} {a: b & c * d}", [{"a": "b & c * d"}]),
    ("{" * 400, [{}]),  # the last one, closed
    ("{" * 3000, [{}]),
    ("{a: " + "[" * 3000 + "}", []),
    ('{"' + '\\"' * 40_000, []),
    ("x" * 200_000 + " {a: 1}", [{"a": 1}]),
]


@pytest.mark.parametrize(("text", "expected"), OBJECTS, ids=range(len(OBJECTS)))
def test_objects_in_a_text_are_found_in_little_time(text, expected):
    started = time.process_time()
    found = list(find_objects(text))
    assert time.process_time() - started < 2
    assert (len(found) if isinstance(expected, int) else found) == expected


@pytest.mark.parametrize(
    "text", ["{" * 100_000, '{"a":' * 50_000, "{a b: c: " * 20_000, "{x}{y: :}" * 50_000]
)
def test_too_many_braces_are_an_error_in_little_time(text):
    started = time.process_time()
    found = graded("contains-json", text, {"required": ["z"]})
    assert time.process_time() - started < 4
    assert found.error == "" or "too many braces to search all of it for JSON" in found.error
