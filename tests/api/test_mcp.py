"""MCP: both revisions, prompts with arguments, tools by the caller's rights, HTTP and stdio."""

import base64
import io
import json
import sys
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client

from autoforge.background import wait_until_idle
from core.access import services as keys
from evaluations.models import Run
from evaluations.services.suites import create_case, create_suite
from prompts import services

pytestmark = pytest.mark.django_db
MODERN = {"Mcp-Protocol-Version": "2026-07-28"}


@pytest.fixture(autouse=True)
def roles(db):
    """Have the roles, which tests that empty the tables leave behind without permissions."""
    if not Group.objects.filter(name="Viewer", permissions__isnull=False).exists():
        call_command("sync_roles", verbosity=0)


class Assistant:
    """Sends one JSON-RPC message after the other."""

    def __init__(self, role: str, **headers: str) -> None:
        self.key = keys.create_key(name=f"mcp {role}", role=role, requests_per_minute=0).text
        self.client = Client(headers={"Authorization": f"Bearer {self.key}", **headers})

    def post(self, message: object, **headers: str):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.client.post(
            "/mcp", data=body, content_type="application/json", headers=headers or None
        )

    def call(self, method: str, params: object = None, **headers: str) -> dict:
        message = {"jsonrpc": "2.0", "id": 7, "method": method}
        if params is not None:
            message["params"] = params
        body = self.post(message, **headers).json()
        assert (body["jsonrpc"], body["id"]) == ("2.0", 7)
        return body

    def result(self, method: str, params: object = None) -> dict:
        return self.call(method, params)["result"]

    def tool(self, tool: str, /, **arguments: object) -> dict:
        return self.result("tools/call", {"name": tool, "arguments": arguments})


@pytest.fixture
def editor(db):
    services.create_prompt(
        title="Reply",
        name="support/reply",
        content="Hi {{ name }}, {{ count }} left",
        syntax="mustache",
        variables=[
            {"name": "name", "type": "text", "description": "Who reads it."},
            {"name": "count", "type": "number", "required": False, "default": 3},
        ],
        description="For customers.",
    )
    return Assistant("Editor")


def test_the_revision_of_2026_needs_no_handshake(editor):
    body = editor.call("server/discover", {}, **MODERN)["result"]
    assert body["resultType"] == "complete"
    assert body["supportedVersions"] == ["2026-07-28"]
    assert set(body["capabilities"]) == {"prompts", "tools"}
    assert body["serverInfo"]["name"] == "autoforge"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("2025-11-25", "2025-11-25"), ("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-11-25")],
)
def test_older_clients_shake_hands(editor, asked, answered):
    body = editor.result("initialize", {"protocolVersion": asked, "capabilities": {}})
    assert body["protocolVersion"] == answered
    assert "resultType" not in body
    note = editor.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (note.status_code, note.content) == (202, b"")
    assert editor.result("ping") == {}


def test_prompts_are_listed_with_the_arguments_of_their_contract(editor):
    [prompt] = editor.result("prompts/list")["prompts"]
    assert prompt == {
        "name": "support/reply",
        "title": "Reply",
        "description": "For customers.",
        "arguments": [
            {"name": "name", "description": "Who reads it.", "required": True},
            {"name": "count", "description": "(number, as JSON)", "required": False},
        ],
    }


def test_lists_go_on_by_cursor(editor):
    for number in range(60):
        services.create_prompt(title=f"Prompt {number:02}", content="x")
    first = editor.result("prompts/list")
    assert len(first["prompts"]) == 50
    rest = editor.result("prompts/list", {"cursor": first["nextCursor"]})
    assert len(rest["prompts"]) == 11
    assert "nextCursor" not in rest
    error = editor.call("prompts/list", {"cursor": "x"})["error"]
    assert (error["code"], error["data"]) == (-32602, {"code": "api.cursor"})


def test_a_prompt_is_filled_with_texts(editor):
    [row] = editor.result("prompts/list")["prompts"]
    text = {"type": "text", "text": "Hi 愛子, 5 left"}
    body = editor.result(
        "prompts/get", {"name": row["name"], "arguments": {"name": "愛子", "count": "5"}}
    )
    assert body == {"description": "Reply", "messages": [{"role": "user", "content": text}]}


def test_production_goes_before_the_newest(editor):
    from prompts.models import Prompt

    key = Prompt.objects.get().pk
    services.move_label(prompt_id=key, label="production", number=1)
    services.edit_prompt(prompt_id=key, content="New {{ name }}, {{ count }}")

    def text(name: str) -> str:
        body = editor.result("prompts/get", {"name": name, "arguments": {"name": "A"}})
        return body["messages"][0]["content"]["text"]

    assert text("support/reply") == "Hi A, 3 left"
    assert text("support/reply@latest") == text("support/reply:2") == "New A, 3"
    assert editor.result("prompts/list")["prompts"][0]["name"] == "support/reply"


def test_chats_have_two_roles_and_placeholders(editor):
    image = "data:image/png;base64,iVBORw0KGgo="
    entries = [
        {"role": "system", "content": "Be kind."},
        {"type": "placeholder", "name": "history"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image", "url": image},
                {"type": "image", "url": "https://example.com/a.png"},
            ],
        },
    ]
    services.create_prompt(title="Chat", name="chat", kind="chat", content=json.dumps(entries))
    history = json.dumps([{"role": "assistant", "content": "Before"}])
    body = editor.result("prompts/get", {"name": "chat", "arguments": {"history": history}})
    assert [(m["role"], m["content"]["type"]) for m in body["messages"]] == [
        ("user", "text"),
        ("assistant", "text"),
        ("user", "text"),
        ("user", "image"),
        ("user", "resource_link"),
    ]
    wrong = editor.call("prompts/get", {"name": "chat", "arguments": {"history": "[{"}})
    assert "list of messages" in wrong["error"]["message"]


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"name": "none"}, "there is no prompt"),
        ({"name": "support/reply"}, "needs a value"),
        ({"name": "support/reply", "arguments": {"name": "x", "nmae": "y"}}, "unknown variable"),
        ({"name": "support/reply", "arguments": {"name": "x", "count": "many"}}, "number"),
        ({"name": "support/reply", "arguments": {"name": 5}}, "strings"),
        ({"name": 5}, "name must be a string"),
        ([], "params must be an object"),
    ],
)
def test_wrong_arguments_are_told_in_the_products_own_sentence(editor, params, part):
    error = editor.call("prompts/get", params)["error"]
    assert error["code"] == -32602
    assert part in error["message"]


def test_tools_are_the_callers_own(editor):
    viewer = Assistant("Viewer")
    names = [tool["name"] for tool in viewer.result("tools/list")["tools"]]
    assert "render_prompt" in names
    assert "move_label" not in names
    offered = {tool["name"]: tool for tool in editor.result("tools/list")["tools"]}
    assert offered["move_label"]["annotations"]["readOnlyHint"] is False
    assert offered["search_prompts"]["inputSchema"]["properties"]["limit"]["maximum"] == 50
    refused = viewer.tool("move_label", name="support/reply", label="beta", version=1)
    assert refused["isError"] is True
    assert "prompts.move_label" in refused["content"][0]["text"]


def test_tools_do_what_the_api_does(editor):
    found = editor.tool("search_prompts", search="left")["structuredContent"]
    assert [item["name"] for item in found["items"]] == ["support/reply"]
    read = editor.tool("read_prompt", name="support/reply")
    assert read["structuredContent"]["version"] == 1
    assert json.loads(read["content"][0]["text"]) == read["structuredContent"]
    rendered = editor.tool("render_prompt", name="support/reply", variables={"name": "A"})
    assert rendered["structuredContent"]["text"] == "Hi A, 3 left"
    from prompts.models import Prompt

    services.edit_prompt(prompt_id=Prompt.objects.get().pk, content="Hi {{ name }}: {{ count }}")
    diff = editor.tool("diff_versions", name="support/reply", before=1, after=2)
    assert diff["structuredContent"]["diff"] == (
        "- Hi {{ name }}, {{ count }} left\n+ Hi {{ name }}: {{ count }}"
    )
    moved = editor.tool("move_label", name="support/reply", label="beta", version=2)
    assert moved["structuredContent"]["version"] == 2


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("search_prompts", {"limit": 500}, "limit"),
        ("search_prompts", {"serch": "x"}, "serch"),
        ("read_prompt", {}, "name is required"),
        ("read_prompt", {"name": "none"}, "there is no prompt"),
        ("render_prompt", {"name": "support/reply"}, "needs a value"),
        ("move_label", {"name": "support/reply", "label": "latest", "version": 1}, "latest"),
    ],
)
def test_what_a_tool_refuses_the_model_can_mend(editor, name, arguments, part):
    result = editor.tool(name, **arguments)
    assert result["isError"] is True
    assert part in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        ([], -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1}, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "nothing"}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}, -32602),
        (
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": []}},
            -32602,
        ),
    ],
)
def test_what_is_no_message_gets_the_error_of_json_rpc(editor, message, code):
    answer = editor.post(message, **MODERN)
    assert answer.json()["error"]["code"] == code
    assert answer.status_code == (404 if code == -32601 else 400)


def test_headers_name_what_the_message_does(editor):
    name = "=?base64?" + base64.b64encode("支援".encode()).decode() + "?="
    services.create_prompt(title="支援", name="支援", content="x")
    params = {"name": "支援"}
    assert "result" in editor.call("prompts/get", params, **MODERN, **{"Mcp-Name": name})
    wrong = {"Mcp-Method": "ping"}
    assert editor.call("prompts/list", {}, **MODERN, **wrong)["error"]["code"] == -32020
    wrong = {"Mcp-Name": "other"}
    assert editor.call("prompts/get", params, **MODERN, **wrong)["error"]["code"] == -32020
    answer = editor.post({}, **{"Mcp-Name": "=?base64?x?="})
    assert answer.status_code == 400
    error = editor.call("ping", {}, **{"Mcp-Protocol-Version": "2030-01-01"})["error"]
    assert (error["code"], error["data"]["requested"]) == (-32022, "2030-01-01")


def test_only_known_callers_and_sites_get_in(editor, settings):
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answer = Client().post("/mcp", data=ping, content_type="application/json")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert editor.client.get("/mcp").status_code == 405
    assert editor.post(ping, Origin="https://evil.example").status_code == 403
    assert editor.post(ping, Origin="http://testserver").status_code == 200
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    assert editor.post(ping, Origin="https://app.example").status_code == 200


@pytest.fixture
def one_connection(monkeypatch):
    """Let the command keep the connection, whose transaction is the test's."""
    monkeypatch.setattr("autoforge.management.commands.mcp.close_old_connections", lambda: None)


@pytest.mark.usefixtures("one_connection")
def test_the_command_speaks_over_stdio(editor, monkeypatch):
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "prompts/list"},
    ]
    text = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\n"
    out = io.BytesIO()
    monkeypatch.setenv("AUTOFORGE_API_KEY", editor.key)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    stdout = sys.stdout
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out, write=stdout.write))
    call_command("mcp")
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["prompts"][0]["name"] == "support/reply"


@pytest.mark.parametrize("key", ["", "af_wrong", "nonsense"])
def test_the_command_needs_a_key(db, monkeypatch, key):
    monkeypatch.setenv("AUTOFORGE_API_KEY", key)
    with pytest.raises(CommandError, match="AUTOFORGE_API_KEY") as refusal:
        call_command("mcp")
    assert refusal.value.returncode == 2


@pytest.mark.usefixtures("one_connection")
def test_a_key_that_is_revoked_ends_the_command(editor, monkeypatch):
    from core.access.models import ApiKey

    class Lines:
        def __init__(self) -> None:
            self.calls = 0

        def readline(self, _limit: int) -> bytes:
            keys.revoke_key(key_id=ApiKey.objects.get().pk)
            return b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'

    monkeypatch.setenv("AUTOFORGE_API_KEY", editor.key)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Lines()))
    with pytest.raises(CommandError, match="revoked"):
        call_command("mcp")


@pytest.fixture
def suite(editor):
    made = create_suite(name="Suite")
    create_case(
        suite_id=made.pk,
        name="Aiko",
        variables={"name": "Aiko"},
        assertions=[{"type": "contains", "value": "Aiko"}],
    )
    return made


@pytest.mark.django_db(transaction=True)  # a run works in threads of its own
def test_a_run_is_estimated_started_and_read(editor, suite):
    chosen = {"suite_id": str(suite.pk), "prompts": ["support/reply"], "models": ["echo"]}
    estimate = editor.tool("estimate_run", **chosen)
    assert estimate["isError"] is False, estimate
    assert estimate["structuredContent"]["estimate"]["calls"] == 1
    assert not Run.objects.exists()
    started = editor.tool("start_run", **chosen)["structuredContent"]
    run = Run.objects.get()
    assert started["id"] == str(run.pk)
    wait_until_idle(60)
    read = editor.tool("read_run", run_id=str(run.pk))["structuredContent"]
    assert read["status"] == "completed"
    listed = editor.tool("list_answers", run_id=str(run.pk))["structuredContent"]
    assert [item["state"] for item in listed["items"]] == ["pass"]
    assert editor.tool("list_answers", run_id=str(run.pk), state="fail")["structuredContent"] == {
        "items": [],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"models": ["nobody:nothing"]}, "models"),
        ({"prompts": ["none"]}, "there is no prompt"),
        ({"suite_id": "x"}, "suite_id"),
        ({"models": []}, "models"),
    ],
)
def test_a_run_that_cannot_be_is_refused(editor, suite, changes, part):
    chosen = {"suite_id": str(suite.pk), "prompts": ["support/reply"], "models": ["echo"]}
    result = editor.tool("start_run", **(chosen | changes))
    assert result["isError"] is True
    assert part in result["content"][0]["text"]
    assert not Run.objects.exists()


def test_viewers_start_no_runs(suite):
    viewer = Assistant("Viewer")
    names = [tool["name"] for tool in viewer.result("tools/list")["tools"]]
    assert "read_run" in names
    assert "start_run" not in names
