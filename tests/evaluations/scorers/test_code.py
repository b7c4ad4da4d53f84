# ruff: noqa: E501 (code in tables)
"""javascript assertions and transforms: what is called, and what its answer means."""

import asyncio
import json

import pytest

from evaluations.engine.formats.documents import case_from_document
from evaluations.engine.scorers import Context, grade
from evaluations.engine.scripts import SCRIPT, TRANSFORMS, Script, describe_prompt, function_body
from evaluations.engine.types import Answer, Assertion, Message


def together(*assertions: Assertion, text: str = "an answer", **known):
    answer = known.pop("answer", None) or Answer(text=text)
    return asyncio.run(grade(assertions, answer, Context(**known)))


def one(value: str, *, text: str = "an answer", **fields):
    """Return what one assertion says."""
    known = {name: fields.pop(name) for name in ("variables", "test", "answer") if name in fields}
    return together(Assertion(type="javascript", value=value, **fields), text=text, **known).grades[
        0
    ]


def file(text: str, export: str = "", **files: str) -> dict:
    """Return the config of an assertion whose function is in a file."""
    script = Script(file="a.js", export=export, files={"a.js": text, **files})
    return {SCRIPT: script.as_json()}


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("output > 1", "return output > 1"),
        ("  output > 1;;  ", "return output > 1"),
        ("const a = 1; a > 0;", "const a = 1; return a > 0"),
        ("let t = 'a;b'; t === output", "let t = 'a;b'; return t === output"),
        ("var t = '\\';'; t", "var t = '\\';'; return t"),
        ("const a = 1", "const a = 1"),
        ("const a = 1;", "const a = 1"),
        ("const f = () => { a; b }; f()", "const f = () => { a; b }; return f()"),
        ("a\nreturn b\n", "a\nreturn b"),
    ],
)
def test_function_body(code, body):
    assert function_body(code) == body


@pytest.mark.parametrize(
    ("value", "threshold", "negated", "passed", "score"),
    [
        ("true", None, False, True, 1),
        ("false", None, False, False, 0),
        ("true", None, True, False, 0),
        ("false", None, True, True, 1),
        ("0.4", None, False, True, 0.4),
        ("0", None, False, False, 0),
        ("-1", None, False, False, -1),
        ("0.4", 0.4, False, True, 0.4),
        ("0.4", 0.5, False, False, 0.4),
        ("0.4", 0.5, True, True, 0.4),
        ("NaN", None, False, False, 0),
        ("1 / 0", None, False, True, 0),
        ("({pass: true, score: 0.2, reason: 'x'})", None, False, True, 0.2),
        ("({pass: true, score: 0.2, reason: 'x'})", None, True, False, 0.2),
        ("({pass: 1, score: 0.2, reason: 'x'})", None, False, False, 0),
        ("({pass: true, score: 0.2})", None, True, False, 0),
        ("({pass: true, score: 1, reason: 'x', componentResults: 1})", None, False, False, 0),
        ("'true'", None, False, False, 0),
        ("undefined", None, True, False, 0),
        ("null", None, False, False, 0),
        ("output.x.y", None, True, False, 0),
        ("Promise.reject(new Error('late'))", None, False, False, 0),
        ("new Promise((done) => setTimeout(done, 10, true))", None, False, True, 1),
    ],
)
def test_verdicts(value, threshold, negated, passed, score):
    outcome = one(value, threshold=threshold, negated=negated)
    assert (outcome.outcome.passed, outcome.outcome.score, outcome.error) == (passed, score, "")


def test_reasons():
    assert one("output.x.y").outcome.reason == (
        "the function threw TypeError: cannot read property 'y' of undefined (line 1)"
    )
    assert (
        one("3", threshold=4).outcome.reason
        == "the function returned 3, where at least 4 is needed"
    )
    assert "returned string" in one("'x'").outcome.reason
    assert one("({pass: false, score: 0, reason: 'too short'})").outcome.reason == "too short"


def test_parts_and_scores_of_its_own():
    value = """
        return {pass: true, score: 1, reason: '', namedScores: {length: 0.5, tone: 1, x: 'no'},
          componentResults: [{pass: false, score: 0, reason: 'part', assertion: {type: 'equals'}},
                             {pass: 3}]}"""
    weighed = Assertion(type="javascript", value=value, metric="tone", weight=3)
    again = Assertion(
        type="javascript", value="({pass: true, score: 1, reason: '', namedScores: {length: 1}})"
    )
    case = together(weighed, again)
    assert case.named == {"tone": 1.0, "length": (0.5 * 3 + 1) / 4}
    (part,) = case.grades[0].outcome.components
    assert (part.assertion.type, part.outcome.passed, part.outcome.reason) == (
        "equals",
        False,
        "part",
    )


def test_the_context():
    answer = Answer(
        text="x",
        latency_ms=7,
        input_tokens=2,
        output_tokens=3,
        logprobs=(-0.5,),
        finish_reason="stop",
    )
    scored = one(
        "\nthrow JSON.stringify([output, context])",
        variables={"a": [1]},
        config={"limit": 2},
        test={"description": "d", "metadata": {"m": 1}},
        answer=answer,
    )
    text = scored.outcome.reason.removeprefix("the function threw ")
    assert json.loads(text) == [
        "x",
        {
            "prompt": "",
            "vars": {"a": [1]},
            "test": {"description": "d", "metadata": {"m": 1}, "vars": {"a": [1]}},
            "provider": {"id": "", "label": ""},
            "providerResponse": {
                "output": "x",
                "tokenUsage": {"prompt": 2, "completion": 3, "total": 5},
                "latencyMs": 7,
                "cached": False,
                "finishReason": "stop",
            },
            "logProbs": [-0.5],
            "config": {"limit": 2},
        },
    ]


def test_an_answer_that_is_no_text():
    answer = Answer(text='{"a":1}', data={"a": 1})
    assert one("output.a === 1", answer=answer).outcome.passed


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (file("module.exports = () => { throw new Error('no') }"), "“a.js” threw no (a.js:1)"),
        (
            file("module.exports = {}", "f"),
            "“a.js:f” threw TypeError: the file does not export “f”",
        ),
        (file("module.exports = require('x')"), "“a.js” cannot be run: the module “x” is not"),
        (file("module.exports = () => { for (;;); }"), "the program took longer than 0.7 s of CPU"),
        ({SCRIPT: 1}, "a script must be an object of texts"),
        ({SCRIPT: {"files": {"a": 1}}}, "a script must be an object of texts"),
        ({SCRIPT: {"files": []}}, "a script must be an object of texts"),
        ({SCRIPT: {"text": 1}}, "a script must be an object of texts"),
        ({TRANSFORMS: [{"text": "null"}]}, "the transform “null” returned nothing"),
        ({TRANSFORMS: [{"text": "output.x.y"}]}, "the transform “output.x.y” threw TypeError"),
        ({TRANSFORMS: [{"text": "fetch('x')"}]}, "the transform “fetch('x')” cannot be run: fetch"),
    ],
)
def test_what_cannot_be_run_is_an_error(config, error):
    case = together(Assertion(type="javascript", value="true", config=config))
    assert case.passed is None
    assert error in case.error


def test_a_file_that_the_suite_does_not_have():
    case = together(Assertion(type="javascript", value="file://x.js"))
    assert case.error == "“x.js” is not in the suite; import it together with the file"
    assert "needs a non-empty string" in together(Assertion(type="javascript")).error


def test_a_stored_case_without_code_is_read():
    """Older versions kept such an assertion as one that cannot be scored: a run goes on."""
    document = {"assertions": [{"type": "javascript"}]}
    (check,) = case_from_document("old", document).assertions
    assert "needs a non-empty string" in together(check).error


def test_files():
    config = file(
        "module.exports = {f: require('./b').f}", "f", **{"b.js": "exports.f = () => 0.5"}
    )
    scored = together(Assertion(type="javascript", value="file://a.js:f", config=config)).grades[0]
    assert scored.outcome.score == 0.5
    config = file("module.exports = () => undefined")
    scored = together(Assertion(type="javascript", value="file://a.js", config=config)).grades[0]
    assert "returned undefined" in scored.outcome.reason


def test_transforms_in_their_order():
    shared = {"text": "output + context.vars.a"}
    file_of_both = {
        "file": "t.js",
        "export": "none",
        "files": {"t.js": "module.exports = (o) => [o]"},
    }
    assertions = [
        Assertion(type="equals", value="x1", config={TRANSFORMS: [shared]}),
        Assertion(type="equals", value='["x1"]', config={TRANSFORMS: [shared, file_of_both]}),
        Assertion(type="contains", value='"x1"', config={TRANSFORMS: [shared, file_of_both]}),
        Assertion(type="equals", value="x"),
        Assertion(
            type="equals", value="2", config={TRANSFORMS: [{"text": "const n = 1;\nreturn n + 1"}]}
        ),
    ]
    case = together(*assertions, text="x", variables={"a": 1})
    assert [scored.outcome.passed for scored in case.grades] == [True] * 5


def test_prompts_as_code_sees_them():
    user = Message(role="user", content="hi")
    assert describe_prompt([user]) == "hi"
    chat = describe_prompt([Message(role="system", content="be"), user])
    assert json.loads(chat) == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "hi"},
    ]


def test_labels():
    assert Script(text="a\n b").label == "a b"
    assert len(Script(text="x" * 100).label) == 80
    assert Script(file="a.js", export="f").label == "a.js:f"


def scored(code: str, *checks: Assertion, threshold=None):
    """Return what a scoring function makes of checks."""
    scoring = Assertion(type="assert-scoring-function", config=file(code))
    answer = Answer(text="an answer")
    return asyncio.run(grade([*checks, scoring], answer, Context(), threshold))


GOOD = Assertion(type="contains", value="answer", metric="good")
BAD = Assertion(type="contains", value="nothing", metric="bad")


def test_a_scoring_function_decides():
    code = """module.exports = (named, {threshold, componentResults}) => ({
        pass: named.good > named.bad, score: threshold + componentResults.length / 10,
        reason: componentResults.map((part) => part.assertion.type).join(), namedScores: {own: 0.5}})"""
    case = scored(code, GOOD, BAD, threshold=0.5)
    assert (case.passed, case.score, case.error) == (True, 0.7, "")
    assert case.named == {"good": 1.0, "bad": 0.0, "own": 0.5}
    assert case.grades[-1].outcome.reason == "contains,contains"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "module.exports = () => { throw new Error('no') }",
            "the scoring function threw no (a.js:1)",
        ),
        ("module.exports = () => true", "the scoring function returned no {pass, score, reason}"),
    ],
)
def test_a_scoring_function_that_fails(code, reason):
    case = scored(code, GOOD)
    assert (case.passed, case.score, case.error) == (False, 0.0, "")
    assert case.grades[-1].outcome.reason == reason


def test_a_scoring_function_that_cannot_be_run():
    case = scored("module.exports = () => fetch('x')", GOOD)
    assert case.passed is None
    assert "fetch is not available" in case.error
    # What cannot be scored is an error before anything is decided.
    broken = Assertion(type="javascript", value="fetch('x')")
    assert "fetch is not available" in scored("module.exports = () => 1", broken).error
