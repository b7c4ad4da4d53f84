"""Run pip in the virtual environment, show how far it is, and say in one sentence why it failed."""

import os
import queue
import re
import subprocess
import threading
from pathlib import Path

from launch.errors import LaunchError
from launch.terminal import Progress

__all__ = ["describe_failure", "install"]

# What pip's log holds where the index or a proxy cannot be reached at all.
NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|ReadTimeoutError"
    r"|Connection refused|Network is unreachable|Temporary failure in name resolution"
    r"|Connection reset by peer|Remote end closed connection"
)
HOST = re.compile(r"HTTPS?ConnectionPool\(host='([^']+)', port=(\d+)\)")
PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]*\])?==", re.MULTILINE)
RETRIES = "2"


def install(python: Path, requirements: Path, log: Path) -> str:
    """Install `requirements` with its hashes checked.

    Args:
        python: the virtual environment's interpreter.
        requirements: the file of pinned packages.
        log: where pip writes everything it does.

    Returns:
        What was done, for people.

    Raises:
        LaunchError: pip failed.
    """
    log.unlink(missing_ok=True)
    total = len(PINNED.findall(requirements.read_text(encoding="utf-8")))
    progress = Progress(f"Installing {requirements.name} (once)")
    command = [str(python), "-I", "-m", "pip", "install", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--log", str(log)]
    status = _watch([*command, "-r", str(requirements)], progress, total)
    progress.clear()
    if status != 0:
        raise LaunchError(describe_failure(_read(log), requirements.name, log))
    return f"{requirements.name} installed: {total} pinned packages, {progress.seconds:.0f} s"


def _environment() -> dict[str, str]:
    # PIP_USER, wherever it is configured, contradicts a virtual environment.
    return {"PIP_RETRIES": RETRIES, **os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}


def _watch(command: list[str], progress: Progress, total: int) -> int:
    """Run `command`, show how many packages it has come to, and return its status."""
    lines: queue.Queue[str | None] = queue.Queue()
    with subprocess.Popen(  # noqa: S603 (our own command)
        command,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        reader = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
        reader.start()
        collected, detail = 0, "starting"
        while True:
            try:
                line = lines.get(timeout=1)
            except queue.Empty:
                progress.update(detail)
                continue
            if line is None:
                break
            collected += line.startswith(("Collecting ", "Requirement already satisfied"))
            detail = _detail(line, min(collected, total), total, detail)
            progress.update(detail)
        return process.wait()


def _read_lines(process: subprocess.Popen[str], lines: "queue.Queue[str | None]") -> None:
    for line in process.stdout or ():
        lines.put(line.strip())
    lines.put(None)


def _detail(line: str, collected: int, total: int, before: str) -> str:
    if line.startswith("Installing collected"):
        return f"unpacking {total} packages"
    return f"package {collected} of {total}" if collected else before


def describe_failure(log: str, name: str, path: Path) -> str:
    """Return one sentence on why pip failed.

    Args:
        log: what pip wrote.
        name: the requirements file.
        path: where the log is.
    """
    if NO_NETWORK.search(log):
        hosts = HOST.findall(log)
        where = f"{hosts[-1][0]} (port {hosts[-1][1]})" if hosts else "the package index"
        return (
            f"The packages of {name} could not be downloaded, because {where} cannot be reached: "
            "check the network or the proxy, then run the same command again."
        )
    if "DO NOT MATCH THE HASHES" in log:
        return (
            f"A downloaded package differs from the hash in {name}, so nothing was installed: "
            f"try again from another network or mirror; {path} names the package."
        )
    errors = re.findall(r"ERROR: (.+)", log)
    reason = errors[-1].strip().rstrip(".") if errors else "pip stopped without a reason"
    return f"pip could not install {name} ({reason[:200]}): the whole log is in {path}."


def _read(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
