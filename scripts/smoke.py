"""Ask an installation whether it works: `smoke.py URL`. Standard library alone.

    --version TEXT      the version that it has to answer
    --inside            it is asked behind its proxy: as the proxy would, by plain HTTP
    --connect HOST:PORT connect there, with the URL's name: the proxy, before the world sees it
    --ca FILE           trust this authority for TLS
    --tolerate NAME     this check of /health/ready may be red (repeat it)
    --patience SECONDS  try again so long (default: 20)

It asks what a person and a program would: health, the login page and its files, the API and its
version; from outside also what must not be there. Exit status: 0 it works, 1 it does not, 2 wrong
usage.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS: Final = 10
PAUSE_SECONDS: Final = 1


class SmokeError(Exception):
    """An answer is not what it should be; `str()` says what was asked and answered."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    """The status."""
    headers: dict[str, str]
    """Names in small letters."""
    body: bytes
    """The whole body."""

    def json(self) -> Any:
        """Return the body's document.

        Raises:
            SmokeError: it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise SmokeError(f"the body is no JSON: {self.body[:80]!r}") from None


@dataclass(frozen=True, kw_only=True)
class Target:
    """An installation, and how it is reached."""

    url: str
    """https://name or http://name:port."""
    host: str
    """What is sent as Host."""
    connect: str
    """host:port to connect to; empty: the URL's."""
    inside: bool
    """Whether the request goes round the proxy."""
    tls: ssl.SSLContext
    """Whom to trust."""
    version: str
    """What has to be answered; empty: any."""
    tolerated: frozenset[str]
    """Checks of /health/ready that may be red."""

    def get(self, path: str) -> Answer:
        """Ask for a page.

        Raises:
            OSError, http.client.HTTPException: there is no answer.
        """
        connection = self._connect()
        headers = {"Host": self.host, "User-Agent": "autoforge-smoke"}
        if self.inside:
            headers["X-Forwarded-Proto"] = "https"
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=response.read(),
            )
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        name = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = split(self.connect) if self.connect else (name, port)
        if parts.scheme == "http":
            return http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)
        return Elsewhere(name, address, self.tls)


class Elsewhere(http.client.HTTPSConnection):
    """Connects to another address than the name says; TLS still checks the name."""

    def __init__(self, name: str, address: tuple[str, int], tls: ssl.SSLContext) -> None:
        """Prepare a connection."""
        super().__init__(name, timeout=TIMEOUT_SECONDS)
        self._address = address
        self._tls = tls

    def connect(self) -> None:
        """Open it."""
        plain = socket.create_connection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise


def split(address: str) -> tuple[str, int]:
    """Return host and port of host:port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def expect(*, fine: bool, problem: str) -> None:
    """Raise SmokeError with `problem` unless it is fine."""
    if not fine:
        raise SmokeError(problem)


# --- What is asked --------------------------------------------------------------------------------


def check_live(target: Target) -> str:
    """The process takes requests."""
    answer = target.get("/health/live")
    expect(fine=answer.status == 200, problem=f"answered {answer.status}")
    return "200"


def check_ready(target: Target) -> str:
    """Database, migrations and cache are well, except what is tolerated."""
    answer = target.get("/health/ready")
    checks = answer.json()["checks"]
    red = {check["name"] for check in checks if check["status"] != "healthy"}
    expect(
        fine=not red - target.tolerated,
        problem=f"answered {answer.status}, red: {', '.join(sorted(red))}",
    )
    return f"{answer.status}{', tolerated: ' + ', '.join(sorted(red)) if red else ''}"


def check_version(target: Target) -> str:
    """It is the version that was to be deployed."""
    version = str(target.get("/api/openapi.json").json()["info"]["version"])
    expect(
        fine=not target.version or version == target.version,
        problem=f"it is {version}, and {target.version} was expected",
    )
    return version


def check_login(target: Target) -> str:
    """The login page has its form and its files, which browsers may keep."""
    answer = target.get("/admin/login/")
    page = answer.body.decode(errors="replace")
    expect(fine=answer.status == 200, problem=f"answered {answer.status}")
    expect(fine="csrfmiddlewaretoken" in page, problem="the page has no form")
    style = re.search(r'href="(/static/[^"]+\.css)"', page)
    if style is None:
        raise SmokeError("the page names no style sheet")
    file = target.get(style[1])
    kind = file.headers.get("content-type", "")
    expect(
        fine=file.status == 200 and kind.startswith("text/css"),
        problem=f"{style[1]} answered {file.status} ({kind})",
    )
    return f"200, {style[1]}"


def check_api(target: Target) -> str:
    """The API answers a stranger with a problem that programs can read."""
    answer = target.get("/api/v1/prompts")
    kind = answer.headers.get("content-type", "")
    expect(
        fine=answer.status == 401 and kind.startswith("application/problem+json"),
        problem=f"answered {answer.status} ({kind}) to a request without a key",
    )
    return "401 without a key"


def check_outside(target: Target) -> str:
    """Metrics are not for everybody, and browsers are told to come by TLS alone."""
    status = target.get("/metrics").status
    expect(fine=status == 404, problem=f"/metrics answered {status} to the outside")
    header = target.get("/health/live").headers.get("strict-transport-security", "")
    expect(
        fine=target.url.startswith("http:") or "max-age=" in header,
        problem="there is no Strict-Transport-Security",
    )
    return "no metrics, HSTS"


CHECKS: Final[dict[str, Callable[[Target], str]]] = {
    "live": check_live,
    "ready": check_ready,
    "version": check_version,
    "login page and static files": check_login,
    "API": check_api,
    "from outside": check_outside,
}


def ask(target: Target, *, patience: float) -> list[str]:
    """Run every check, again while there is patience; return a sentence for each that stays red."""
    deadline = time.monotonic() + patience
    problems = []
    for name, check in CHECKS.items():
        if target.inside and check is check_outside:
            continue
        while True:
            try:
                print(f"  ✓ {name}: {check(target)}")
                break
            except (SmokeError, OSError, http.client.HTTPException, KeyError, TypeError) as error:
                if time.monotonic() < deadline:
                    time.sleep(PAUSE_SECONDS)
                    continue
                problems.append(f"{name}: {error or type(error).__name__}")
                break
    return problems


def find_host() -> str:
    """Return a host that Django serves here, as the settings of this container say."""
    sys.path.insert(0, str(ROOT))
    from autoforge.environment import load

    for host in load(os.environ, ROOT).allowed_hosts:
        if not host.startswith((".", "*")):
            return host
    return "localhost"


def main(arguments: Sequence[str]) -> int:
    """Ask; return the exit status."""
    parser = argparse.ArgumentParser(prog="smoke.py", description="Asks whether it works.")
    parser.add_argument("url")
    parser.add_argument("--version", default="")
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("--connect", default="", metavar="HOST:PORT")
    parser.add_argument("--ca", metavar="FILE")
    parser.add_argument("--tolerate", action="append", default=[], metavar="NAME")
    parser.add_argument("--patience", type=float, default=20, metavar="SECONDS")
    options = parser.parse_args(arguments)
    parts = urlsplit(options.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        parser.error(f"{options.url} is not http://host or https://host")
    with contextlib.suppress(ValueError, AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without ✓
    target = Target(
        url=options.url,
        host=find_host() if options.inside else parts.netloc,
        connect=options.connect,
        inside=options.inside,
        tls=ssl.create_default_context(cafile=options.ca or os.environ.get("SMOKE_CA")),
        version=options.version,
        tolerated=frozenset(options.tolerate),
    )
    problems = ask(target, patience=options.patience)
    for problem in problems:
        print(f"  ✗ {problem}", file=sys.stderr)
    if problems:
        print(f"{options.url} does not work as it should.", file=sys.stderr)
        return 1
    print(f"{options.url} works.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
