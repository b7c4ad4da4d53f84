"""A new server asks itself, before it takes a request, whether it could answer one.

It asks by the same road as everybody else: middleware, URLs, probes. What that loads, the first
request need not wait for.
"""

import io
import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.conf import settings

__all__ = ["wait_until_ready"]

PATH: Final = "/health/ready"
# A database that is being restarted, or a migration that ends soon. Below gunicorn's own patience
# with a worker that says nothing (`timeout` in gunicorn.conf.py).
PATIENCE_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 1.1  # an answer is good for a second

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def wait_until_ready(application: Application, seconds: float = PATIENCE_SECONDS) -> str:
    """Return why an application cannot serve, "" as soon as it can.

    Args:
        application: what a server would call.
        seconds: how long it may take.
    """
    deadline = time.monotonic() + seconds
    while True:
        problem = _ask(application)
        if not problem or time.monotonic() >= deadline:
            return problem
        time.sleep(PAUSE_SECONDS)


def _ask(application: Application) -> str:
    statuses: list[str] = []

    def start_response(status: str, _headers: object, _error: object = None) -> None:
        statuses.append(status)

    parts = application(_build_environment(), start_response)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    if statuses[-1].startswith("200 "):
        return ""
    return f"{PATH} answered {statuses[-1]}{_name_unhealthy(body)}"


def _name_unhealthy(body: bytes) -> str:
    try:
        checks = json.loads(body)["checks"]
        names = [check["name"] for check in checks if check["status"] != "healthy"]
    except (ValueError, KeyError, TypeError):
        return ""  # a page of errors
    return f" (unhealthy: {', '.join(names)}; manage.py check_health says why)"


def _build_environment() -> dict[str, Any]:
    """Return a request as a server would hand it over (PEP 3333)."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": _find_host(),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _find_host() -> str:
    """Return a host that is served: the first allowed one that is no pattern."""
    for host in settings.ALLOWED_HOSTS:
        if not host.startswith((".", "*")):
            return str(host)
    return "localhost"
