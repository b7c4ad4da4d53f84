"""What is looked for within an answer: objects of JSON and YAML, fragments of XML."""

import pytest

from evaluations.engine.scorers.embedded_json import find_objects
from evaluations.engine.scorers.xml import _fragments


def nested(depth: int, opening: str = "{a: ", inner: str = "x", closing: str = "}") -> str:
    return opening * depth + inner + closing * depth


def depth_of(value: object) -> int:
    return 1 + depth_of(value["a"]) if isinstance(value, dict) else 0


OBJECTS = [
    ("nothing", []),
    ("", []),
    ('say {"a": 1} and {"b": 2}.', [{"a": 1}, {"b": 2}]),
    ('{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}]),
    ("{a: 1, b: [x, y]}", [{"a": 1, "b": ["x", "y"]}]),
    ('{"a": {"b": {"c": 1}}}', [{"a": {"b": {"c": 1}}}]),
    ("} { }", [{}]),
    ("} {a: 1} }", [{"a": 1}]),
    ("an answer that was cut {a: 1", [{"a": 1}]),
    ('cut twice {"a": {"b": [1, 2]', [{"a": {"b": [1, 2]}}]),
    ("cut {a: {b: {c: 1}", [{"a": {"b": {"c": 1}}}]),
    ("{not: [closed}", []),
]


@pytest.mark.parametrize(("text", "objects"), OBJECTS)
def test_objects_in_a_text(text, objects):
    assert list(find_objects(text)) == objects


@pytest.mark.parametrize("depth", [1, 99, 100])
def test_yaml_is_read_to_its_greatest_depth(depth):
    (value,) = find_objects(f"so: {nested(depth)} it is")
    assert depth_of(value) == depth


def test_what_is_nested_deeper_is_read_as_json_alone():
    assert [depth_of(value) for value in find_objects(nested(101))] == [100]
    (value,) = find_objects(nested(150, '{"a": ', "1"))
    assert depth_of(value) == 150
    in_lists = "{a: " + "[" * 101 + "]" * 101 + "}"
    assert list(find_objects(in_lists)) == []


def test_an_object_is_read_to_its_greatest_length():
    for length in (100_000, 99_999):
        (value,) = find_objects('{"a": "' + "x" * (length - 9) + '"} end')
        assert len(value["a"]) == length - 9
    assert list(find_objects('{"a": "' + "x" * 99_994 + '"} end')) == []


FRAGMENTS = [
    ("no tags", []),
    ("<a>x</a>", ["<a>x</a>"]),
    ("x <a/> y", ["<a/>"]),
    ("<a><b>1</b><b>2</b></a>", ["<a><b>1</b><b>2</b></a>", "<b>1</b>", "<b>2</b>"]),
    ("<a><a>1</a></a>", ["<a><a>1</a></a>", "<a>1</a>"]),
    ("<a>1</a> and <c>2</c>", ["<a>1</a>", "<c>2</c>"]),
    ("</a><a>1</a></a>", ["<a>1</a>"]),
    ("<a><b>1</a>", ["<a><b>1</a>"]),
    ("<a><b></a></b>", ["<a><b></a>"]),
    ("<a><b><c></a><b>1</b></c>", ["<a><b><c></a>", "<b>1</b>"]),
    ("<b><a><b></a></b>", ["<b><a><b></a></b>", "<a><b></a>"]),
    ("<a>", []),
    ("<a><b/></a>", ["<a><b/></a>", "<b/>"]),
]


@pytest.mark.parametrize(("text", "fragments"), FRAGMENTS)
def test_fragments_with_balanced_tags(text, fragments):
    assert [text[start:end] for start, end in _fragments(text)] == fragments
