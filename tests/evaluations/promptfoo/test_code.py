# ruff: noqa: E501 (code in tables)
"""JavaScript of a configuration: what is read of it, what is run while it is read, what is refused."""

import pytest

from evaluations.adapters import prepare
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Uploads
from evaluations.engine.formats.documents import case_as_document, case_from_document
from evaluations.engine.scripts import SCRIPT, TRANSFORMS
from evaluations.promptfoo import files as source_files
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.export import write_promptfoo
from evaluations.promptfoo.templates import fill_text, free_template


def read(text: str, **files: str):
    """Return what a configuration is; the names of files have two underscores for a dot."""
    contents = {"c.yaml": text.encode()}
    for name, content in files.items():
        contents[name.replace("__", ".").replace("_in_", "/")] = content.encode()
    return read_config(Uploads(contents), "c.yaml", fill_text)


def refusal(text: str, **files: str) -> str:
    with pytest.raises(SuiteError) as raised:
        read(text, **files)
    return str(raised.value)


def test_a_suite_keeps_the_files_of_its_code():
    text = "tests: [{vars: {a: 1}, assert: [{type: javascript, value: 'file://check.js:f', config: {least: 1}}]}]"
    config = read(
        text,
        check__js="const a = require('./lib/a'); exports.f = (o) => a(o)",
        lib_in_a__js="import b from './b.mjs'; export default b",
        lib_in_b__mjs="export default (o) => true",
        other__js="never read",
    )
    (case,) = config.suite.cases
    (check,) = case.assertions
    assert check.config["least"] == 1
    assert sorted(check.config[SCRIPT]["files"]) == ["check.js", "lib/a.js", "lib/b.mjs"]
    assert check.config[SCRIPT]["export"] == "f"
    assert config.warnings == ()
    assert case_from_document(case.name, case_as_document(case)) == case
    assert "value: file://check.js:f" in write_promptfoo(config.suite)


def test_transforms_of_defaults_tests_and_members():
    text = """
defaultTest: {options: {transform: output.trim()}, assert: [{type: contains, value: a}]}
tests:
- assert: [{type: equals, value: b, transform: 'output[0]'}]
- options: {postprocess: output + 1, transform: output + 2}
  assert: [{type: assert-set, transform: output + 3, assert: [{type: equals, value: c}]}]
"""
    first, second = read(text).suite.cases
    texts = [[one["text"] for one in check.config[TRANSFORMS]] for check in first.assertions]
    assert texts == [["output.trim()"], ["output.trim()", "output[0]"]]
    member = second.assertions[1].assertions[0]
    assert [one["text"] for one in member.config[TRANSFORMS]] == ["output + 2", "output + 3"]
    assert "transform: output[0]" in write_promptfoo(read(text).suite)


def test_generated_tests_and_their_config():
    text = (
        "tests: [file://t.js, 'file://t.js:more', {path: t.js, config: {name: x}}, file://list.mjs]"
    )
    suite = read(
        text,
        t__js="module.exports = (c) => [{vars: {a: c ? c.name : 1}}]; module.exports.more = async () => [{vars: {a: 2}}]",
        list__mjs="export default [{vars: {a: 3}}]",
    ).suite
    assert [case.variables["a"] for case in suite.cases] == [1, 2, "x", 3]


def test_variables_that_code_makes():
    text = """
tests:
- vars: {a: file://a.js, b: 1}
- vars: {b: [x, y]}
  options: {transformVars: "({a: vars.b.length})"}
"""
    suite = read(
        text, a__js="module.exports = (name, _p, vars) => ({output: [name, vars.b]})"
    ).suite
    assert [dict(case.variables) for case in suite.cases] == [
        {"a": ["a", 1], "b": 1},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_a_prompt_that_a_function_makes():
    text = "prompts: [{id: file://p.js, label: mine, config: {tone: kind}}]"
    code = "module.exports = async ({vars, config}) => `Be ${config.tone} to ${vars.a}: {{ b }}`"
    (prompt,) = read(text, p__js=code).prompts
    assert prompt.label == "mine"
    fill = prepare(free_template(prompt.raw), "openai")
    (message,) = fill({"a": "Ada", "b": "x"})
    assert message.content == "Be kind to Ada: x"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("1", "“p.js” must return a prompt, as a string or an object, not number"),
        ("null", "“p.js” must return a prompt, as a string or an object, not null"),
        ("({prompt: 'x', config: {temperature: 1}})", "“p.js” returns settings of the model"),
        ("vars.x.y", "“p.js” threw TypeError: cannot read property 'y' of undefined (p.js:1)"),
        ("fetch('x')", "“p.js” cannot be run: fetch is not available"),
    ],
)
def test_a_prompt_that_no_function_makes(body, sentence):
    (prompt,) = read("prompts: [p.js]", p__js=f"module.exports = ({{ vars }}) => {body}").prompts
    with pytest.raises(SuiteError) as raised:
        prepare(free_template(prompt.raw), "openai")({})
    assert sentence in str(raised.value)


def test_prompts_that_are_objects():
    code = "module.exports = () => ({prompt: [{role: 'user', content: 'hi'}]})"
    (prompt,) = read("prompts: [p.js]", p__js=code).prompts
    (message,) = prepare(free_template(prompt.raw), "openai")({})
    assert (message.role, message.content) == ("user", "hi")
    (prompt,) = read("prompts: [p.js]", p__js="module.exports = () => ({a: 1})").prompts
    assert (
        prepare(free_template(prompt.raw), "openai")({})[0]
        .content.replace(" ", "")
        .replace("\n", "")
        == '{"a":1}'
    )


def test_a_text_that_only_begins_like_a_function():
    assert prepare(free_template('{"$promptFunction": {{ a }}'), "openai")({"a": 1})[0].content


@pytest.mark.parametrize(
    ("text", "files", "sentence"),
    [
        ("tests: file://t.js", {"t__js": "module.exports = () => 1"}, "file://t.js"),
        ("tests: file://t.js", {"t__js": "throw new Error('no')"}, "“file://t.js” cannot be run: no (t.js:1)"),
        ("tests: file://t.js", {"t__js": "for (;;);"}, "took longer than 0.7 s"),
        ("tests: file://t.js", {"t__js": "require('fs').readFileSync('x')"}, "fs.readFileSync is not available"),
        ("tests: file://none.js", {}, "none.js"),
        ("tests: file://../t.js", {}, "../t.js"),
        ("tests: [{vars: {a: file://a.js}}]", {"a__js": "module.exports = () => 1"}, "must return an object with its output"),
        ("tests: [{vars: {a: file://a.js}}]", {"a__js": "module.exports = () => ({error: 'why'})"}, "its output: why"),
        ("tests: [{options: {transformVars: '1'}}]", {}, "transformVars must return an object of variables"),
        ("tests: [{options: {transformVars: 'vars.a.b'}}]", {}, "“vars.a.b” cannot be run: TypeError"),
        ("tests: [{assert: [{type: javascript, value: file://a.js}]}]", {"a__js": "x" * 1_000_001}, "needs files of more than 1,000,000"),
    ],
)  # fmt: skip
def test_what_is_refused(text, files, sentence):
    assert sentence in refusal(text, **files)


def test_programs_of_a_file_share_their_time(monkeypatch):
    monkeypatch.setattr(source_files, "PROGRAM_SECONDS", 0.02)
    tests = ", ".join(["{vars: {a: 1}, options: {transformVars: file://s.js}}"] * 60)
    slow = "module.exports = () => { for (let i = 0; i < 1e5; i++); return {} }"
    assert "cannot be run: the program" in refusal(f"tests: [{tests}]", s__js=slow)


def test_many_cases_do_not_keep_a_large_file_each():
    tests = ", ".join(["{assert: [{type: javascript, value: file://a.js}]}"] * 40)
    assert "30,000,000" in refusal(f"tests: [{tests}]", a__js="//" + "x" * 900_000)


def test_other_languages_stay_errors_of_their_case():
    text = "tests: [{vars: {a: 1}, options: {transformVars: file://x.py}, assert: [{type: javascript, value: file://a.ts}]}]"
    config = read(text)
    (check,) = config.suite.cases[0].assertions
    assert check.type == "unsupported"
    assert "the variables stay unchanged" in str(config.warnings[0])


def test_scoring_functions():
    text = """
defaultTest: {assertScoringFunction: file://score.js}
tests:
- assert: [{type: contains, value: x}]
- assertScoringFunction: file://other.mjs:least
  assert: [{type: contains, value: x}]
- vars: {a: 1}
"""
    config = read(text, score__js="module.exports = 1", other__mjs="export const least = 1")
    kinds = [[check.type for check in case.assertions] for case in config.suite.cases]
    assert kinds == [["contains", "assert-scoring-function"]] * 2 + [[]]
    assert config.suite.cases[1].assertions[1].config[SCRIPT]["export"] == "least"
    (case, *_others) = config.suite.cases
    assert case_from_document(case.name, case_as_document(case)) == case
    assert "assert-scoring-function" not in write_promptfoo(config.suite)
    assert "assertScoringFunction: file://score.js" in write_promptfoo(config.suite)
