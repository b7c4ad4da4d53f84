"""The environment in configurations: what is filled in, what is a secret, and where keys stand."""

import base64

import pytest

from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Folder
from evaluations.engine.providers import make
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.templates import fill_text

ENVIRONMENT = {
    "LANG_": "French",
    "MODEL": "gpt-4o",
    "MY_KEY": "hidden-value",
    "ODD": 'a "b" {{ x }} %} \\ é\n',
    "MY_URL": "https://llm.example/v1",
    "OPENAI_TEMPERATURE": "0.5",
}


def read(tmp_path, text, variables=ENVIRONMENT, **files):
    (tmp_path / "c.yaml").write_text(text)
    for name, content in files.items():
        (tmp_path / name.replace("__", ".")).write_bytes(content.encode())
    return read_config(Folder.beside(tmp_path / "c.yaml"), "c.yaml", fill_text, variables=variables)


# A prompt, and what is left of it when the file was read.
FILLED = [
    ("Say {{w}} in {{env.LANG_}}", "Say {{w}} in French"),
    ("{{ env['LANG_'] | upper }} {{ env.NONE | default('x') }}", "FRENCH x"),
    ("{{ env.NONE }}", "{{ env.NONE }}"),
    (
        "{% if env.LANG_ == 'French' %}oui{% endif %}",
        "{% if \"French\" == 'French' %}oui{% endif %}",
    ),
    ("{% if env.NONE %}x{% endif %}", "{% if env.NONE %}x{% endif %}"),
    ("{{ env.ODD }}", ENVIRONMENT["ODD"]),
    ("{{ environment.LANG_ }} env.LANG_", "{{ environment.LANG_ }} env.LANG_"),
    ("{{ env.LANG_ | nope }}", "{{ env.LANG_ | nope }}"),
]


@pytest.mark.parametrize(("prompt", "filled"), FILLED, ids=range(len(FILLED)))
def test_prompts(tmp_path, prompt, filled):
    config = read(tmp_path, "prompts: [file://p.txt, file://p.md]", p__md=prompt, p__txt="x")
    assert config.prompts[1].raw == filled
    escaped = prompt.replace("'", "''")
    assert read(tmp_path, f"prompts: ['{escaped}']").prompts[0].raw == filled


def test_models_variables_and_assertions(tmp_path):
    config = read(
        tmp_path,
        """
providers: ["openai:chat:{{env.MODEL}}"]
tests:
- vars: {w: "hello {{env.LANG_}}", f: file://v.txt}
  assert: [{type: contains, value: "{{env.LANG_}}"}]
""",
        v__txt="in {{ env.LANG_ }}",
    )
    assert config.providers[0].spec.model == "gpt-4o"
    assert config.providers[0].spec.parameters["temperature"] == 0.5
    assert config.cases[0].case.variables == {"w": "hello French", "f": "in French"}
    assert config.cases[0].case.assertions[0].value == "French"
    assert config.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "prompts: ['{{ env.MY_KEY }}']",
        "prompts: [file://p.txt]",
        "tests: [{vars: {a: file://p.txt}}]",
        "prompts: ['{{ env.MY_URL }}']",
        "providers: [{id: openai:m, config: {user: '{{env.MY_KEY}}'}}]",
        "providers: [{id: openai:m, config: {headers: {X-Token: '{{env.MY_KEY}}'}}}]",
        "providers: [{id: openai:m, config: {apiBaseUrl: 'https://x.example/{{env.MY_KEY}}'}}]",
    ],
)
def test_a_secret_is_read_nowhere(tmp_path, text):
    with pytest.raises(SuiteError, match=r"MY_(KEY|URL)") as caught:
        read(tmp_path, text, p__txt="x {{env.MY_KEY}}")
    assert "hidden-value" not in str(caught.value)


KEYED = [
    "config: {apiKey: '{{env.MY_KEY}}', apiBaseUrl: '{{ env.MY_URL }}'}",
    "config: {apiKeyEnvar: MY_KEY, apiBaseUrl: '{{ env.MY_URL }}'}",
    "config: {headers: {Authorization: 'Bearer {{ env.MY_KEY }}'}, apiBaseUrl: '{{env.MY_URL}}'}",
]


@pytest.mark.parametrize("config", KEYED, ids=range(3))
def test_keys_are_named_and_go_where_the_operator_says(tmp_path, config):
    for text in (
        f"providers: [{{id: openai:m, {config}}}]",
        f"providers: [{{openai:m: {{{config}}}}}]",
    ):
        spec = read(tmp_path, text).providers[0].spec
        assert spec.settings["key_variable"] == "MY_KEY"
        assert spec.base_url == "https://llm.example/v1"
        assert "hidden-value" not in repr(spec)
    declared = {"MODEL_KEYS": "MY_KEY=https://llm.example", "MY_KEY": "hidden-value"}
    assert "hidden-value" not in repr(make(spec, declared))


def test_two_services_with_two_keys(tmp_path):
    text = """
providers:
- {id: openai:a, config: {apiKey: "{{env.A_KEY}}", apiBaseUrl: "https://a.example/v1"}}
- {id: openai:b, config: {apiKey: "{{env.B_KEY}}", apiBaseUrl: "https://b.example/v1"}}
- anthropic:messages:claude-sonnet-4-5
"""
    specs = [source.spec for source in read(tmp_path, text).providers]
    assert [spec.settings.get("key_variable") for spec in specs] == ["A_KEY", "B_KEY", None]


def test_headers_are_for_the_client(tmp_path):
    text = "providers: [{id: openai:m, config: {headers: {X-Team: '{{env.LANG_}}'}}}]"
    config = read(tmp_path, text)
    assert config.providers[0].spec.settings["headers"] == {"X-Team": "French"}
    assert config.warnings == ()
    with pytest.raises(SuiteError, match="never read from a file"):
        read(tmp_path, "providers: [{id: openai:m, config: {headers: {X-Api-Key: sk-123456789}}}]")


def test_what_is_uploaded_reads_only_its_own(tmp_path):
    text = """
env: {REGION: "{{env.LANG_}} north", COUNT: 3, MY_KEY: x, OPENAI_BASE_URL: "https://o.example/v1"}
prompts: ["{{env.REGION}} {{env.COUNT}} {{env.LANG_}}"]
providers: [openai:m]
"""
    uploaded = read(tmp_path, text, variables=None)
    assert uploaded.prompts[0].raw == "{{env.LANG_}} north 3 {{env.LANG_}}"
    said = "LANG_ renders as empty text: of what is uploaded, only the file's own"
    assert [said in str(warning) for warning in uploaded.warnings] == [True, True]
    typed = read(tmp_path, text)
    assert typed.prompts[0].raw == "French north 3 French"
    assert typed.providers[0].spec.base_url == "https://o.example/v1"
    (unset,) = read(tmp_path, "prompts: ['{{env.NONE}}']").warnings
    assert "the environment variable NONE is not set" in str(unset)


IMAGES = [
    ("a.png", b"\x89PNG\r", "image/png"),
    ("a.png", b"GIF89a", "image/gif"),
    ("a.jpg", b"RIFF____WEBP", "image/webp"),
    ("a.jpeg", b"?", "image/jpeg"),
]


@pytest.mark.parametrize(("name", "data", "media_type"), IMAGES, ids=range(len(IMAGES)))
def test_an_image_of_a_variable_is_data(tmp_path, name, data, media_type):
    (tmp_path / name).write_bytes(data)
    config = read(tmp_path, f"tests: [{{vars: {{picture: file://{name}}}}}]")
    encoded = base64.b64encode(data).decode()
    assert config.cases[0].case.variables == {"picture": f"data:{media_type};base64,{encoded}"}
