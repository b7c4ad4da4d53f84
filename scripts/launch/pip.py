"""Run pip in the virtual environment: it fetches uv, and says how this machine is configured.

uv installs the rest (`launch.uv`): it takes a tenth of the time.
"""

import ast
import os
import re
import subprocess
from pathlib import Path

from launch.errors import LaunchError
from launch.terminal import Progress

__all__ = [
    "NO_NETWORK",
    "describe_failure",
    "describe_no_network",
    "describe_other_hash",
    "fetch_uv",
    "read_settings",
]

# What pip's log holds where the index or a proxy cannot be reached at all.
NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|ReadTimeoutError"
    r"|Connection refused|Network is unreachable|Temporary failure in name resolution"
    r"|Connection reset by peer|Remote end closed connection"
)
HOST = re.compile(r"HTTPS?ConnectionPool\(host='([^']+)', port=(\d+)\)")
SETTING = re.compile(r"^([^.]+)\.([a-z-]+)=(.*)$")
# Later ones win, as pip itself reads them; sections of other commands do not concern an install.
SECTIONS = ("global", "install", ":env:")
RETRIES = "2"


def fetch_uv(python: Path, requirements: Path, asked: str, log: Path) -> None:
    """Install the uv that `requirements` pins, with its hash checked.

    Args:
        python: the virtual environment's interpreter.
        requirements: the file that pins uv alone.
        asked: the name of the file that uv is to install afterwards, for people.
        log: where pip writes everything it does.

    Raises:
        LaunchError: pip failed.
    """
    log.unlink(missing_ok=True)
    progress = Progress("Fetching uv, which installs the packages (once)")
    arguments = ["install", "--quiet", "--require-hashes", "--no-input", "--log", str(log)]
    done = _run(python, *arguments, "-r", str(requirements))
    progress.clear()
    if done.returncode != 0:
        raise LaunchError(describe_failure(_read(log), asked, log))


def read_settings(python: Path) -> dict[str, str]:
    """Return what pip is configured with for an install: option without dashes → its text.

    Several values of an option, such as indexes, are divided by white space.
    """
    settings: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in _run(python, "config", "list").stdout.splitlines():
        match = SETTING.match(line)
        if match is None or match[1] not in SECTIONS:
            continue
        try:
            settings[match[1]][match[2]] = str(ast.literal_eval(match[3]))
        except (SyntaxError, ValueError):
            continue
    merged: dict[str, str] = {}
    for section in SECTIONS:
        merged |= settings[section]
    return merged


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
        return describe_no_network(name, where)
    if "DO NOT MATCH THE HASHES" in log:
        return describe_other_hash(name, path)
    errors = re.findall(r"ERROR: (.+)", log)
    reason = errors[-1].strip().rstrip(".") if errors else "pip stopped without a reason"
    return f"pip could not install {name} ({reason[:200]}): the whole log is in {path}."


def describe_no_network(name: str, where: str) -> str:
    """Return the sentence for an index, `where`, that does not answer."""
    return (
        f"The packages of {name} could not be downloaded, because {where} cannot be reached: "
        "check the network or the proxy, then run the same command again."
    )


def describe_other_hash(name: str, path: Path) -> str:
    """Return the sentence for a package that is not the one that was pinned; `path`: the log."""
    return (
        f"A downloaded package differs from the hash in {name}, so nothing was installed: "
        f"try again from another network or mirror; {path} names the package."
    )


def _read(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
