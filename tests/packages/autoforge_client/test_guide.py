"""The examples of docs/clients.md for curl and Python, run as they stand, in both languages."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autoforge_client import AutoForge

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "packages" / "autoforge-client" / "src"


@pytest.fixture
def environment(front, new_key):
    key = new_key()
    with AutoForge(front.url, key) as client:
        client.create_prompt(
            "support/reply",
            "Hello {{ name }}",
            syntax="mustache",
            variables=[{"name": "name"}],
            labels=["production"],
        )
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"AUTOFORGE_URL": front.url, "AUTOFORGE_API_KEY": key, "PYTHONPATH": path}


@pytest.mark.parametrize("page", ["clients.md", "clients.ja.md"])
def test_the_examples_of_the_guide_run(environment, page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    commands = {"bash": ["bash", "-c"], "python": [sys.executable, "-c"]}
    outputs = []
    for language, code in re.findall(r"```(bash|python)\n(.*?)```", text, re.DOTALL):
        done = subprocess.run(
            [*commands[language], code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,  # what it says is shown where it fails
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert '"content":"Hello {{ name }}"' in outputs[0]
    assert '"text":"Hello Aiko"' in outputs[1]
    assert outputs[2] == "Hello Aiko\n"
