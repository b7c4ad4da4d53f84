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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.pip import describe_failure, read_settings
from launch.terminal import Progress

__all__ = ["build_arguments", "build_environment", "install", "install_folder", "run_uv"]

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
    name = requirements.name
    total = len(PINNED.findall(requirements.read_text(encoding="utf-8")))
    title = f"Installing {name}, {total} packages (once)"
    seconds = run_uv(python, ["--require-hashes", "-r", str(requirements)], name, title, log)
    return f"Installed {name}: {total} pinned packages in {seconds:.0f} s"


def install_folder(python: Path, folder: Path, log: Path) -> str:
    """Install a package of this repository as editable, without what it needs itself.

    uv builds it alone, without a network: its build backend is uv's own.

    Args:
        python: the virtual environment's interpreter; uv is beside it.
        folder: where the package's pyproject.toml is.
        log: where uv writes what it does.

    Returns:
        What was done, for people.

    Raises:
        LaunchError: uv failed.
    """
    name = folder.name
    run_uv(python, ["--no-deps", "--editable", str(folder)], name, f"Installing {name}", log)
    return f"Installed {name} from {folder.parent.name}/{name}"


def run_uv(python: Path, arguments: Sequence[str], name: str, title: str, log: Path) -> float:
    """Run `uv pip install`, configured as pip is; return the seconds that it took.

    Args:
        python: the virtual environment's interpreter; uv is beside it.
        arguments: what is installed, and how.
        name: what a sentence on a failure calls it.
        title: what people see while it works.
        log: where uv writes what it does.

    Raises:
        LaunchError: uv failed.
    """
    progress = Progress(title)
    settings = read_settings(python)
    command = [str(python.parent / "uv"), "pip", "install", "--python", str(python)]
    command += [*build_arguments(settings), *arguments]
    environment = build_environment(settings, os.environ)
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,  # noqa: S603 (our own command)
    ):
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            progress.update()
    progress.clear()
    if process.returncode != 0:
        raise LaunchError(describe_failure("uv", name, log))
    return progress.seconds


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
