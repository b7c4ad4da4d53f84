"""Run pip in the virtual environment: it fetches uv, and says how this machine is configured.

uv installs the rest (`launch.uv`): it takes a tenth of the time.
"""

import ast
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from launch.errors import LaunchError
from launch.terminal import Progress

__all__ = ["NO_NETWORK", "describe_failure", "fetch_uv", "read_settings"]

# What the log of pip, then of uv, holds where the index or a proxy cannot be reached at all.
NO_NETWORK: Final = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|ReadTimeoutError"
    r"|Connection refused|Network is unreachable|Temporary failure in name resolution"
    r"|Connection reset by peer|Remote end closed connection"
    r"|client error \(Connect\)|error sending request|dns error|operation timed out|tcp connect"
)
OTHER_HASH: Final = re.compile(r"DO NOT MATCH THE HASHES|Hash mismatch")
POOL: Final = re.compile(r"HTTPS?ConnectionPool\(host='([^']+)', port=(\d+)\)")  # as pip says it
ADDRESS: Final = re.compile(r"https?://[^\s`)]+")  # as uv does
PORTS: Final = {"http": 80, "https": 443}
REASON: Final = re.compile(r"(?:ERROR|^error|^  cause): (.+)$", re.MULTILINE)
SETTING: Final = re.compile(r"^([^.]+)\.([a-z-]+)=(.*)$")
# Later ones win, as pip itself reads them; sections of other commands do not concern an install.
SECTIONS: Final = ("global", "install", ":env:")
RETRIES: Final = "2"  # pip's 5 would keep somebody without network waiting for a minute


def fetch_uv(python: Path, requirements: Path, name: str, log: Path) -> None:
    """Install the uv that `requirements` pins, with its hash checked.

    Args:
        python: the virtual environment's interpreter.
        requirements: the file that pins uv alone.
        name: of the file that uv is to install afterwards, for people.
        log: where pip writes everything it does.

    Raises:
        LaunchError: pip failed.
    """
    log.write_text("", encoding="utf-8")  # pip appends
    progress = Progress("Downloading uv, which installs the packages (once)")
    arguments = ["install", "--quiet", "--require-hashes", "--no-input", "--log", str(log)]
    done = _run(python, *arguments, "-r", str(requirements))
    progress.clear()
    if done.returncode != 0:
        raise LaunchError(describe_failure("pip", name, log))


def read_settings(python: Path) -> dict[str, str]:
    """Return what pip is configured with for an install: option without dashes → its text.

    Several values of an option, such as indexes, are divided by white space.
    """
    lines = _run(python, "config", "list").stdout.splitlines()
    settings: dict[str, str] = {}
    for section in SECTIONS:
        for match in filter(None, map(SETTING.match, lines)):
            if match[1] == section:
                with suppress(SyntaxError, ValueError):  # not quoted as Python quotes: no option
                    settings[match[2]] = str(ast.literal_eval(match[3]))
    return settings


def _run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # PIP_USER, wherever it is configured, contradicts a virtual environment.
    environment = {"PIP_RETRIES": RETRIES, **os.environ, "PIP_USER": "0"}
    return subprocess.run(  # noqa: S603 (our own command)
        [str(python), "-I", "-m", "pip", "--disable-pip-version-check", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def describe_failure(tool: str, name: str, path: Path) -> str:
    """Return one sentence on why pip or uv failed.

    Args:
        tool: which of them.
        name: what it was to install, such as a requirements file.
        path: its log.
    """
    log = path.read_text(encoding="utf-8", errors="replace")
    if OTHER_HASH.search(log):
        return (
            f"A downloaded package does not match its hash in {name}, so nothing was installed. "
            f"Try again from another network or mirror; the package is named in {path}."
        )
    if NO_NETWORK.search(log):
        return (
            f"The packages of {name} could not be downloaded because {_find_host(log)} is "
            "unreachable. Check the network or the proxy, then run the command again."
        )
    reason = ": ".join(REASON.findall(log)[:2]).strip().rstrip(".")
    reason = reason[:200] or f"{tool} stopped without a reason"
    return f"{tool} could not install {name} ({reason}); the full log is in {path}."


def _find_host(log: str) -> str:
    """Return the last host that the log names: earlier ones may have answered."""
    hosts = POOL.findall(log)
    if hosts:
        return "{} (port {})".format(*hosts[-1])
    addresses = ADDRESS.findall(log)
    if not addresses:
        return "the package index"
    parts = urlsplit(addresses[-1])  # its hostname is without a user's name and password
    return f"{parts.hostname} (port {parts.port or PORTS[parts.scheme]})"
