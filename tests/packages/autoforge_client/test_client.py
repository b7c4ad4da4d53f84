"""The Python client against a real server: every call, every refusal."""

import ast
import asyncio
import inspect
import os
import sys
from pathlib import Path

import pytest

import autoforge_client
from autoforge_client import (
    AsyncAutoForge,
    AuthenticationError,
    AutoForge,
    AutoForgeError,
    CompileError,
    Conflict,
    Forbidden,
    InvalidRequest,
    LimitReached,
    NotFound,
)
from prompts import extensions, services
from prompts.models import PromptVersion

SOURCES = sorted(Path(autoforge_client.__file__).parent.glob("*.py"))
NAME = [{"name": "name", "type": "text"}]
GREETING = {"content": "Hi {{ name }}", "syntax": "mustache", "variables": NAME}


@pytest.fixture
def client(front, new_key):
    with AutoForge(front.url, new_key()) as client:
        yield client


def test_a_prompt_is_created_read_and_rendered(client):
    made = client.create_prompt("support/reply", labels=["production"], **GREETING)
    read = client.get_prompt("support/reply")
    assert read == client.get_prompt("support/reply", version=1)
    assert (read.name, read.version, read.syntax) == ("support/reply", 1, "mustache")
    assert (read.content, read.labels) == ("Hi {{ name }}", ["production", "latest"])
    assert (read.content_hash, read.etag) == (made.content_hash, made.etag)
    assert read.created_at.tzinfo is not None
    assert read.text == "Hi {{ name }}"
    assert read.messages == [{"role": "user", "content": "Hi {{ name }}"}]
    rendered = client.render("support/reply", {"name": "愛子"})
    assert (rendered.text, rendered.version) == ("Hi 愛子", 1)
    assert client.render("support/reply", {"name": "x"}, version=1).text == "Hi x"


def test_names_of_every_script_and_folder(client):
    for name in ("返信", "サポート/返信", "a.b/c-d_e", "größe"):
        client.create_prompt(name, "x")
        assert client.get_prompt(name, label="latest").name == name
    for name in ("", "a//b", "../me", "a/-/versions", "."):
        with pytest.raises(ValueError, match="no name"):
            client.get_prompt(name)
    with pytest.raises(NotFound):
        client.get_prompt("a?b#c%2e")


def test_versions_labels_and_differences(client):
    client.create_prompt("reply", **GREETING)
    second = client.edit_prompt(
        "reply", if_match="*", content="Hello {{ name }}", change_note="kinder"
    )
    assert (second.version, second.change_note, second.config) == (2, "kinder", {})
    assert [version.version for version in client.list_versions("reply")] == [2, 1]
    diff = client.diff("reply", 1, 2)
    assert diff.changed == ["content"]
    assert [(row.kind, row.left, row.right) for row in diff.content] == [
        ("changed", "Hi {{ name }}", "Hello {{ name }}")
    ]
    assert client.move_label("reply", "production", 1).version == 1
    assert client.get_prompt("reply").version == 1
    client.move_label("reply", "production", 2, reason="measured")
    assert client.get_prompt("reply").version == 2  # what was written here is seen here
    assert client.roll_back_label("reply", "production", reason="worse").version == 1
    assert client.get_prompt("reply").version == 1
    assert [item.label for item in client.list_labels("reply")] == ["production", "latest"]
    client.request("DELETE", "prompts/reply/-/labels/production", params={"reason": "over"})
    with pytest.raises(NotFound):
        client.get_prompt("reply")


def test_an_edit_is_for_the_state_that_was_read(client):
    client.create_prompt("reply", **GREETING)
    read = client.get_prompt("reply", label="latest")
    edited = client.edit_prompt("reply", if_match=read.etag, content="Hey {{ name }}", tags=["a"])
    assert (edited.version, edited.tags) == (2, ["a"])
    with pytest.raises(Conflict) as refused:
        client.edit_prompt("reply", if_match=read.etag, content="x")
    assert (refused.value.status, refused.value.code) == (412, "api.if-match")
    assert refused.value.extra["etag"] == edited.etag
    assert client.edit_prompt("reply", if_match="*", name="renamed").name == "renamed"


def test_lists_are_walked_over_pages(client):
    for number in range(5):
        client.create_prompt(f"a/{number}", "about 天気", tags=["odd"] if number % 2 else [])
    assert [item.name for item in client.list_prompts(limit=2)] == [f"a/{n}" for n in range(5)]
    assert [item.name for item in client.list_prompts(limit=1, tag="odd")] == ["a/1", "a/3"]
    assert [item.labels for item in client.list_prompts(search="天気")] == [{"latest": 1}] * 5
    page = client.request("GET", "prompts", params={"limit": 3}).json()
    assert len(page["items"]) == 3
    rest = client.list_prompts(limit=3, cursor=page["next_cursor"])
    assert [item.name for item in rest] == ["a/3", "a/4"]
    with pytest.raises(InvalidRequest):
        list(client.list_prompts(colour="red"))


def test_what_is_wrong_is_told_with_its_field(client):
    client.create_prompt("reply", labels=["production"], **GREETING)
    with pytest.raises(InvalidRequest) as refused:
        client.render("reply", {"nmae": 1})
    error = refused.value
    assert {entry.code for entry in error.errors} == {"template.unknown-near", "template.missing"}
    assert {entry.field for entry in error.errors} == {"variables"}
    assert error.detail
    assert str(error) == error.detail
    with pytest.raises(InvalidRequest) as refused:
        client.create_prompt("bad", "{% if x %}", syntax="jinja")
    assert refused.value.status == 422
    assert refused.value.errors[0].field == "content"


def test_refusals_have_their_own_errors(front, new_key):
    services.create_label_rule(label="checked", is_protected=True, needs_checks=True)
    editor = AutoForge(front.url, new_key("Editor"))
    editor.create_prompt("reply", "Hi")
    with pytest.raises(Forbidden) as refused:
        editor.move_label("reply", "checked", 1)
    assert refused.value.status == 403
    with pytest.raises(AuthenticationError):
        AutoForge(front.url, "af_wrong").me()
    slow = AutoForge(front.url, new_key("Viewer", requests_per_minute=1), attempts=1)
    assert slow.me().role == "Viewer"
    with pytest.raises(LimitReached) as refused:
        slow.me()
    assert 0 < refused.value.retry_after <= 60
    assert refused.value.is_temporary


def test_a_gate_says_why(front, new_key):
    services.create_label_rule(label="checked", is_protected=False, needs_checks=True)
    extensions.register_check(
        "measured", lambda _candidate: extensions.Verdict(passed=False, reason="not measured")
    )
    client = AutoForge(front.url, new_key())
    client.create_prompt("reply", "Hi")
    try:
        with pytest.raises(Conflict) as refused:
            client.move_label("reply", "checked", 1)
        verdict = {"check": "measured", "passed": False, "reason": "not measured"}
        assert verdict in refused.value.extra["verdicts"]
        override = client.move_label("reply", "checked", 1, reason="urgent", override=True)
        assert override.label == "checked"
    finally:
        extensions.unregister_check("measured")


def test_sentences_are_in_the_asked_language(front, new_key):
    client = AutoForge(front.url, new_key(), language="ja")
    with pytest.raises(NotFound, match="プロンプト"):
        client.get_prompt("none")


CONTRACT = [
    {"name": "name", "type": "text"},
    {"name": "count", "type": "number", "default": 3},
    {"name": "polite", "type": "boolean", "required": False},
    {"name": "note", "type": "text", "required": False},
]
TEXTS = (
    "Hi {{ name }}, {{count}} {{  polite  }}{{note}}",
    r"\{{ name }} \\{{ name }} {{ name }} { {} } }} {{count}}",
    "{{name}}{{name}}\n日本 {{ note }}",
)
VALUES = (
    {"name": "愛子"},
    {"name": "{{ count }} \\{{ x }} \\1 \\g<0>", "count": -12, "polite": True, "note": "n"},
    {"name": "", "count": 0, "polite": False, "note": None},
)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_filled_here_is_what_the_server_fills(client, text):
    used = [entry for entry in CONTRACT if entry["name"] in text]
    names = {entry["name"] for entry in used}
    chat = [{"role": "system", "content": text}, {"role": "user", "content": "{{ name }}"}]
    client.create_prompt("text", text, syntax="mustache", variables=used, labels=["production"])
    client.create_prompt("chat", chat, syntax="mustache", variables=used, labels=["production"])
    for row in VALUES:
        values = {name: value for name, value in row.items() if name in names}
        rendered = client.render("text", values)
        assert client.get_prompt("text").compile(**values) == rendered.text
        assert client.get_prompt("chat").compile(**values) == client.render("chat", values).messages


def test_plain_texts_are_as_they_are(client):
    made = client.create_prompt("plain", "{{ name }} \\{{", labels=["production"])
    assert made.compile() == "{{ name }} \\{{" == client.render("plain").text


@pytest.mark.parametrize(
    ("content", "fields", "values", "code"),
    [
        ("{{ name | upper }}", {"syntax": "jinja", "variables": NAME}, {}, "client.needs-render"),
        ("{{> other@latest }}", {"syntax": "mustache"}, {}, "client.needs-render"),
        (
            "{{ n }}",
            {"syntax": "mustache", "variables": [{"name": "n", "type": "list"}]},
            {"n": [1]},
            "client.needs-render",
        ),
        (
            "{{ n }}",
            {"syntax": "mustache", "variables": [{"name": "n", "type": "number"}]},
            {"n": 1.5},
            "client.needs-render",
        ),
        (
            "{{ n }}",
            {"syntax": "mustache", "variables": [{"name": "n", "type": "number"}]},
            {"n": True},
            "client.wrong-type",
        ),
        (
            [{"type": "placeholder", "name": "history"}, {"role": "user", "content": "x"}],
            {},
            {},
            "client.needs-render",
        ),
        ("{{ name }}", {"syntax": "mustache", "variables": NAME}, {}, "client.missing"),
        (
            "{{ name }}",
            {"syntax": "mustache", "variables": NAME},
            {"name": "x", "nmae": "y"},
            "client.unknown",
        ),
    ],
)
def test_what_only_the_server_fills_is_said(client, content, fields, values, code):
    client.create_prompt("other", "x")
    made = client.create_prompt("prompt", content, **fields)
    with pytest.raises(CompileError) as refused:
        made.compile(**values)
    assert refused.value.code == code


def test_the_same_calls_without_blocking(front, new_key):
    key = new_key()

    async def work():
        async with AsyncAutoForge(front.url, key) as client:
            await client.create_prompt("support/reply", labels=["production"], **GREETING)
            await client.edit_prompt("support/reply", if_match="*", content="Hello {{ name }}")
            names = [item.name async for item in client.list_prompts(limit=1)]
            many = await asyncio.gather(*[client.get_prompt("support/reply") for _ in range(20)])
            rendered = await client.render("support/reply", {"name": "x"})
            with pytest.raises(NotFound):
                await client.get_prompt("none")
            return names, {prompt.version for prompt in many}, rendered.text

    assert asyncio.run(work()) == (["support/reply"], {1}, "Hi x")
    assert PromptVersion.objects.count() == 2


def test_both_clients_have_the_same_methods():
    def methods(kind):
        names = {name for name in vars(kind) if not name.startswith("_")}
        return names - {"aclose", "close"}

    assert methods(AutoForge) == methods(AsyncAutoForge)
    for name in methods(AutoForge):
        ours, theirs = getattr(AutoForge, name), getattr(AsyncAutoForge, name)
        assert (
            str(inspect.signature(ours)).partition("->")[0]
            == (str(inspect.signature(theirs)).partition("->")[0])
        )
        assert not inspect.iscoroutinefunction(ours)


def test_address_and_key_come_from_the_environment(monkeypatch, front, new_key):
    monkeypatch.setenv("AUTOFORGE_URL", f"{front.url}/api/v1/")
    monkeypatch.setenv("AUTOFORGE_API_KEY", f" {new_key('Viewer')}\n")
    with AutoForge() as client:
        assert client.me().role == "Viewer"


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("", "k", "must begin with http"),
        ("prompts.example.com", "k", "must begin with http"),
        ("https://user:secret@example.com", "k", "no user, password"),
        ("https://example.com?key=secret", "k", "no user, password"),
        ("https://example.com", "", "an API key is needed"),
        ("https://example.com", "af_secret\nX: y", "characters that no key has"),
        ("https://example.com", "af_秘密", "characters that no key has"),
    ],
)
def test_wrong_options_are_refused_without_their_secrets(monkeypatch, url, key, sentence):
    monkeypatch.delenv("AUTOFORGE_URL", raising=False)
    monkeypatch.delenv("AUTOFORGE_API_KEY", raising=False)
    with pytest.raises(ValueError, match=sentence) as refused:
        AutoForge(url, key)
    assert "secret" not in str(refused.value)


def test_the_key_is_in_no_text(front, new_key, caplog):
    caplog.set_level("DEBUG")
    key = new_key()
    client = AutoForge(front.url, key)
    errors = []
    for call in (lambda: client.get_prompt("none"), lambda: client.diff("x", 1, 2)):
        with pytest.raises(AutoForgeError) as refused:
            call()
        errors.append(refused.value)
    front.stop()
    with pytest.raises(AutoForgeError) as refused:
        client.me()
    errors.append(refused.value)
    texts = [repr(client), repr(client._http_of(os.getpid()).headers), caplog.text]
    for error in errors:
        texts += [repr(error), str(error), str(vars(error)), repr(error.__cause__)]
    assert not [text for text in texts if key in text]


def test_nothing_but_httpx_msgspec_and_python_is_imported():
    names = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])
    assert names - set(sys.stdlib_module_names) == {"autoforge_client", "httpx", "msgspec"}


def test_the_package_stays_small():
    """All lines count: blank ones, docstrings and comments too."""
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES) < 770


def test_an_id_is_no_path(client):
    for call in (client.get_run, client.cancel_run, client.wait_for_run):
        with pytest.raises(ValueError, match="UUID"):
            call("../me")
    with pytest.raises(ValueError, match="UUID"):
        list(client.list_results("../me"))
