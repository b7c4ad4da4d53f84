"""The guide "Use it in code", in both languages: its examples are run as they are shown.

The examples of a section are one program. Only what everybody replaces is replaced: the address,
the key, the ID of the suite. The folder with npm's packages is in the argument.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from running import check, run

from autoforge_client import AutoForge

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("clients.md", "clients.ja.md")
FOLDER = Path(sys.argv[1])
URL = os.environ["AUTOFORGE_URL"]
KEY = os.environ["AUTOFORGE_API_KEY"]
BLOCK = re.compile(r"^( *)```(bash|python|py|ts|json)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
STRICT = ("--strict", "--target", "ES2022", "--module", "ES2022", "--lib", "ES2022,DOM")


def prepare() -> str:
    """Make what the examples use; return the ID of the suite."""
    with AutoForge() as client:
        client.create_prompt(
            "support/reply",
            "Hello {{ name }}",
            syntax="mustache",
            variables=[{"name": "name", "default": "you"}],
            config={"provider": "echo", "model": "echo"},
            status="active",
            labels=["production"],
        )
        suite = client.request("POST", "suites", json={"name": "Replies"}).json()
        case = {"name": "a", "assertions": [{"type": "contains", "value": "Bye"}]}
        client.request("POST", f"suites/{suite['id']}/cases", json=case)
    return str(suite["id"])


def read_programs(page: str, suite_id: str) -> dict[str, tuple[str, str]]:
    """Return section → language and program."""
    programs = {}
    text = (DOCS / page).read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        blocks = BLOCK.findall(section)
        if blocks:
            code = "\n".join(textwrap.dedent(block) for _indent, _language, block in blocks)
            code = code.replace("https://prompts.example.com", URL).replace("af_…", KEY)
            language = blocks[0][1].replace("python", "py")
            programs[section.partition("\n")[0]] = (language, code.replace('"…"', f'"{suite_id}"'))
    return programs


def execute(*command: str, folder: Path = FOLDER) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 (our own examples)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_typescript(code: str) -> str:
    """Check the types, then run what was compiled."""
    source = FOLDER / "guide.ts"
    source.write_text(code, encoding="utf-8")
    compiler = FOLDER / "node_modules" / ".bin" / "tsc"
    execute(str(compiler), *STRICT, "--moduleResolution", "bundler", "--types", "", source.name)
    return execute("node", "guide.js")


def run_mcp(code: str) -> str:
    """Connect as an assistant does that is configured like this."""
    [server] = json.loads(code)["mcpServers"].values()
    assert server["type"] == "http"

    async def work() -> str:
        http = httpx2.AsyncClient(headers=server["headers"])
        client = Client(streamable_http_client(server["url"], http_client=http))
        async with http, client:
            prompt = await client.get_prompt("support/reply", {"name": "Aiko"})
        return str(prompt.messages[0].content.text)

    return anyio.run(work)


RUNNERS: dict[str, Callable[[str], str]] = {
    "bash": lambda code: execute("bash", "-ec", code),
    "py": lambda code: execute(sys.executable, "-c", code),
    "ts": run_typescript,
    "json": run_mcp,
}
EXPECTED = ("bash", "py", "ts", "py", "py", "json")


def add(page: str, section: str, language: str, code: str) -> None:
    """Let the examples of a section be a check."""

    def work() -> None:
        output = RUNNERS[language](code)
        assert "Hello Aiko" in output, output

    work.__name__ = f"{page}: {section}"
    check(work)


suite_id = prepare()
for page in PAGES:
    programs = read_programs(page, suite_id)
    assert tuple(language for language, _code in programs.values()) == EXPECTED, programs.keys()
    for section, (language, code) in programs.items():
        add(page, section, language, code)

run()
