"""The reference client of MCP: over HTTP in both revisions, over stdio."""

import json
import os

import anyio
import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from running import check, run

URL = os.environ["AUTOFORGE_URL"] + "/mcp"
KEY = os.environ["AUTOFORGE_API_KEY"]


async def use(client: Client) -> None:
    """Use prompts and tools."""
    async with client:
        prompts = (await client.list_prompts()).prompts
        [prompt] = [prompt for prompt in prompts if prompt.name == "support/返信"]
        assert [argument.name for argument in prompt.arguments] == ["name"]
        got = await client.get_prompt("support/返信", {"name": "愛子"})
        assert [message.content.text for message in got.messages] == ["Hi 愛子"]
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"search_prompts", "render_prompt", "move_label"} <= names
        result = await client.call_tool(
            "render_prompt", {"name": "support/返信", "variables": {"name": "x"}}
        )
        assert not result.is_error
        assert result.structured_content["text"] == "Hi x"
        try:
            await client.get_prompt("support/返信", {})
        except Exception as error:  # noqa: BLE001 (its class differs between releases)
            assert "needs a value" in str(error), error
        else:
            raise AssertionError


def over_http(mode: str) -> None:
    async def work() -> None:
        http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"})
        async with http:
            await use(Client(streamable_http_client(URL, http_client=http), mode=mode))

    anyio.run(work)


@check
def a_prompt_is_there() -> None:
    from autoforge_client import AutoForge

    with AutoForge() as client:
        client.create_prompt(
            "support/返信",
            "Hi {{ name }}",
            syntax="mustache",
            variables=[{"name": "name", "type": "text"}],
            labels=["production"],
        )


@check
def over_http_by_itself() -> None:
    over_http("auto")


@check
def over_http_with_a_handshake() -> None:
    over_http("legacy")


@check
def over_http_in_the_revision_of_2026() -> None:
    over_http("2026-07-28")


@check
def over_stdio() -> None:
    command, script = json.loads(os.environ["MANAGE"])
    environment = json.loads(os.environ["MANAGE_ENVIRONMENT"])
    environment["AUTOFORGE_API_KEY"] = KEY
    parameters = StdioServerParameters(command=command, args=[script, "mcp"], env=environment)

    async def work() -> None:
        await use(Client(stdio_client(parameters)))

    anyio.run(work)


run()
