"""MCP over HTTP: POST /mcp, one message each; there is no stream to open and no session."""

import base64
import binascii
import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from autoforge.api.mcp.protocol import answer
from core.api.controllers import CHALLENGE, caller_of, empty
from core.api.foreign import foreign
from core.api.problems import ForbiddenError, Problem, RequestError, send_problem

__all__ = ["mcp"]

HEADERS: Final = {
    "version": "Mcp-Protocol-Version",
    "method": "Mcp-Method",
    "name": "Mcp-Name",
}

ENCODED: Final = re.compile(r"=\?base64\?([A-Za-z0-9+/=]*)\?=")


def say(problem: Problem) -> HttpResponse:
    """Return a problem of HTTP: the message itself was not read."""
    headers = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    return send_problem(problem, headers)


@foreign(say=say, permission="", methods=("POST",))
def mcp(request: HttpRequest) -> HttpResponse:
    """Answer one message."""
    _check_origin(request)
    headers = {}
    for key, name in HEADERS.items():
        headers[key] = _decode(request.headers.get(name, ""))
    reply = answer(request.body, caller_of(request), headers)
    if reply.body is None:
        return empty(reply.status)
    return HttpResponse(reply.body, status=reply.status, content_type="application/json")


def _decode(value: str) -> str:
    """Return a header's text: what is not ASCII comes as `=?base64?…?=`.

    Raises:
        RequestError: it is said to be Base64 and is not.
    """
    match = ENCODED.fullmatch(value)
    if match is None:
        return value
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, ValueError):
        raise RequestError("mcp.header") from None


def _check_origin(request: HttpRequest) -> None:
    """Refuse browsers of other sites: a page that somebody opens must not speak in their name.

    Raises:
        ForbiddenError: the page is of another site than those of CORS_ORIGINS and this one.
    """
    origin = request.headers.get("Origin", "")
    if not origin or settings.CORS_ALLOW_ALL_ORIGINS:
        return
    if origin in settings.CORS_ALLOWED_ORIGINS or urlsplit(origin).netloc == request.get_host():
        return
    raise ForbiddenError("mcp.origin")
