"""The installation on this machine: settings, files, disk, static files, the port."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core import checks

from autoforge.checks import check_env_files
from autoforge.doctor.asking import ask_probe
from autoforge.doctor.findings import Finding, Options, State, fine, problem

__all__ = ["check_disk", "check_files", "check_port", "check_settings", "check_static"]

MANIFEST: Final = "staticfiles.json"
# What other checks of the doctor look at.
ELSEWHERE: Final = frozenset({"autoforge.E001", "autoforge.W001"})
OF_FILES: Final = frozenset({"autoforge.E002", "autoforge.W003"})


def check_settings(_options: Options) -> Iterator[Finding]:
    """Run Django's system checks, with ours."""
    messages = [
        message for message in checks.run_checks() if message.id not in ELSEWHERE | OF_FILES
    ]
    yield from _as_findings("settings", messages)
    if not settings.IS_LOCAL and not settings.ALLOWED_HOSTS:
        yield problem(
            "settings",
            "ALLOWED_HOSTS is empty: every request is answered with 400",
            "List the host names that people and programs use, separated by commas.",
        )
    elif not messages:
        yield fine("settings", "no contradiction")


def _as_findings(check: str, messages: list[checks.CheckMessage]) -> Iterator[Finding]:
    for message in messages:
        state = State.PROBLEM if message.level >= checks.ERROR else State.WARNING
        text = str(message.msg).rstrip(".")
        yield Finding(check=check, state=state, text=text, remedy=str(message.hint or ""))


def check_files(options: Options) -> Iterator[Finding]:
    """Look at who may read what is secret."""
    tracked = [message for message in check_env_files() if message.id == "autoforge.E002"]
    yield from _as_findings("files", tracked)
    yield ask_probe("files", "permissions", options)


def check_disk(options: Options) -> Iterator[Finding]:
    """Look at the folder of the data."""
    yield ask_probe("disk", "disk", options)


def check_static(_options: Options) -> Iterator[Finding]:
    """Look for what collectstatic writes; on a laptop files come from the sources."""
    if settings.IS_LOCAL:
        yield fine("static", "files come from the sources")
        return
    manifest = Path(settings.STATIC_ROOT) / MANIFEST
    if not manifest.is_file():
        yield problem(
            "static",
            "static files are not collected: every page fails",
            "Run `manage.py collectstatic --noinput`.",
        )
        return
    try:
        count = len(json.loads(manifest.read_text(encoding="utf-8"))["paths"])
    except (OSError, ValueError, KeyError):
        yield problem(
            "static",
            f"{MANIFEST} cannot be read: every page fails",
            "Run `manage.py collectstatic --noinput --clear`.",
        )
        return
    yield fine("static", f"{count} files are collected")


def check_port(options: Options) -> Iterator[Finding]:
    """Look whether the port is free, or a server of ours listens there."""
    host, port = settings.ENVIRONMENT.host, settings.ENVIRONMENT.port
    # What listens everywhere is asked for on this machine.
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nosec B104 (nothing binds)
    target = everywhere.get(host, host)
    try:
        with socket.create_connection((target, port), timeout=options.seconds):
            pass
    except OSError:
        yield fine("port", f"port {port} of {host} is free")
        return
    if _is_ours(target, port, options.seconds):
        yield fine("port", f"AutoForge is running on port {port} of {host}")
        return
    yield problem(
        "port",
        f"another program listens on port {port} of {host}",
        "Stop it, or set PORT to another port.",
    )


def _is_ours(host: str, port: int, seconds: float) -> bool:
    client = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        client.request("GET", "/health/live", headers={"Host": _find_host()})
        response = client.getresponse()
        return response.status == http.HTTPStatus.OK and b'"healthy"' in response.read(1000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def _find_host() -> str:
    """Return a host name that the server answers to."""
    for name in settings.ALLOWED_HOSTS:
        if name.strip("*."):
            return str(name).strip("*.")
    return "localhost"
