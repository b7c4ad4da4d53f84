"""From a record of the log to an event: what failed and where, and nothing else.

Source: https://develop.sentry.dev/sdk/data-model/event-payloads/. Never among it: local variables,
bodies, headers, cookies, queries, addresses of clients, users, the environment. What an exception
says is masked as in the log.
"""

import logging
import platform
import sys
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from django.http import HttpRequest

from autoforge import __version__
from autoforge.logging.secrets import (
    current_request,
    hide_text,
    hide_values,
    list_request_secrets,
)
from autoforge.tracing.context import TraceContext, current

__all__ = ["build_event"]

LONGEST_TEXT: Final = 2000  # characters of what an exception says
MOST_FRAMES: Final = 100
MOST_CAUSES: Final = 10
ROOT: Final = Path(__file__).resolve().parents[2]
# What stands in a folder of libraries is not ours, also where that is inside of our own.
LIBRARIES: Final = ("site-packages", "dist-packages")
OURS: Final = ("autoforge", "core", "django_hrana", "evaluations", "prompts")


def build_event(record: logging.LogRecord, *, environment: str, server: str) -> dict[str, Any]:
    """Return an event as JSON documents are made of.

    Args:
        record: of the log, with the error.
        environment: local, staging or production.
        server: name of the machine.
    """
    request = current_request.get()
    secrets = list_request_secrets(request) if isinstance(request, HttpRequest) else []

    def hide(text: str) -> str:
        text = hide_values(hide_text(text), secrets)
        return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"

    event: dict[str, Any] = {
        "event_id": uuid.uuid4().hex,
        "timestamp": record.created or time.time(),
        "platform": "python",
        "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
        "logger": record.name,
        "release": f"autoforge@{__version__}",
        "environment": environment,
        "server_name": server,
        "contexts": {
            "runtime": {"name": platform.python_implementation(), "version": _python_version()},
            **_list_trace(request),
        },
        "tags": {},
        "logentry": {"formatted": hide(_read_message(record))},
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        event["exception"] = {"values": [_build_exception(part, hide) for part in _chain(error)]}
    if isinstance(request, HttpRequest):
        _add_request(event, request)
    return event


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _read_message(record: logging.LogRecord) -> str:
    """Return what was logged; arguments that cannot be written are left out."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (whatever an argument does when it is written)
        return str(record.msg)


def _list_trace(request: object) -> dict[str, Any]:
    """Return the trace of the request, where it is traced: the error then shows beside it."""
    context: TraceContext | None = getattr(request, "trace_context", None) or current.get()
    if context is None:
        return {}
    return {"trace": {"trace_id": context.trace_id.hex(), "span_id": context.span_id.hex()}}


def _add_request(event: dict[str, Any], request: HttpRequest) -> None:
    match = request.resolver_match
    if match is not None:
        event["transaction"] = match.view_name
        event["tags"]["route"] = match.route
    event["tags"]["request_id"] = request.META.get("HTTP_X_REQUEST_ID", "")
    # Of the address, the method alone: a path holds names that people have given.
    event["request"] = {"method": (request.method or "")[:20]}


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it came from, the first cause first, as Sentry orders them."""
    errors = [error]
    while len(errors) < MOST_CAUSES:
        last = errors[-1]
        cause = last.__cause__
        if cause is None and not last.__suppress_context__:
            cause = last.__context__
        if cause is None or any(cause is seen for seen in errors):
            break
        errors.append(cause)
    return errors[::-1]


def _build_exception(error: BaseException, hide: Any) -> dict[str, Any]:
    kind = type(error)
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "value": hide(_write(error)),
        "stacktrace": {"frames": list(_list_frames(error.__traceback__))},
        "mechanism": {"type": "logging", "handled": False},
    }


def _write(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 (an error whose text fails is told by its class)
        return ""


def _list_frames(trace: TracebackType | None) -> Iterator[dict[str, Any]]:
    """Yield the frames from the outermost on: file, function and line, and the line itself."""
    for frame in traceback.extract_tb(trace)[-MOST_FRAMES:]:
        path = Path(frame.filename)
        is_library = any(part in LIBRARIES for part in path.parts)
        shown = path.as_posix()
        if not is_library and path.is_relative_to(ROOT):
            shown = path.relative_to(ROOT).as_posix()
        yield {
            "filename": _shorten(shown),
            "function": frame.name,
            "lineno": frame.lineno,
            # The source is in the repository: no value stands in it.
            "context_line": hide_text(frame.line or ""),
            "in_app": not is_library and shown.partition("/")[0] in OURS,
        }


def _shorten(path: str) -> str:
    """Return a path without where this machine keeps its libraries: home folders have names."""
    for folder in LIBRARIES:
        _, found, rest = path.rpartition(f"/{folder}/")
        if found:
            return rest
    return path if not path.startswith("/") else "/".join(path.split("/")[-2:])
