"""Run development tools in an environment that the machine's configuration cannot change."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autoforge.environment import VARIABLES

__all__ = ["BACKEND", "BIN", "ROOT", "run", "tool_environment"]

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.prefix) / "bin"
BACKEND = ROOT / "packages" / "django-hrana" / "src"


def tool_environment() -> dict[str, str]:
    """Return the process's variables without those of AutoForge, which get their defaults.

    Whatever `.env.local` says, checks and tests give the same answer, and no tool opens or makes
    the database under `data/`.
    """
    environment = dict(os.environ)
    for variable in VARIABLES:
        for name in (variable.name, variable.alias, f"{variable.name}_FILE"):
            environment.pop(name, None)
    return environment | {
        "DATABASE_URL": "sqlite://:memory:",
        "ENV_FILE": str(ROOT / "tests" / "test.env"),
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",  # what a tool says appears while it works
    }


def run(
    command: Sequence[str], *, capture: bool = False, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one of our tools in the project's folder; return its status, and its output if asked.

    Args:
        command: name of the tool, and its arguments.
        capture: return the output instead of showing it.
        more: variables of the environment.
    """
    output, errors = None, None  # the terminal's
    if capture:
        output, errors = subprocess.PIPE, subprocess.STDOUT
    return subprocess.run(  # noqa: S603 (the commands are our own)
        [str(BIN / command[0]), *command[1:]],
        cwd=ROOT,
        env=tool_environment() | more,
        stdout=output,
        stderr=errors,
        text=True,
        errors="replace",
        check=False,
    )
