"""Numbers that nothing can be counted with are refused wherever a file gives them."""

import json

import pytest

from evaluations.engine.errors import SetupError, SuiteError
from evaluations.engine.files import Folder
from evaluations.engine.formats.assertions import parse_assertion
from evaluations.engine.formats.suite_file import read_suite_file
from evaluations.engine.numbers import finite
from evaluations.engine.providers import parse_spec
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.templates import fill_text
from tests.support.tables import csv_tests
from tests.support.tables import read_text_table as read_table

DIGITS = "1" + "0" * 399
LONG = 10**400


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3.0), (-0.5, -0.5), (10**308, 1e308), (LONG, None), (-LONG, None), (float("nan"), None),
     (float("inf"), None), (True, None), ("1", None), (None, None), ([1], None)],
)  # fmt: skip
def test_what_can_be_counted_with(value, expected):
    found = finite(value)
    assert (found, type(found)) == (expected, type(expected))


IN_YAML = (".nan", ".inf", "-.inf", "1e400", DIGITS[:350], DIGITS, '"1"', "true", "[1]", "-1")


@pytest.mark.parametrize("odd", IN_YAML)
@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("weight: {}", "line 5, column 3, cases[0].weight: weight must be a number, 0 or more"),
        (
            "threshold: {}",
            "line 5, column 3, cases[0].threshold: threshold must be a number from 0 to 1",
        ),
        (
            "assertions: [{{type: f1, value: x, weight: {}}}]",
            "cases[0].assertions[0]: f1: weight must be a number, 0 or more",
        ),
    ],
)
def test_in_our_own_file(entry, odd, sentence):
    text = f"autoforge: suite/1\nname: x\ncases:\n- name: a\n  {entry.format(odd)}\n"
    with pytest.raises(SuiteError) as refusal:
        read_suite_file(text, "s.yaml")
    assert str(refusal.value).endswith(sentence)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), LONG, "1", True, [1]])
@pytest.mark.parametrize(
    ("name", "allowed"), [("weight", ", 0 or more"), ("threshold", ", and finite")]
)
def test_in_an_assertion(name, allowed, odd):
    for kind in ("f1", "javascript") if name == "weight" else ("f1",):
        with pytest.raises(SuiteError) as refusal:
            parse_assertion({"type": kind, "value": "x", name: odd})
        assert str(refusal.value) == f"{kind}: {name} must be a number{allowed}"
    assert parse_assertion({"type": "f1", "value": "x", "threshold": -3}).threshold == -3.0


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "1e400", DIGITS, "9" * 5000, "[" * 100_000])
@pytest.mark.parametrize("name", ["weight", "threshold"])
def test_in_a_table(name, odd):
    for text, file in (
        (f"{name}\n{odd}\n", "t.csv"),
        (f'{{"{name}": {odd}}}\n', "t.jsonl"),
        (f'[{{"{name}": {odd}}}]\n', "t.json"),
    ):
        said = rf"{name} must be a number|not valid|(?:contains|holds) a number|.*is nested"
        with pytest.raises(SuiteError, match=rf"^{file}.*: ({said})"):
            read_table(text, file, name="t")


@pytest.mark.parametrize("odd", ["NaN", "1e400", DIGITS, "[" * 100_000, "true", '"1"'])
@pytest.mark.parametrize("name", ["__threshold", "__config:__expected:threshold"])
def test_in_promptfoo_s_table(name, odd):
    quoted = odd.replace('"', '""')
    with pytest.raises(SuiteError, match=f"^t.csv, line 2: {name} must be a number, not “"):
        csv_tests(f'__expected,{name}\nsimilar:x,"{quoted}"\n', "t.csv")


CONFIGS = [
    ({"tests": [{"threshold": LONG}]}, "threshold must be a number from 0 to 1"),
    (
        {"tests": [{"assert": [{"type": "f1", "value": "x", "weight": LONG}]}]},
        "f1: weight must be a",
    ),
    ({"evaluateOptions": {"timeoutMs": LONG}}, "timeoutMs must be a number, 0 or more"),
    ({"evaluateOptions": {"repeat": LONG}}, "repeat must be a number, 0 or more"),
    ({"evaluateOptions": {"repeat": 1.5}}, "repeat must be an integer of at least 1"),
    *(
        (
            {"evaluateOptions": {"maxConcurrency": odd}},
            "maxConcurrency must be an integer from 1 to",
        )
        for odd in (0, 1025, 1.5, 2_000_000_000)
    ),
    ({"commandLineOptions": {"maxConcurrency": 1025}}, "must be an integer from 1 to 1024"),
]


@pytest.mark.parametrize(("config", "sentence"), CONFIGS, ids=range(len(CONFIGS)))
def test_in_a_configuration(tmp_path, config, sentence):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(SuiteError) as refusal:
        read_config(Folder.beside(path), path.name, fill_text)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("odd", ["similar(1%s): x" % ("0" * 400)])
def test_a_threshold_of_a_cell(tmp_path, odd):
    path = tmp_path / "t.csv"
    path.write_text(f"__expected\n{odd}\n", encoding="utf-8")
    with pytest.raises(SuiteError, match="similar: threshold must be a number, and finite"):
        read_config(Folder.beside(path), path.name, fill_text, tests_only=True)


@pytest.mark.parametrize("odd", [0, -1, 1025, 2_000_000_000, 1.5, True, "4", LONG])
def test_calls_at_a_time_of_a_provider(odd):
    with pytest.raises(SetupError, match=r"^concurrency must be an integer from 1 to 1024$"):
        parse_spec({"id": "echo", "concurrency": odd})
    assert parse_spec({"id": "echo", "concurrency": 1024}).limits.concurrency == 1024


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"type": "numeric", "value": "1", "config": {"absolute": LONG}},
            "absolute must be a number",
        ),
        (
            {"type": "numeric", "value": "1", "config": {"relative": float("nan")}},
            "relative must be a",
        ),
        ({"type": "word-count", "value": LONG}, "word-count needs a number"),
        ({"type": "word-count", "value": "nan"}, "word-count needs a number"),
        ({"type": "word-count", "value": {"min": LONG}}, "needs min, max or both, as numbers"),
    ],
)
def test_settings_of_scorers(given, sentence):
    with pytest.raises(SuiteError, match=sentence):
        parse_assertion(given)
