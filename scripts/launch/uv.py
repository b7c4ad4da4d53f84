"""Install pinned packages with uv, configured as this machine's pip is.

Whoever is behind a mirror or a proxy has configured pip for it; uv does not read that, so it is
told. pip's constraints are not passed on: each package is pinned, and uv takes no constraint
without a hash. uv's own variables (UV_…) and files count besides.
"""

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from launch.errors import LaunchError
from launch.pip import describe_no_network, describe_other_hash, read_settings
from launch.terminal import Progress

__all__ = ["build_arguments", "build_environment", "describe_failure", "install"]

PINNED: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]*\])?==", re.MULTILINE)
# pip's option → uv's, which may be given once for each value.
OPTIONS: Final = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
    "no-binary": "--no-binary",
    "only-binary": "--only-binary",
}
# pip's option → the variables that uv reads, for what has no option or holds a secret.
VARIABLES: Final = {
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTPS_PROXY", "HTTP_PROXY"),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "retries": ("UV_HTTP_RETRIES",),
}
TRUE: Final = frozenset({"1", "true", "yes", "on", "y", "t"})
NO_NETWORK: Final = re.compile(
    r"client error \(Connect\)|error sending request|dns error|operation timed out|tcp connect"
)
ADDRESS: Final = re.compile(r"https?://[^\s`)]+")
REASON: Final = re.compile(r"^(?:error|  cause): (.+)$", re.MULTILINE)
PORTS: Final = {"http": 80, "https": 443}


def install(python: Path, requirements: Path, log: Path) -> str:
    """Install `requirements` with its hashes checked.

    Args:
        python: the virtual environment's interpreter; uv is beside it.
        requirements: the file of pinned packages.
        log: where uv writes what it does.

    Returns:
        What was done, for people.

    Raises:
        LaunchError: uv failed.
    """
    total = len(PINNED.findall(requirements.read_text(encoding="utf-8")))
    progress = Progress(f"Installing {requirements.name} (once)")
    settings = read_settings(python)
    command = [str(python.parent / "uv"), "pip", "install", "--python", str(python)]
    command += ["--require-hashes", *build_arguments(settings), "-r", str(requirements)]
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(  # noqa: S603 (our own command)
            command,
            env=build_environment(settings, os.environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        status = _wait(process, progress, f"{total} packages")
    progress.clear()
    if status != 0:
        written = log.read_text(encoding="utf-8", errors="replace")
        raise LaunchError(describe_failure(written, requirements.name, log))
    return f"{requirements.name} installed: {total} pinned packages, {progress.seconds:.0f} s"


def _wait(process: subprocess.Popen[bytes], progress: Progress, detail: str) -> int:
    while True:
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            progress.update(detail)


def build_arguments(settings: Mapping[str, str]) -> list[str]:
    """Return uv's options for what pip is configured with."""
    # As pip does: the pinned release from whichever index has it. Its hash says that it is right.
    arguments = ["--index-strategy", "unsafe-best-match"]
    if settings.get("no-index", "").lower() in TRUE:
        arguments.append("--no-index")
    for name, option in OPTIONS.items():
        for value in settings.get(name, "").split():
            if name != "find-links" or _is_there(value):
                arguments += [option, value]
    if settings.get("keyring-provider", "") in ("import", "subprocess"):
        arguments += ["--keyring-provider", "subprocess"]
    if _has_system_certificates():
        arguments.append("--system-certs")
    return arguments


def _is_there(link: str) -> bool:
    """Whether a place of packages is there: uv stops at a folder that is not, pip goes on."""
    return "://" in link or Path(link).exists()


def _has_system_certificates() -> bool:
    """Whether this machine says whom it trusts; companies add their own proxy there."""
    paths = ssl.get_default_verify_paths()
    return sys.platform == "darwin" or bool(paths.cafile or paths.capath)


def build_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that uv runs with: those of this process, and pip's settings."""
    environment = {"UV_HTTP_RETRIES": "2", **environ}
    for name, variables in VARIABLES.items():
        if settings.get(name):
            environment |= dict.fromkeys(variables, settings[name])
    return environment


def describe_failure(log: str, name: str, path: Path) -> str:
    """Return one sentence on why uv failed.

    Args:
        log: what uv wrote.
        name: the requirements file.
        path: where the log is.
    """
    if "Hash mismatch" in log:
        return describe_other_hash(name, path)
    if NO_NETWORK.search(log):
        return describe_no_network(name, _find_host(log))
    reasons = REASON.findall(log)
    reason = ": ".join(reasons[:2]).rstrip(".") or "uv stopped without a reason"
    return f"uv could not install {name} ({reason[:200]}): the whole log is in {path}."


def _find_host(log: str) -> str:
    addresses = ADDRESS.findall(log)
    if not addresses:
        return "the package index"
    parts = urlsplit(addresses[-1])
    return f"{parts.hostname} (port {parts.port or PORTS[parts.scheme]})"
