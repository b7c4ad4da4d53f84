"""A version's configuration: what it may hold, and where it goes with the version."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from core.errors import InvalidInputError
from prompts import interface, services
from prompts.config import validate_config
from prompts.models import Prompt, PromptVersion

FUNCTION = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
CONFIG = {
    "model": "モデル-5",
    "temperature": 0.2,
    "max_tokens": 400,
    "tools": [FUNCTION],
    "response_schema": {"type": "object", "properties": {"answer": {"type": "string"}}},
    "of_a_service": {"nobody": ["knows", None, True, 1, 1.5]},
}


@pytest.mark.parametrize(
    "config",
    [
        {},
        CONFIG,
        {"model": "m" * 255},
        {"temperature": 0},
        {"temperature": 2},
        {"temperature": None, "stop": None, "tools": None},
        {"top_p": 1.0, "presence_penalty": -2, "frequency_penalty": 2},
        {"seed": -1, "top_k": 0, "n": 1},
        {"stop": "\n"},
        {"stop_sequences": ["a", "b"]},
        {"tools": []},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]},
        {"tools": [{"type": "web_search"}, FUNCTION]},
        {"tools": [{"type": "function", "function": {"name": "no-parameters"}}]},
        {"tool_choice": "auto"},
        {"tool_choice": {"type": "function", "function": {"name": "look_up"}}},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
        {"response_format": {"type": "json_schema", "schema": {"type": "array"}}},
        {"response_schema": True},
        {"response_schema": {"$ref": "https://example.invalid/schema"}},  # never fetched
        {"Temperature": "another name is nobody's business"},
    ],
)
def test_what_services_take_is_taken(config):
    validate_config(config)


@pytest.mark.parametrize(
    ("config", "sentences"),
    [
        ([], ['must be a JSON object, such as {"model": "…"}']),
        ("gpt", ['must be a JSON object, such as {"model": "…"}']),
        ({"model": ""}, ["model must be a string of 1 to 255 characters"]),
        ({"model": 5}, ["model must be a string of 1 to 255 characters"]),
        ({"model": "m" * 256}, ["model must be a string of 1 to 255 characters"]),
        ({"temperature": 2.1}, ["temperature must be a number from 0 to 2"]),
        ({"temperature": "0.5"}, ["temperature must be a number from 0 to 2"]),
        ({"temperature": True}, ["temperature must be a number from 0 to 2"]),
        ({"top_p": -0.1}, ["top_p must be a number from 0 to 1"]),
        ({"max_tokens": 0}, ["max_tokens must be an integer of at least 1"]),
        ({"max_tokens": 1.5}, ["max_tokens must be an integer"]),
        ({"max_tokens": True}, ["max_tokens must be an integer"]),
        ({"seed": "x"}, ["seed must be an integer"]),
        ({"stop": ["a", ""]}, ["stop must be a string or a list of strings, none of them empty"]),
        ({"tools": {}}, ["tools must be a list of tools"]),
        ({"tools": ["f"]}, ["tools[0] must be an object"]),
        ({"tools": [{}]}, ["tools[0].type must be a string of 1 to 255 characters"]),
        (
            {"tools": [{"type": "function"}]},
            ["tools[0].name must be a name of 1 to 64 letters, digits, _ or -"],
        ),
        (
            {"tools": [FUNCTION, {"type": "function", "function": {"name": "sag es"}}]},
            ["tools[1].function.name must be a name of 1 to 64 letters, digits, _ or -"],
        ),
        (
            {"tools": [FUNCTION, FUNCTION]},
            ["tools[1] has the same name as tools[0]: “look_up”"],
        ),
        (
            {"tools": [{"name": "f", "input_schema": {"type": "objekt"}}]},
            ["tools[0].input_schema['type'] is not a valid JSON Schema: 'objekt' is not valid"],
        ),
        ({"tool_choice": 1}, ["tool_choice must be a string such as auto, or an object"]),
        (
            {"response_format": {"type": "json"}},
            ["response_format must be an object whose type is one of text, json_object, js"],
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            ["response_format.json_schema must be an object with a schema"],
        ),
        ({"response_schema": "{}"}, ["response_schema must be a JSON Schema (an object)"]),
        ({"response_schema": {"$schema": ["x"]}}, ["response_schema"]),
        (
            {"response_schema": {"required": "a"}},
            ["response_schema['required'] is not a valid JSON Schema"],
        ),
        (
            {"temperature": 9, "top_p": 9},
            ["temperature must be a number from 0 to 2", "top_p must be a number from 0 to 1"],
        ),
    ],
)
def test_what_no_service_takes_is_refused_with_its_place(config, sentences):
    with pytest.raises(ValidationError) as caught:
        validate_config(config)
    for said, sentence in zip(caught.value.messages, sentences, strict=True):
        assert said.startswith(sentence)


def nest(schema, levels):
    for _level in range(levels):
        schema = {"anyOf": [schema]}
    return schema


def test_a_schema_as_deep_as_a_document_may_be_is_checked():
    validate_config({"response_schema": nest({}, 40)})
    with pytest.raises(ValidationError) as caught:
        validate_config({"response_schema": nest({"type": 1}, 40)})
    assert caught.value.messages[0].endswith("is not valid under any of the given schemas")
    with pytest.raises(ValidationError, match="response_schema is nested too deeply"):
        validate_config({"response_schema": nest({}, 400)})


def test_what_takes_long_to_check_is_refused_at_once():
    tools = [FUNCTION | {"description": "x" * 1000}] * 200
    with pytest.raises(ValidationError, match=r"has 2[0-9]{5} characters; the limit is 131072"):
        validate_config({"tools": tools})


def test_a_hundred_faults_are_cut():
    with pytest.raises(ValidationError) as caught:
        validate_config({"tools": ["no tool"] * 100})
    assert len(caught.value.messages) == 10


pytestmark = pytest.mark.django_db


def make(**fields):
    return services.create_prompt(title="Reply", content="Answer briefly.", **fields)


def test_it_belongs_to_the_wording():
    prompt = make(config=CONFIG)
    assert interface.get_prompt("reply", version=1).config == CONFIG
    edited = services.edit_prompt(prompt_id=prompt.pk, config={"temperature": 1})
    assert edited.current_version == 2
    first, second = PromptVersion.objects.order_by("number")
    assert (first.config, second.config) == (CONFIG, {"temperature": 1})
    assert first.content_hash != second.content_hash
    restored = services.restore_version(prompt_id=prompt.pk, number=1)
    assert (restored.current_version, restored.config) == (3, CONFIG)
    same = services.edit_prompt(prompt_id=prompt.pk, config=dict(reversed(CONFIG.items())))
    assert same.current_version == 3


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0, False)])
def test_values_that_only_python_takes_for_equal_are_an_edit(before, after):
    prompt = make(config={"of_a_service": [before]})
    edited = services.edit_prompt(prompt_id=prompt.pk, config={"of_a_service": [after]})
    assert edited.current_version == 2
    stored = edited.versions.get(number=2).config["of_a_service"][0]
    assert (stored, type(stored)) == (after, type(after))


def test_a_version_without_one_keeps_the_hash_that_it_had():
    # Of `printf 'Answer briefly.' | sha256sum`.
    version = make().versions.get()
    assert version.config == {}
    assert version.content_hash == (
        "e68562472088cf0fec6124d5268608b01b1e248afb408e748738d39c6352d169"
    )


def test_a_fault_names_the_field_and_nothing_is_written():
    with pytest.raises(InvalidInputError) as caught:
        make(config={"temperature": 3, "top_p": 2})
    assert caught.value.messages == {
        "config": "temperature must be a number from 0 to 2; top_p must be a number from 0 to 1"
    }
    assert not Prompt.objects.exists()


@pytest.mark.parametrize("file_format", ["csv", "json", "jsonl", "yaml", "xlsx", "directory"])
def test_an_export_brings_it_back(tmp_path, file_format):
    prompt = make(config={"temperature": 1})
    services.edit_prompt(prompt_id=prompt.pk, config=CONFIG)
    newest = prompt.versions.get(number=2).content_hash
    target = tmp_path / ("prompts" if file_format == "directory" else f"prompts.{file_format}")
    call_command("export_prompts", str(target))
    services.delete_prompt(prompt_id=prompt.pk)
    services.purge_prompts([prompt.pk])
    call_command("import_prompts", str(target))
    back = Prompt.objects.get()
    assert back.config == CONFIG
    assert back.versions.get(number=back.current_version).content_hash == newest


@pytest.mark.parametrize("cell", ["gpt", "[1]", "1", '"x"', "{"])
def test_a_cell_that_is_no_object_is_refused(tmp_path, cell, capsys):
    source = tmp_path / "prompts.csv"
    quoted = cell.replace('"', '""')
    source.write_text(f'title,content,config\na,b,\nc,d,"{quoted}"\n', encoding="utf-8")
    with pytest.raises(SystemExit):
        call_command("import_prompts", str(source))
    assert "config: must be a JSON object" in "".join(capsys.readouterr())
    assert not Prompt.objects.exists()


def test_tags_of_a_cell_are_words_once(tmp_path):
    source = tmp_path / "prompts.csv"
    source.write_text('title,content,tags\na,b,"x, ,y,x,"\n', encoding="utf-8")
    call_command("import_prompts", str(source))
    assert Prompt.objects.get().tags == ["x", "y"]


def test_langfuse_brings_its_own(tmp_path):
    source = tmp_path / "langfuse.json"
    record = {"name": "r", "prompt": "Hi", "type": "text", "version": 1, "config": {"top_p": 0.5}}
    source.write_text(json.dumps([record]), encoding="utf-8")
    call_command("import_prompts", str(source))
    assert Prompt.objects.get().config == {"top_p": 0.5}
