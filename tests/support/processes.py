"""Other processes, seen from outside."""

import time
from pathlib import Path

__all__ = ["wait_until_asleep"]


def wait_until_asleep(pid: int, *, seconds: float = 60) -> None:
    """Wait until a process waits for something in the kernel.

    Python looks for signals between its own steps. One that comes behind the last look and before
    the system call begins is seen only when that call ends, which may be never: a test that signals
    at once meets that moment a few times in a thousand runs.

    Raises:
        TimeoutError: it has worked all the time.
    """
    end = time.monotonic() + seconds
    before = ""
    while time.monotonic() < end:
        now = _describe_sleep(pid)
        if now and now == before:
            return
        before = now
        time.sleep(0.05)
    raise TimeoutError(f"Process {pid} did not wait for anything in {seconds:g} s.")


def _describe_sleep(pid: int) -> str:
    """Return how often a process has given up the processor; empty where it works."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    if not fields["State"].strip().startswith("S"):
        return ""
    return fields["voluntary_ctxt_switches"] + fields["nonvoluntary_ctxt_switches"]
