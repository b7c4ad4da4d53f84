"""One line for each request, with how long it took; it asks neither the session nor the database.

The path stands in it without its query: what is in a query may be a secret. Health checks and
Prometheus' requests have no line unless they fail, files that WhiteNoise serves have none either.
"""

import logging
import re
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponseBase
from django.utils.encoding import escape_uri_path
from django.utils.functional import LazyObject, empty

from autoforge.logging import structured  # noqa: F401 (configures structlog)
from autoforge.logging.filters import LOGGED, is_redis_away
from autoforge.logging.limits import limits
from autoforge.logging.secrets import current_request
from autoforge.web.client_address import find_client_address

__all__ = ["RequestLogMiddleware"]

logger = logging.getLogger("autoforge.requests")

# Whoever watches asks these every few seconds, and is told by the answer.
WATCHED: Final = ("/health/", "/metrics")
LONGEST_PATH: Final = 500  # characters
LONGEST_METHOD: Final = 20
CLIENT_ERROR: Final = 400
SERVER_ERROR: Final = 500
SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class RequestLogMiddleware:
    """Gives each request its id and its line: the outermost of ours, it sees every answer.

    The id is the caller's `X-Request-ID` if that is sane, else a new one. Every line of the
    request has it, and so has the answer.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request and log it."""
        if self._is_async:
            return self._answer_later(request)
        started = _begin(request)
        response = cast("HttpResponseBase", self.get_response(request))
        return _end(request, response, started)

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        started = _begin(request)
        response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        return _end(request, response, started)


def _begin(request: HttpRequest) -> float:
    """Return when the request began, by the monotonic clock."""
    request_id = request.META.get("HTTP_X_REQUEST_ID", "")
    if not SANE_ID.fullmatch(request_id):
        request_id = uuid.uuid4().hex
        request.META["HTTP_X_REQUEST_ID"] = request_id
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    current_request.set(request)
    request.log_notes = []  # type: ignore[attr-defined]  # filled by autoforge.logging.filters
    return time.monotonic()


def _end(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
    response["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
    try:
        _log(request, response.status_code, time.monotonic() - started)
    finally:
        current_request.set(None)
        request.log_notes = LOGGED  # type: ignore[attr-defined]  # as above
        structlog.contextvars.clear_contextvars()
    return response


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    held_back = 0
    if status < CLIENT_ERROR and request.path.startswith((*WATCHED, settings.STATIC_URL)):
        return
    if request.path.startswith(WATCHED):
        taken = limits.take((request.path[:LONGEST_PATH], status))
        if taken is None:
            return
        held_back = taken
    level = _level(status)
    if not logger.isEnabledFor(level):
        return
    error, reason = _explain(request)
    fields: dict[str, object] = {
        "method": (request.method or "")[:LONGEST_METHOD],
        "path": escape_uri_path(request.path)[:LONGEST_PATH],
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "user_id": find_user_id(request),
        "ip": find_client_address(request),
    }
    caller = getattr(request, "caller", None)  # of the API: a key, a token or a person
    if caller is not None:
        fields["caller"] = caller.identity
    if reason:
        fields["reason"] = reason
    if held_back:
        fields["held_back"] = held_back
    with structlog.contextvars.bound_contextvars(**fields):
        logger.log(
            level,
            "request_finished",
            exc_info=error,
            extra={"is_request_line": True},
        )


def _level(status: int) -> int:
    if status >= SERVER_ERROR:
        return logging.ERROR
    if status >= CLIENT_ERROR:
        return logging.WARNING
    return logging.INFO


def _explain(request: HttpRequest) -> tuple[BaseException | None, str]:
    """Return the error that ended the request, if any, and what Django says of it."""
    error = getattr(request, "log_error", None)
    if error is not None and is_redis_away(error):
        return None, f"Redis is not responding: {type(error).__name__}"
    if error is not None:
        return error, ""
    notes: list[logging.LogRecord] = getattr(request, "log_notes", None) or []
    reasons = [note.getMessage() for note in notes if note.name.startswith("django.security")]
    return None, "; ".join(reasons)[:LONGEST_PATH]


def find_user_id(request: HttpRequest) -> object:
    """Return the key of the user, where the request has asked who that is; else None."""
    user = vars(request).get("user")
    if isinstance(user, LazyObject):
        # To look at the attribute of a lazy user would load it.
        user = vars(user).get("_wrapped", empty)
    if user is empty or user is None:
        user = getattr(request, "_acached_user", None)
    key = getattr(user, "pk", None)
    if isinstance(key, int | None):
        return key
    return str(key)  # a UUID, which JSON does not know


def _remember_error(request: HttpRequest | None = None, **signal: object) -> None:
    """Keep the error that Django answers with 500, for the request's line."""
    if request is not None:
        request.log_error = sys.exc_info()[1]  # type: ignore[attr-defined]  # ours


got_request_exception.connect(_remember_error, dispatch_uid="autoforge.web.request_log")
