"""What tables keep as JSON: rows of old and new versions are read, broken ones are refused."""

import json

import pytest

from evaluations.adapters import spec_from_target, target_from_spec
from evaluations.engine.providers import Limits, ProviderSpec
from evaluations.engine.types import CacheTokens
from evaluations.stored import (
    AnswerDetails,
    Change,
    Component,
    RunSettings,
    StoredComparison,
    StoredEstimate,
    StoredJSONError,
    StoredMisfit,
    Summary,
    Target,
    TargetLimits,
    changes_as_json,
    components_as_json,
    read_changes,
    read_components,
)

# What rows held before there were structs: it is written the same to the byte.
TARGET = {
    "kind": "openai", "model": "gpt-4.1-mini", "label": "", "base_url": "",
    "parameters": {"temperature": 0, "tools": [{"name": "a"}]},
    "price": ["0.40", "1.60", None, "0.50"], "limits": [4, None, 90000, 60.0, 4],
}  # fmt: skip
COMPARISON = {
    "old": "0d0f", "code": "better", "params": {"old": "a", "new": "b", "fixed": 12, "p": "0.001"},
    "difference": 0.5, "interval": [0.25, 0.75], "p_value": 0.001, "fixed": ["one"], "broken": [],
}  # fmt: skip
SUMMARY = {
    "answers": 4, "cases": 3, "passed": 2, "failed": 1, "errors": 1, "unchecked": 0,
    "pass_rate": 2 / 3, "pass_interval": [0.2, 0.9], "mean_score": 0.5, "score_interval": None,
    "repeats": 1, "pass_hat_k": None, "score_variance": None, "smallest_difference": None,
    "histogram": [1, 0, 0, 0, 0, 0, 0, 0, 0, 2], "cost_usd": None, "grading_cost_usd": 0.25,
    "input_tokens": 12, "output_tokens": None, "cached": 0, "latency_ms_median": 1.5,
    "latency_ms_95": 3.0, "latency_ms_box": [0.0, 1.0, 1.5, 2.0, 3.0],
}  # fmt: skip
SETTINGS = {
    "models": {"echo": TARGET}, "judge": "echo",
    "misfits": [{"code": "unchecked", "params": {"count": 1, "cases": 2}}], "background": True,
}  # fmt: skip
ESTIMATE = {
    "calls": 3, "input_tokens": 30, "output_tokens": 768, "cost_usd": 0.01, "unpriced": ["echo"],
}  # fmt: skip
COMPONENT = {
    "assertion": {"type": "not-contains", "value": "x"}, "pass": True, "score": 1.0,
    "reason": "the answer does not contain “x”", "normalisation": "none", "direction": "lower",
    "threshold": None,
}  # fmt: skip
SET = COMPONENT | {"error": "no judge", "components": [COMPONENT]}
DETAILS = {
    "data": [{"name": "call"}], "refused": True, "flagged": False, "logprobs": [-0.5, None],
    "cache_tokens": {"read": 3, "written": 0, "written_for_an_hour": 0}, "reasoning_tokens": 5,
    "service_reason": "pause_turn",
}  # fmt: skip
CHANGES = {"suite": [None, "smoke"], "pass_rate": [0.8, 1.0], "lower_bound": [0.5, None]}

OBJECTS = [
    (Target, TARGET),
    (Target, TARGET | {"settings": {"key_variable": "X_KEY"}, "problem": "unknown provider"}),
    (Summary, SUMMARY),
    (Summary, SUMMARY | {"comparison": COMPARISON}),
    (RunSettings, SETTINGS),
    (RunSettings, {"demo": True}),
    (RunSettings, {}),
    (StoredEstimate, ESTIMATE),
    (AnswerDetails, DETAILS),
    (AnswerDetails, {}),
]


@pytest.mark.parametrize(("kind", "stored"), OBJECTS)
def test_what_a_row_holds_is_written_the_same(kind, stored):
    assert json.dumps(kind.read(stored).as_json()) == json.dumps(stored)


def test_components_and_changes_are_written_the_same():
    stored = [COMPONENT, SET]
    assert json.dumps(components_as_json(read_components(stored))) == json.dumps(stored)
    assert json.dumps(changes_as_json(read_changes(CHANGES))) == json.dumps(CHANGES)


def test_values_are_named_and_typed():
    assert Target.read(TARGET).limits == TargetLimits(tokens_per_minute=90000)
    summary = Summary.read(SUMMARY | {"comparison": COMPARISON})
    assert (summary.pass_interval, summary.histogram[-1]) == ((0.2, 0.9), 2)
    assert summary.comparison.params["fixed"] == 12
    settings = RunSettings.read(SETTINGS)
    assert settings.models["echo"] == Target.read(TARGET)
    assert settings.misfits == [StoredMisfit(code="unchecked", params={"count": 1, "cases": 2})]
    plain, with_members = read_components([COMPONENT, SET])
    assert (plain.type, plain.passed, bool(plain.error)) == ("not-contains", True, False)
    assert with_members.error == "no judge"
    assert list(with_members.components) == [plain]
    assert AnswerDetails.read(DETAILS).cache_tokens == CacheTokens(read=3)
    assert read_changes(CHANGES)["pass_rate"] == Change(before=0.8, after=1.0)


OLD = [
    # of versions that did not count, or kept less
    (Summary, {}, Summary()),
    (Summary, {"answers": 1, "pass_rate": 1}, Summary(answers=1, pass_rate=1.0)),
    (
        Summary,
        {"comparison": {"code": "same", "params": {}}},
        Summary(comparison=StoredComparison(code="same", params={})),
    ),
    (Target, {}, Target()),
    (Target, {"kind": "echo", "limits": [2]}, Target(kind="echo", limits=TargetLimits(2))),
    (Target, {"kind": "a", "price": ["1", "2"]}, Target(kind="a", price=("1", "2"))),
    (RunSettings, {"judge": "echo"}, RunSettings(judge="echo")),
    (StoredEstimate, {"calls": 2}, StoredEstimate(calls=2)),
    (AnswerDetails, {"data": None}, AnswerDetails()),
    # of a newer one: what is not known is ignored; the version that we write is taken
    (Summary, {"answers": 1, "medals": 3}, Summary(answers=1)),
    (RunSettings, {"version": 1, "demo": True, "colour": "red"}, RunSettings(demo=True)),
    (Target, {"kind": "echo", "limits": [2, 3, 4, 5.0, 6, "more"]},
     Target(kind="echo", limits=TargetLimits(2, 3, 4, 5.0, 6))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "stored", "value"), OLD)
def test_rows_of_other_versions_are_read(kind, stored, value):
    assert kind.read(stored) == value


BROKEN = [
    (Summary, [], "the stored Summary cannot be read: Expected `object`, got `array`"),
    (Summary, {"passed": "2"}, "Expected `int | null`, got `str` - at `$.passed`"),
    (Summary, {"passed": True}, "Expected `int | null`, got `bool` - at `$.passed`"),
    (Summary, {"pass_interval": [0.5]}, "Expected `array` of length 2, got 1 - at `$.pass_int"),
    (Summary, {"comparison": {"params": {}}}, "missing required field `code` - at `$.comparison`"),
    (Target, {"kind": None}, "the stored Target cannot be read: Expected `str`, got `null` - at"),
    (Target, {"limits": ["4"]}, "Expected `int`, got `str` - at `$.limits[0]`"),
    (RunSettings, {"models": {"a": "echo"}}, "Expected `object`, got `str` - at `$.models[...]`"),
    (RunSettings, {"background": 1}, "Expected `bool`, got `int` - at `$.background`"),
    (StoredEstimate, {"calls": 1.5}, "Expected `int`, got `float` - at `$.calls`"),
    (AnswerDetails, {"logprobs": 1}, "Expected `array | null`, got `int` - at `$.logprobs`"),
    (RunSettings, {"version": 2}, "the stored RunSettings has version 2, of a newer AutoForge"),
    (Target, {"version": "x"}, "the stored Target has version x, of a newer AutoForge"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "stored", "sentence"), BROKEN)
def test_broken_rows_are_refused_by_name(kind, stored, sentence):
    with pytest.raises(StoredJSONError) as caught:
        kind.read(stored)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("read", "stored", "sentence"),
    [
        (
            read_components,
            {},
            "the stored Component cannot be read: Expected `array`, got",
        ),
        (read_components, [{"pass": "yes"}], "Expected `bool`, got `str` - at `$[0].pass`"),
        (read_components, [SET | {"components": [1]}], "`int` - at `$[0].components[0]`"),
        (
            read_changes,
            {"suite": ["a"]},
            "the stored Change cannot be read: Expected `array` of",
        ),
        (read_changes, {"suite": ["a", []]}, "got `array` - at `$[...][1]`"),
    ],
)
def test_broken_lists_are_refused_by_name(read, stored, sentence):
    with pytest.raises(StoredJSONError) as caught:
        read(stored)
    assert sentence in str(caught.value)


TEXTS = [
    json.dumps([COMPONENT, SET]),
    json.dumps([COMPONENT, SET], ensure_ascii=False),
    "[]",
    # What Python and SQLite take for JSON, and stricter readers do not: half of a surrogate pair.
    r'[{"reason": "\ud83d", "score": 1}]',
    # More than 64 bits.
    '[{"assertion": {"type": "equals", "value": 123456789012345678901234567890}}]',
]


@pytest.mark.parametrize("text", TEXTS)
def test_components_of_a_text_are_those_of_its_value(text):
    assert read_components(text) == read_components(json.loads(text))


@pytest.mark.parametrize("stored", [DETAILS, {}, {"service_reason": "\ud83d"}])
def test_details_of_a_text_are_those_of_its_value(stored):
    assert AnswerDetails.read(json.dumps(stored)) == AnswerDetails.read(stored)


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (read_components, "{}", "the stored Component cannot be read: Expected `array`, got"),
        (read_components, '[{"pass": "yes"}]', "Expected `bool`, got `str` - at `$[0].pass`"),
        (
            read_components,
            r'["\ud83d"]',
            "the stored Component cannot be read: 'utf-8' codec can't",
        ),
        (read_components, "[", "the stored Component cannot be read: "),
        (AnswerDetails.read, "[]", "the stored AnswerDetails cannot be read: Expected `object`"),
        (AnswerDetails.read, "", "the stored AnswerDetails cannot be read: "),
    ],
)
def test_broken_texts_are_refused_by_name(read, text, sentence):
    with pytest.raises(StoredJSONError) as caught:
        read(text)
    assert sentence in str(caught.value)


def test_a_version_is_written_where_it_is_not_the_first():
    class Second(Summary, frozen=True, kw_only=True):
        VERSION = 2

    assert "version" not in Summary().as_json()
    written = Second(answers=1).as_json()
    assert written["version"] == 2
    assert Second.read(written) == Second(answers=1)
    with pytest.raises(StoredJSONError, match="the stored Summary has version 2"):
        Summary.read(written)


def test_a_model_comes_back_as_it_was():
    spec = ProviderSpec(kind="openai", model="m", parameters={"seed": 1}, limits=Limits(retries=0))
    assert spec_from_target(Target.read(target_from_spec(spec).as_json())) == spec
    assert components_as_json([Component(reason="none")])[0]["threshold"] is None
