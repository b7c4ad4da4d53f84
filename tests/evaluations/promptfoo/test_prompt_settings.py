"""`config` of a prompt: settings of the models that are asked it."""

import pytest

from evaluations.engine.providers import parse_spec
from evaluations.management.configured import plan_columns
from evaluations.promptfoo.requests import as_sent
from tests.evaluations.promptfoo.test_code import read, refusal

WARM = "prompts: [plain, {raw: warm, config: {temperature: 0.9}}]\n"


def parameters(text: str, *specs, **files: str):
    config = read(text, **files)
    assert config.warnings == ()
    given = list(specs) or [provider.spec for provider in config.providers]
    return [dict(column.spec.parameters) for column in plan_columns(config, given, {})]


def test_they_count_more_than_the_models_own():
    text = WARM + "providers: [{id: 'openai:chat:x', config: {temperature: 0.2, seed: 7}}]"
    plain, warm = parameters(text)
    assert plain == {"temperature": 0.2, "seed": 7, "max_tokens": 1024}
    assert warm == {"temperature": 0.9, "seed": 7, "max_tokens": 1024}


def test_other_columns_of_the_same_model_keep_theirs():
    config = read(WARM + "providers: ['openai:chat:x']")
    (spec,) = (provider.spec for provider in config.providers)
    columns = plan_columns(config, [spec], {})
    assert [column.spec.parameters["temperature"] for column in columns] == [0, 0.9]
    assert columns[0].spec == spec


def test_a_models_profile_gets_nothing_besides():
    plain, warm = parameters(WARM, parse_spec("openai:gpt-4.1"))
    assert (plain, warm) == ({}, {"temperature": 0.9})


def test_a_typed_model_gets_what_promptfoo_adds():
    typed, _unsent = as_sent(parse_spec("openai:gpt-4.1"), {}, {})
    plain, warm = parameters(WARM, typed)
    assert plain == {"max_tokens": 1024, "temperature": 0}
    assert warm == {"max_tokens": 1024, "temperature": 0.9}


def test_what_is_no_service_is_asked_as_ever():
    plain, warm = parameters(f"{WARM}providers: [echo]")
    assert plain == warm == {}


def test_files_are_loaded():
    text = "prompts: [{raw: a, config: {response_format: file://f.yaml}}]\nproviders: ['openai:x']"
    (found,) = parameters(text, f__yaml="{type: json_object}")
    assert found["response_format"] == {"type": "json_object"}


def test_prompts_of_one_text_with_other_settings_are_two():
    text = "prompts: [{raw: a, label: x}, {raw: a, label: x, config: {seed: 1}}]"
    assert len(read(text + "\nproviders: ['openai:x']").prompts) == 2


def test_what_no_model_is_sent_is_said():
    config = read("prompts: [{raw: a, config: {temprature: 1}}]\nproviders: [echo]")
    assert "prompts[0].config.temprature: “temprature” of a prompt is ignored" in str(
        config.warnings[0]
    )
    assert config.prompts[0].config == {}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("7", "prompts[0].config: config of a prompt must be an object"),
        ("{metadata: {apiKey: sk-abcdefghijklmnopqrstuvwxyz}}", "prompts[0].config"),
        ("{user: '{{env.OPENAI_API_KEY}}'}", "prompts[0].config"),
        ("{tools: file://tools.py}", "tools.py"),
    ],
)
def test_what_is_refused(config, sentence):
    text = f"prompts: [{{raw: a, config: {config}}}]\nproviders: [echo]"
    said = refusal(text, tools__py="print(1)")
    assert sentence in said
    assert "abcdefghij" not in said
