"""A process of its own for what is measured: nothing of the benchmark's own runs beside it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from launch.tools import BACKEND, ROOT

__all__ = ["run_worker"]


def run_worker(script: Path, kind: str, url: str, clients: int, seconds: float) -> dict[str, Any]:
    """Return what a script measured.

    Args:
        script: one of the `*_worker.py` of this folder.
        kind: which contender.
        url: the server.
        clients: how many threads or tasks ask at a time.
        seconds: for how long.

    Raises:
        RuntimeError: it failed; says why.
    """
    command = [sys.executable, str(script), kind, url, str(BACKEND), str(clients), str(seconds)]
    done = subprocess.run(  # noqa: S603 (our own)
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
