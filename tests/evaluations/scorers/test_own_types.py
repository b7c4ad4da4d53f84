"""Scorers of our own and a case's assertions together: tables of good and bad."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.engine.errors import SuiteError
from evaluations.engine.scorers import SCORERS, Context, find, grade, is_checked
from evaluations.engine.scorers.javascript import as_text
from evaluations.engine.scorers.stems import stem
from evaluations.engine.types import Answer, Assertion


def score(kind, text, value=None, *, expected="", threshold=None, negated=False, **config):
    assertion = Assertion(
        type=kind, value=value, config=config, threshold=threshold, negated=negated
    )
    context = Context(expected=expected)
    return asyncio.run(grade([assertion], Answer(text=text, latency_ms=5), context))


TABLE = [
    ("exact", " Tokyo ", "Tokyo", {}, True, 1),
    ("exact", "ＴＯＫＹＯ", "TOKYO", {}, True, 1),
    ("exact", "tokyo", "Tokyo", {}, False, 0),
    ("exact", "tokyo", "Tokyo", {"ignore_case": True}, True, 1),
    ("exact", "b", ["a", "b"], {}, True, 1),
    ("f1", "The cat sat!", "a cat sat", {}, True, 1),
    ("f1", "東京は晴れです", "東京は雨です", {}, True, 10 / 13),
    ("f1", "東京は晴れです", "東京は雨です", {"words": "space"}, False, 0),
    ("f1", "dog", "cat", {}, False, 0),
    ("rouge-1", "the cat", "the cat sat", {}, True, 0.8),
    ("rouge-2", "the cat sat", "the cat ran", {}, False, 0.5),
    ("rouge-l", "a b c d", "a x c d", {}, True, 0.75),
    ("rouge-l", "猫が好き", "猫が好き", {}, True, 1),
    ("bleu-4", "今日は良い天気です", "今日は良い天気です", {}, True, 1),
    ("numeric", "It is 1,234.5 yen", "1234.5", {}, True, 1),
    ("numeric", "答えは４２です", "42", {}, True, 1),
    ("numeric", "about 101", 100, {"relative": 0.02}, True, 1),
    ("numeric", "about 103", 100, {"relative": 0.02}, False, 0),
    ("numeric", "none", 100, {}, False, 0),
    ("numeric", "−5", -5, {}, True, 1),
    ("json-schema", '{"a": 1}', {"required": ["a"]}, {}, True, 1),
    ("meteor", "the cat sat", "the cat sat", {}, True, 1 - 0.5 / 27),
    ("meteor", "cats running", "cat runs", {}, True, 1 - 0.5 / 8),
    ("is-refusal", "申し訳ありませんが、できません", None, {}, True, 1),
    ("is-refusal", "東京です", None, {}, False, 0),
]


@pytest.mark.parametrize(("kind", "text", "value", "config", "passed", "expected"), TABLE)
def test_own_types(kind, text, value, config, passed, expected):
    found = score(kind, text, value, **config)
    assert found.error == ""
    assert (found.passed, found.score) == (passed, pytest.approx(expected))


def test_the_expected_answer_stands_in_for_a_value():
    assert score("exact", "x", expected="x").passed
    assert score("f1", "x y", expected="y x").passed
    assert score("numeric", "7", expected="seven is 7").passed


@pytest.mark.parametrize(
    ("kind", "value", "config", "sentence"),
    [
        ("f1", "x", {"words": "odd"}, "words must be one of auto, space, character"),
        ("numeric", "x", {}, "needs a number"),
        ("contains", "", {}, "needs a non-empty string"),
        ("contains-any", 3, {}, "needs a list"),
        ("contains-any", '"open', {}, "is never closed"),
        ("bleu", 3, {}, "needs a string or a list of strings"),
        ("word-count", "many", {}, "needs a number"),
        ("word-count", {"min": 3, "max": 1}, {}, "min 3 is greater than max 1"),
        ("latency", None, {}, "needs a threshold"),
        ("cost", None, {}, "needs a threshold"),
        ("perplexity", None, {}, "returned none"),
        ("is-json", "[", {}, "neither valid JSON nor valid YAML"),
        ("tool-call-f1", [], {}, "needs tool names"),
        ("regex", "(a+)+$", {}, "took more than"),
    ],
)
def test_what_cannot_be_scored_is_an_error_and_no_failure(kind, value, config, sentence):
    text = "a" * 40 + "!" if kind == "regex" else "x"
    found = score(kind, text, value, **config)
    assert found.passed is None
    assert found.score is None
    assert sentence in found.error


def together(*assertions, text="abc", threshold=None):
    return asyncio.run(grade(assertions, Answer(text=text), Context(), threshold))


YES, NO = Assertion(type="contains", value="a"), Assertion(type="contains", value="z")


def test_a_case_s_assertions_together():
    heavy = Assertion(type="contains", value="a", weight=3.0, metric="m")
    assert (together(heavy, NO).passed, together(heavy, NO).score) == (False, 0.75)
    assert together(heavy, NO, threshold=0.7).passed is True
    assert together(heavy, NO).named == {"m": 1.0}
    silent = Assertion(type="contains", value="z", weight=0.0, metric="silent")
    found = together(YES, silent)
    assert (found.passed, found.score, found.named) == (True, 1.0, {"silent": 0.0})
    group = Assertion(type="assert-set", assertions=(YES, NO), threshold=0.5, weight=2.0)
    both = together(group, YES)
    assert (both.passed, both.score) == (True, pytest.approx(2 / 3))
    wrong = Assertion(type="assert-set", assertions=(Assertion(type="latency", threshold=1.0),))
    assert together(wrong, YES).passed is None
    code = Assertion(type="unsupported", config={"original": {"type": "javascript"}})
    assert "javascript are not supported" in together(YES, code).error


def weighted(weight, **fields):
    return Assertion(type="contains", value="a", weight=weight, **fields)


A_SET = {"type": "assert-set", "assertions": (YES,)}
UNCHECKED = {
    "no assertion": ((), None),
    "no assertion, but a threshold": ((), 0.5),
    "a weight of 0": ((weighted(0),), None),
    "a threshold that every score reaches": ((YES, NO), 0.0),
    "a set of weight 0": ((Assertion(**A_SET, weight=0),), None),
    "a set that every score reaches": ((Assertion(**A_SET, threshold=0.0),), None),
    "a set of members that only record": (
        (Assertion(type="assert-set", assertions=(weighted(0),)),),
        None,
    ),
    "a similarity of 0": ((Assertion(type="rouge-n", value="a", threshold=0.0),), None),
}


@pytest.mark.parametrize(("assertions", "threshold"), UNCHECKED.values(), ids=list(UNCHECKED))
def test_an_answer_that_nothing_can_fail_is_unchecked(assertions, threshold):
    graded = together(*assertions, threshold=threshold)
    assert (graded.passed, graded.score, graded.error) == (None, None, "")
    assert not is_checked(assertions, threshold)


CHECKED = {
    "one that decides among others": ((weighted(0), YES), None),
    "a negated similarity": (
        (Assertion(type="rouge-n", negated=True, value="a", threshold=0.0),),
        None,
    ),
    "a distance of 0": ((Assertion(type="levenshtein", value="abc", threshold=0.0),), None),
    "what cannot be scored": ((Assertion(type="unsupported", config={}),), None),
    "a set with one member that decides": (
        (Assertion(type="assert-set", assertions=(weighted(0), YES)),),
        None,
    ),
}


@pytest.mark.parametrize(("assertions", "threshold"), CHECKED.values(), ids=list(CHECKED))
def test_an_answer_that_something_can_fail_is_checked(assertions, threshold):
    assert is_checked(assertions, threshold)
    graded = together(*assertions, threshold=threshold)
    assert graded.passed is not None or graded.error


def test_tools():
    declared = {"name": "buy", "parameters": {"type": "object", "required": ["id"]}}
    context = Context(provider_config={"tools": [{"function": declared}], "functions": [declared]})

    def check(kind, calls):
        answer = Answer(text="", data=calls)
        found = asyncio.run(grade([Assertion(type=kind)], answer, context))
        return found.passed

    kind = "is-valid-openai-tools-call"
    assert check(kind, [{"function": {"name": "buy", "arguments": '{"id": 1}'}}])
    assert not check(kind, [{"function": {"name": "buy", "arguments": "{}"}}])
    assert not check(kind, [{"function": {"name": "sell", "arguments": "{}"}}])
    assert not check(kind, [{"function": {"name": "buy", "arguments": "{"}}])
    assert not check(kind, [{"function": "buy"}])
    assert not check(kind, "no calls")
    assert check("is-valid-openai-function-call", {"name": "buy", "arguments": '{"id": 1}'})


def test_an_unknown_type_names_the_nearest():
    with pytest.raises(SuiteError, match="did you mean “contains”"):
        find("contians")
    with pytest.raises(SuiteError, match="available: answer-relevance, bleu"):
        find("qqqqqq")


def test_stems_are_porter_s():
    words = {"caresses": "caress", "ponies": "poni", "agreed": "agre", "motoring": "motor"}
    words |= {"relational": "relat", "hopefulness": "hope", "replacement": "replac"}
    words |= {"controlling": "control", "happy": "happi", "日本": "日本", "a": "a"}
    assert {word: stem(word) for word in words} == words


def test_values_are_written_as_in_javascript():
    values = {"1": 1.0, "0.1": 0.1, "1e-7": 1e-7, "NaN": float("nan"), "Infinity": float("inf")}
    assert {as_text(value): 0 for value in values.values()} == dict.fromkeys(values, 0)
    assert as_text([1, None, True, [2, "x"]]) == "1,,true,2,x"
    assert as_text({}) == "[object Object]"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text(), max_size=3),
    st.dictionaries(st.text(), st.integers(), max_size=2),
)


@given(
    kind=st.sampled_from(sorted(set(SCORERS) - {"regex"})),
    text=st.text(),
    value=VALUES,
    negated=st.booleans(),
    threshold=st.one_of(st.none(), st.floats(0, 1)),
)
def test_no_text_and_no_value_breaks_a_scorer(kind, text, value, negated, threshold):
    assertion = Assertion(type=kind, value=value, negated=negated, threshold=threshold)
    answer = Answer(text=text, latency_ms=1, cost_usd=Decimal(1), logprobs=(-0.5,))
    found = asyncio.run(grade([assertion], answer, Context()))
    assert (found.passed is None) == (bool(found.error) or not is_checked([assertion]))
    if found.score is not None:
        assert 0 <= found.score <= 1
