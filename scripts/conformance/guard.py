"""End what a run has started when the run is gone, also where it was killed (kill -9).

A process of its own, which sees the end of a run as the end of its standard input. Started by
path, with the standard library alone.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["Guard"]

PATIENCE_SECONDS = 5.0


class Guard:
    """A context: at its end, however it comes, the processes are killed and the folder removed."""

    def __init__(self, folder: Path) -> None:
        """Start the process that waits.

        Args:
            folder: to be removed at the end.
        """
        self._process = subprocess.Popen(  # noqa: S603 (this very file)
            [sys.executable, "-I", __file__, str(folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is the run's affair
        )

    def watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill this process's group at the end; it must lead a group of its own."""
        self._tell("+", process)

    def release(self, process: "subprocess.Popen[bytes]") -> None:
        """Forget a process that has ended: its number may be another's soon."""
        self._tell("-", process)

    def _tell(self, sign: str, process: "subprocess.Popen[bytes]") -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{sign}{process.pid}\n")
            self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def _wait_for_the_end(folder: Path, messages: Iterable[str]) -> None:
    groups: set[int] = set()
    for line in messages:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    for group in groups:
        _kill(group)
    shutil.rmtree(folder, ignore_errors=True)


def _kill(group: int) -> None:
    """Kill a process group, and wait until it is gone: until then it may write."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.05)


if __name__ == "__main__":
    _wait_for_the_end(Path(sys.argv[1]), sys.stdin)
