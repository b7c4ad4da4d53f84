"""What of a configuration is not carried out is named with its place; what cannot be is refused."""

import json

import pytest

from evaluations.adapters import prepare
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Folder
from evaluations.engine.types import Assertion
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.templates import fill_text, free_template


def read(tmp_path, text, **files):
    for name, content in files.items():
        (tmp_path / name.replace("__", ".")).write_text(content, encoding="utf-8")
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return read_config(Folder.beside(path), path.name, fill_text)


def said(tmp_path, text, **files):
    return [str(one) for one in read(tmp_path, text, **files).warnings]


NAMED = [
    ("extensions: [x]", "“extensions” would run code"),
    (
        "derivedMetrics: [{name: a, value: 1 + 1}, {name: b, value: '1 +'}]",
        "derivedMetrics[1]: the derived metric “b” is left out: “the end” stands for nothing here",
    ),
    ("nunjucksFilters: {f: f.js}", "“nunjucksFilters” would run code"),
    ("outputPath: out.html", "“outputPath” is ignored; use --format and --output"),
    (
        "evaluateOptions:\n  filterRange: 0:3",
        "line 2, column 3, evaluateOptions.filterRange: “filterRange” is ignored",
    ),
    ("evaluateOptions: {maxConcurency: 3}", "did you mean “maxConcurrency”?"),
    ("commandLineOptions: {grader: x}", "“grader” is ignored; use --judge"),
    ("tests:\n- provider: openai:x", "tests[0].provider: “provider” of a test is ignored"),
    (
        "tests:\n- assertScoringFunction: file://f.py\n  assert: [{type: contains, value: x}]",
        "AutoForge never does; the case will be an error",
    ),
    (
        "tests:\n- options:\n    storeOutputAs: y",
        "line 3, column 5, tests[0].options.storeOutputAs",
    ),
    ("tests:\n- options: {transform: file://x.py}", "“transform” would run code"),
    ("tests:\n- options: {transfrom: x}", "unknown key “transfrom” is ignored"),
    (
        "tests:\n- options: {rubricPrompt: x}\n  assert: [{type: factuality, value: x}]",
        "tests[0].assert[0]: “rubricPrompt” is ignored",
    ),
    (
        "tests:\n- assert: [{type: contains, value: x, transform: file://y.py}]",
        "tests[0].assert[0]: “transform” would run code, which AutoForge never does; the "
        "assertion will be an error",
    ),
    ("tests:\n- assert: [{type: contains, value: x, treshold: 1}]", "did you mean “threshold”?"),
    (
        "tests:\n- assert: [{type: llm-rubric, value: x, provider: {id: echo, config: {a: 1}}}]",
        "only the id of a judge is used",
    ),
    (
        "defaultTest: {options: {provider: {id: openai:x, config: {temperature: 1}}}}",
        "defaultTest.options.provider: only the id of a judge is used",
    ),
    ("scenarios: [{config: [{}], test: []}]", "scenarios[0].test: unknown key “test” is ignored"),
    (
        "tests: [{path: t.csv, config: {a: 1}}]",
        "tests[0].config: “config” of a test file is ignored",
    ),
    ("providers: [{id: echo, delay: 5}]", "providers[0].delay: “delay” of a provider is ignored"),
    (
        "providers: [{id: echo, transform: x}]",
        "“transform” would run code, which AutoForge never does; the answer is scored",
    ),
    (
        "providers: [{id: openai:gpt-4o, config: {organization: x}}]",
        "providers[0].config.organization: “organization” is not sent to the model",
    ),
    (
        "providers: [openai:responses:gpt-4o]",
        "the Chat Completions API is used instead of the Responses API",
    ),
    ("prompts: [{raw: x, config: {a: 1}}]", "“a” of a prompt is ignored"),
    (
        "prompts: [prompts/*.txt]",
        "no file matches “prompts/*.txt”, so this text is used as the prompt",
    ),
    ('prompts: ["key {{ env.REGION }}"]', "prompts[0]: REGION renders as empty text: of what"),
    ("tests:\n- assert: [{type: contains, value: '{{ x | nope }}'}]", "cannot be rendered"),
    (
        "tests:\n- assert: [{type: equals, value: 'file://f.py'}]",
        "“file://f.py” would run code, which",
    ),
    (
        "tests:\n- assert: [{type: select-best, value: x}]",
        "assertion type “select-best” is not supported; the assertion will be an error",
    ),
    (
        "tests:\n- assert: [{type: not-contians, value: x}]",
        "there is no assertion type “not-contians”; did you mean “contains”?; the assertion will",
    ),
    (
        "tests:\n- assert: [{type: assert-set, assert: [{type: similar:near, value: x}]}]",
        "there is no assertion type “similar:near”; the assertion will be an error",
    ),
    (
        "providers: [{id: openai:gpt-4o, config: {model: x}}]",
        "providers[0].config: “model” is not sent to this model, as in promptfoo",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), NAMED, ids=range(len(NAMED)))
def test_what_is_not_carried_out_is_named(tmp_path, text, sentence):
    found = said(tmp_path, text, t__csv="x\n1\n")
    assert len(found) == 1
    assert sentence in found[0]
    assert "c.yaml, line" in found[0]


QUIET = """
$schema: x
description: d
tags: {a: b}
metadata: {team: x}
sharing: false
prompts: ["{{x}}"]
providers: [{id: echo, label: e, config: {temperature: 0}, prompts: ["{{x}}"]}]
evaluateOptions: {maxConcurrency: 2, cache: false, timeoutMs: 5000, maxEvalTimeMs: 60000}
commandLineOptions: {repeat: 3, table: false}
defaultTest: {options: {prefix: "> "}, threshold: 0.5}
tests:
- {description: t, vars: {x: 1}, prompts: ["{{x}}"], providers: [e], metadata: {k: 1}}
"""


def test_what_is_carried_out_is_not_named(tmp_path):
    found = read(tmp_path, QUIET)
    assert found.warnings == ()
    assert found.options.repeat == 3
    assert found.options.concurrency == 2
    assert found.options.timeout_seconds == 5
    assert found.options.max_seconds == 60
    assert found.options.use_cache is False
    (case,) = found.suite.cases
    assert (case.prefix, case.threshold) == ("> ", 0.5)
    assert case.metadata == {"team": "x", "k": 1}
    assert (found.cases[0].prompts, found.cases[0].providers) == (("{{x}}",), ("e",))


REFUSED = [
    ("providers: [file://none.yaml]", "none.yaml cannot be read"),
    ("providers: [{id: echo, config: {apiKey: sk-secret-1}}]", "apiKey is never read from a file"),
    ("providers: [{id: echo, env: {OPENAI_API_KEY: sk-secret-1}}]", "env.OPENAI_API_KEY"),
    (
        "providers: [{id: echo, config: {headers: {Authorization: Bearer secret-1}}}]",
        "c.yaml, line 1, column 13, providers[0]: echo: headers.Authorization is never read from",
    ),
    (
        "tests:\n- assert:\n  - {type: llm-rubric, provider: {id: e, config: {token: secret-1}}}",
        "line 3, column 24, tests[0].assert[0].provider: config.token is never read from a file",
    ),
    (
        "defaultTest: {options: {provider: {text: {id: openai:x, config: {apiKey: secret-1}}}}}",
        "defaultTest.options.provider: text.config.apiKey is never read from a file",
    ),
    ("prompts: [file://none*.txt]", "no file matches “file://none*.txt”"),
    ("prompts: [none.txt]", "none.txt cannot be read: no such file"),
    ("prompts: [file://p.pdf]", "a prompt file must end in .txt, .md"),
    ("prompts: [3]", "a prompt must be a string, a file, or an object"),
    ("prompts: [{raw: x, function: f}]", "function would run code"),
    ("tests: [file://none*.csv]", "no file matches “file://none*.csv”"),
    ("tests: [{vars: {x: file://none.txt}}]", "none.txt cannot be read"),
    ("tests: [{vars: {x: file://p.mp4}}]", "is not a text file; only text can be sent here"),
    ("tests: [{vars: {x: file://p.py}}]", "would run code"),
    ("prompts: [a]\ntests: [{prompts: [b]}]", "tests[0]: there is no prompt “b”; available: a"),
    ("providers: [echo]\ntests: [{providers: [b]}]", "there is no provider “b”; available: echo"),
    ("tests: [{prompts: b}]", "prompts must be a list of names"),
    ("tests: [{options: 3}]", "options must map names to values"),
    ("scenarios: [3]", "a scenario must be an object with config"),
    ("evaluateOptions: {maxConcurrency: 0}", "maxConcurrency must be an integer from 1 to 1024"),
    ("evaluateOptions: {timeoutMs: x}", "timeoutMs must be a number, 0 or more"),
    ("a: &a {$ref: '#/a'}", "“#/a” refers back to itself"),
    ("tests: [{$ref: '#/nowhere'}]", "$ref “#/nowhere” cannot be resolved"),
    ("tests: [{$ref: '../up.yaml#/x'}]", "outside the configuration's folder"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(tmp_path, text, sentence):
    with pytest.raises(SuiteError) as caught:
        read(tmp_path, text, p__pdf="x", p__png="x")
    assert sentence in str(caught.value)
    assert "secret-1" not in str(caught.value)


def test_what_would_run_code_stays_an_error_when_it_is_stored(tmp_path):
    from evaluations.engine.formats.documents import case_as_document, case_from_document

    text = "tests:\n- assert: [{type: contains, value: x, transform: file://y.py, weight: 2}]"
    (case,) = read(tmp_path, text).suite.cases
    (one,) = case.assertions
    assert (one.type, one.weight) == ("unsupported", 2.0)
    assert one.config["why"] == "“transform” would run code, which AutoForge never does"
    assert case_from_document(case.name, case_as_document(case)) == case


FILES = """
prompts: [file://p.txt, file://p.json]
tests: file://t.yaml
"""


EMPTY = (
    "renders as empty text: of what is uploaded, only the file's own “env” is read, never the "
    "server's environment"
)


def test_files_that_are_named_have_warnings_of_their_own(tmp_path):
    found = said(
        tmp_path,
        FILES,
        p__txt="First\nkey {{ env.REGION }}\n---\nSecond\n",
        p__json='{"a": "file://x.txt"}',
        t__yaml="- vars:\n    x: '{{ env.X }}'\n  optoins: {}",
    )
    assert found == [
        f"t.yaml, line 2, column 5, [0].vars.x: X {EMPTY}",
        "t.yaml, line 3, column 3, [0].optoins: unknown key “optoins” is ignored; did you mean "
        "“options”?",
        f"p.txt, line 2, column 5: REGION {EMPTY}",
        "p.json: files that a prompt file refers to are not read",
    ]


def test_chats_with_parts_and_placeholders_are_chats(tmp_path):
    parts = [
        {"type": "text", "text": "{{ question }}"},
        {"type": "image_url", "image_url": {"url": "{{ picture }}"}},
    ]
    chat = [{"type": "placeholder", "name": "history"}, {"role": "user", "content": parts}]
    turn = {"role": "user", "content": "Hi {{ question }}"}
    variables = {"question": "What?", "picture": "https://example.com/a.png", "history": [turn]}
    test = {"vars": variables, "assert": [{"type": "contains", "value": "x"}]}
    config = {"prompts": ["file://chat.json"], "providers": ["echo"], "tests": [test]}
    # YAML has JSON in it.
    found = read(tmp_path, json.dumps(config), chat__json=json.dumps(chat))
    assert found.warnings == ()
    [case] = found.suite.cases  # a list of objects is one value
    assert case.variables["history"] == [turn]
    messages = prepare(free_template(found.prompts[0].raw))(case.variables)
    assert [message.content for message in messages] == [
        "Hi {{ question }}",
        "What?\n\n[image https://example.com/a.png]",
    ]


def test_a_schema_s_own_references_stay(tmp_path):
    schema = "{definitions: {a: {type: string}}, items: {$ref: '#/definitions/a'}}"
    text = f"tests:\n- assert: [{{type: is-json, value: {schema}}}]"
    (case,) = read(tmp_path, text).suite.cases
    assert case.assertions[0].value["items"] == {"$ref": "#/definitions/a"}


def test_the_judge_of_a_test_is_that_of_its_assertions(tmp_path):
    text = """
tests:
- options: {provider: openai:judge}
  assert:
  - {type: llm-rubric, value: kind}
  - {type: llm-rubric, value: short, provider: openai:other}
  - {type: contains, value: x}
"""
    (case,) = read(tmp_path, text).suite.cases
    assert [one.config.get("provider") for one in case.assertions] == [
        "openai:judge",
        "openai:other",
        None,
    ]
    assert case.assertions[2] == Assertion(type="contains", value="x")


def test_settings_of_models_come_from_files_too(tmp_path):
    text = "providers: [{id: openai:m, config: {tools: 'file://t.yaml', user: 'file://s.txt'}}]"
    found = read(tmp_path, text, t__yaml="- {type: function}", s__txt="Be kind.")
    assert found.providers[0].spec.parameters == {
        "tools": [{"type": "function"}],
        "user": "Be kind.",
        "max_tokens": 1024,
        "temperature": 0,
    }
