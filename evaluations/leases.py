"""Who works on a run: a name for this process, and whether another one still lives."""

import os
import socket
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

__all__ = ["describe_worker", "is_dead", "is_here", "worker_name"]


@lru_cache(maxsize=1)
def _host() -> str:
    # Containers of one image may share a name; what the kernel booted with tells hosts apart.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    except OSError:
        boot = ""
    return f"{socket.gethostname()[:60]}/{boot}"  # short: the column holds 200 characters in all


def _began(pid: int) -> str:
    """Return when a process began, "" where that cannot be told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # proc_pid_stat(5): field 22 is the start, in clock ticks after boot. The second field, the
    # program's name in brackets, may hold spaces and brackets itself, so count from behind it.
    return text.rpartition(")")[2].split()[19]


def worker_name() -> str:
    """Return a name for one piece of work in this process: host, process, its begin, a number."""
    pid = os.getpid()
    return f"{_host()} {pid} {_began(pid)} {uuid4().hex[:8]}"


def is_dead(name: str) -> bool:
    """Whether the process of that name is known to have ended: then its lease is nobody's."""
    parts = name.rsplit(" ", 3)  # from the right: a host's name may hold anything
    if len(parts) != 4 or parts[0] != _host() or not parts[1].isdigit():
        return False
    pid = int(parts[1])
    if not Path("/proc").is_dir():  # no way to tell a new process of the same number
        return False
    return _began(pid) != parts[2]


def is_here(name: str) -> bool:
    """Whether the process of that name is or was on this machine: in a container, in this one."""
    return name.rsplit(" ", 3)[0] == _host()


def describe_worker(name: str) -> str:
    """Return host and process of a name for people, "" for none."""
    parts = name.rsplit(" ", 3)
    if len(parts) != 4:
        return name
    host, _, _boot = parts[0].partition("/")
    return f"{host}, process {parts[1]}"
