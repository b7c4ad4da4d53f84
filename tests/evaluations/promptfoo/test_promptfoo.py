"""promptfoo's configurations and tables: what is read, what is warned of, what is refused."""

import json
import re

import pytest
from openpyxl import Workbook

from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Folder
from evaluations.engine.formats.assertions import assertion_as_dict, parse_assertion
from evaluations.engine.formats.documents import case_as_document, case_from_document, case_key
from evaluations.engine.formats.yaml_document import load_document
from evaluations.engine.types import Assertion, Case
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.csv import parse_cell
from evaluations.promptfoo.templates import fill_text
from tests.support.tables import csv_tests

CELLS = [
    ("Paris", {"type": "equals", "value": "Paris"}, ""),
    ("contains:a b", {"type": "contains", "value": "a b"}, ""),
    ("not-icontains: x", {"type": "not-icontains", "value": "x"}, ""),
    ("contains-any:a, b", {"type": "contains-any", "value": ["a", "b"]}, ""),
    ("levenshtein(3):x", {"type": "levenshtein", "value": "x", "threshold": 3.0}, ""),
    (
        "levenshtein:x",
        {"type": "levenshtein", "value": "x", "threshold": 0.75},
        "promptfoo's default of 0.75 edits requires equal texts",
    ),
    ("is-json", {"type": "is-json"}, ""),
    ("similar:x", {"type": "similar", "value": "x", "threshold": 0.8}, ""),
    (
        "bleu(0.5):x",
        {"type": "bleu", "value": "x"},
        "(0.5) in “bleu(0.5):x” is ignored, as in promptfoo",
    ),
    ("fn:output.length", {"type": "javascript", "value": "output.length"}, ""),
    ("grade:is kind", {"type": "llm-rubric", "value": "is kind"}, ""),
    ("contians:x", {"type": "equals", "value": "contians:x"}, "did you mean “contains:”?"),
    ("note: it rains", {"type": "equals", "value": "note: it rains"}, ""),
    ("starts-with:x", {"type": "starts-with", "value": "x"}, ""),
]


@pytest.mark.parametrize(("text", "assertion", "warning"), CELLS)
def test_cells(text, assertion, warning):
    found, said = parse_cell(text)
    assert found == assertion
    assert warning in said
    assert bool(said) is bool(warning)


def test_special_columns():
    text = (
        "q,__expected1,__expected2,__metric,__threshold,__description,__metadata:k[],"
        "__config:__expected1:threshold,_one,__odd\n"
        'hi,levenshtein:x,contains:y,m,0,first,"a,b\\,c",4,z,w\n'
    )
    tests, warnings = csv_tests(text, "t.csv")
    document, test = tests[0]
    assert document.location().find().line == 2
    assert test["vars"] == {"q": "hi", "_one": "z"}
    assert [one["metric"] for one in test["assert"]] == ["m", "m"]
    assert test["assert"][0]["threshold"] == 4.0
    assert test["threshold"] == 0.0
    assert test["metadata"] == {"k": ["a", "b,c"]}
    said = " ".join(map(str, warnings))
    for part in (
        "is a variable; promptfoo's own columns",
        "unknown promptfoo column “__odd” is ignored",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\n1,2\n", "t.csv, line 2: has more cells (2) than the header (1)"),
        ("a,__threshold\n1,much\n", "t.csv, line 2: __threshold must be a number, not “much”"),
        ("a,__config:__expected2:threshold\n1,3\n", "has no matching __expected2"),
        ('a\n"x" y\n', "text after a closing quote on line 2"),
    ],
)
def test_tables_that_are_refused(text, sentence):
    with pytest.raises(SuiteError) as caught:
        csv_tests(text, "t.csv")
    assert sentence in str(caught.value)


def test_scalars_are_those_of_yaml_1_2():
    text = "[yes, no, on, true, False, null, ~, 1, 0o17, 0x1F, 1e3, .5, -.inf, '1', 1_000, 12:30]"
    assert load_document(text).value == [
        "yes", "no", "on", True, False, None, None, 1, 15, 31, 1000.0, 0.5, float("-inf"), "1",
        "1_000", "12:30",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\na: 2", "line 2, column 1: duplicate key “a”"),
        ("a: [1", "not valid YAML or JSON"),
        ("a: &x [*x]", "too many values, or nested too deeply"),
        ("x: " + "[" * 200 + "]" * 200, "too many values, or nested too deeply"),
    ],
)
def test_documents_that_are_refused(text, sentence):
    with pytest.raises(SuiteError) as caught:
        load_document(text, "f.yaml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "? " * 100_000, "{a: " * 50_000])
def test_a_file_that_is_nested_too_deeply_is_refused(text):
    with pytest.raises(SuiteError, match=r"^x\.yaml.*(nested too deeply|not valid YAML)"):
        load_document(text, "x.yaml")


def test_aliases_do_not_multiply():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(SuiteError, match="aliases can multiply values"):
        load_document("\n".join(lines), "bomb.yaml")


def write(folder, name, text):
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


def test_a_configuration_with_everything(tmp_path):
    write(tmp_path, "p.txt", "One {{x}}\n---\nTwo {{x}}\n")
    write(tmp_path, "rows.jsonl", '{"vars": {"x": "l"}}\n')
    write(tmp_path, "more.json", [{"vars": {"x": "j"}, "providerOutput": "given"}])
    write(tmp_path, "long.txt", "text of a file\n")
    book = Workbook()
    book.active.append(["x", "__expected"])
    book.active.append(["sheet", "contains:s"])
    book.save(tmp_path / "t.xlsx")
    alone = {"disableDefaultAsserts": True}
    template = "#/assertionTemplates/t"
    parts = [{"vars": {"x": "s1"}}, {"vars": {"x": "s2"}}]
    config = {
        "prompts": ["file://p.txt", {"raw": "Three", "label": "third"}],
        "providers": ["echo", {"id": "echo", "label": "again"}],
        "defaultTest": {"assert": [{"type": "is-json"}], "threshold": 0.5, "vars": {"y": "d"}},
        "assertionTemplates": {"t": {"type": "contains", "value": "{{x}}"}},
        "tests": [
            {"vars": {"x": ["a", "b"], "z": ["c", "d"]}, "assert": [{"$ref": template}]},
            {"description": "whole", "vars": {"x": [1, "b"]}},
            {"vars": {"x": "file://long.txt", "n": "<{{x}}>"}, "options": alone},
            "file://rows.jsonl",
            "file://more.json",
            "file://t.xlsx",
        ],
        "scenarios": [{"config": parts, "tests": [{}, {}]}],
    }  # fmt: skip
    found = read_config(Folder.beside(write(tmp_path, "c.json", config)), "c.json", fill_text)
    assert [prompt.raw for prompt in found.prompts] == ["One {{x}}", "Two {{x}}", "Three"]
    assert [prompt.label for prompt in found.prompts] == ["p.txt #1", "p.txt #2", "third"]
    cases = found.suite.cases
    assert [case.variables["x"] for case in cases[:4]] == ["a", "a", "b", "b"]
    assert [one.value for one in cases[0].assertions] == [None, "a"]
    assert cases[4].variables["x"] == [1, "b"]
    assert cases[5].variables["n"] == "<text of a file>"
    assert cases[5].assertions == ()
    assert [case.variables["x"] for case in cases[6:]] == [
        "l",
        "j",
        "sheet",
        "s1",
        "s1",
        "s2",
        "s2",
    ]
    assert cases[7].given_answer == "given"
    assert {case.threshold for case in cases} == {0.5}
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"prompts": ["exec:ls"]}, "would run code"),
        ({"prompts": ["file://p.py"]}, "would run code"),
        ({"prompts": ["langfuse://x"]}, "is not on this machine"),
        ({"prompts": ["file://../up.txt"]}, "outside the configuration's folder"),
        ({"prompts": ["file://none.txt"]}, "none.txt cannot be read"),
        ({"tests": ["https://x.example/t.csv"]}, "is not on this machine"),
        ({"tests": ["file://t.py"]}, "would run code"),
        ({"tests": [3]}, "a test must be an object"),
        (
            {"tests": [{"assert": [{"type": "regex", "value": "("}]}]},
            "is not a valid JavaScript regular expression",
        ),
        ({"tests": [{"assert": {"type": "x"}}]}, "assert must be a list"),
        (
            {"tests": [{"assert": [{"$ref": "#/assertionTemplates/none"}]}]},
            "unknown assertion template “none”",
        ),
        ({"tests": [{"threshold": 3}]}, "threshold must be a number from 0 to 1"),
        ({"tests": [{"vars": []}]}, None),
        ([], "a configuration must be an object"),
    ],
)
def test_configurations_that_are_refused(tmp_path, config, sentence):
    path = write(tmp_path, "c.json", config)
    if sentence is None:
        assert len(read_config(Folder.beside(path), path.name, fill_text).suite.cases) == 1
        return
    with pytest.raises(SuiteError) as caught:
        read_config(Folder.beside(path), path.name, fill_text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"type": "contains", "value": "x"},
        {"type": "not-levenshtein", "value": "x", "threshold": 0.0, "weight": 0.0, "metric": "m"},
        {"type": "f1", "value": "x", "config": {"words": "space"}},
        {"type": "assert-set", "threshold": 0.5, "assert": [{"type": "is-json"}]},
        {"type": "javascript", "value": "true"},
    ],
)
def test_assertions_there_and_back(given):
    assert assertion_as_dict(parse_assertion(given)) == given


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("contains", "an assertion must be an object"),
        ({}, "an assertion needs a type"),
        (
            {"type": "contains", "value": "x", "weight": -1},
            "contains: weight must be a number, 0 or more",
        ),
        ({"type": "contains", "value": "x", "threshold": "a"}, "threshold must be a number"),
        ({"type": "assert-set"}, "assert-set has no assertions"),
        ({"type": "not-is-valid-function-call"}, "cannot be negated"),
        ({"type": "is-json", "value": {"type": "no-such"}}, "invalid JSON Schema"),
        ({"type": "latency"}, "needs a threshold"),
    ],
)
def test_assertions_that_are_refused(given, sentence):
    with pytest.raises(SuiteError) as caught:
        parse_assertion(given)
    assert sentence in str(caught.value)


def test_cases_there_and_back():
    case = Case(
        name="c",
        variables={"x": [1, {"y": "花"}]},
        expected="e",
        assertions=(Assertion(type="equals", value="e"),),
        threshold=0.0,
        tags=("a",),
        metadata={"k": 1},
        given_answer="",
    )
    document = case_as_document(case)
    assert case_from_document("c", json.loads(json.dumps(document))) == case
    assert case_key(document) == case_key(dict(reversed(document.items())))
    assert case_key(document) != case_key({**document, "expected": "f"})
    assert case_key(document) == case_key({**document, "tags": []})


JSON_FILES = [
    ('{"a": 1, "a": 2}', "line 1, column 10: duplicate key “a”"),
    ('{"a": [1, 2}', "line 1, column 12: not valid YAML or JSON"),
    ("[" * 200 + "]" * 200, "too many values, or nested too deeply"),
]


@pytest.mark.parametrize(("text", "sentence"), JSON_FILES)
def test_a_fault_in_json_is_shown_with_its_place(text, sentence):
    with pytest.raises(SuiteError, match=re.escape(sentence)):
        load_document(text, "x.json")


def test_json_is_read_as_json():
    text = '{"face": "\\ud83d\\ude00", "no": "no",\n\t"list": [1, 1.5, {"deep": null}]}'
    found = load_document(text, "x.json")
    assert found.value == {"face": "😀", "no": "no", "list": [1, 1.5, {"deep": None}]}
    assert str(found.location("list", 2, "deep")) == "x.json, line 2, column 20, list[2].deep"
