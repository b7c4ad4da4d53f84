"""`/metrics`: who may ask, and the answer.

With METRICS_TOKEN, whoever carries it is answered, and nobody else. Without it the page is there in
local alone, for a client on this machine that asks directly. That a request comes from this machine
proves little where a proxy runs beside the server: such a proxy may forward without any header that
shows it. So loopback is never enough in staging and production, and where the page is there without
a token, any sign of a proxy closes it.
"""

import hmac
import ipaddress
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from autoforge.metrics.exposition import CONTENT_TYPE, write_metrics

__all__ = ["PATH", "has_token", "metrics"]

PATH: Final = "/metrics"
# What proxies write of a request that they forward (RFC 7239, RFC 9110 7.6.3, and older habits).
FORWARDED: Final = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)
NO_CACHE: Final = "no-store"


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer 200 with the numbers; 401 without the right token, 404 where nobody may ask."""
    if settings.METRICS_TOKEN:
        if not has_token(request.META.get("HTTP_AUTHORIZATION", "")):
            return _refuse(HTTPStatus.UNAUTHORIZED, "A token is required: METRICS_TOKEN.\n")
    elif not (settings.IS_LOCAL and _is_direct(request)):
        return _refuse(HTTPStatus.NOT_FOUND, "Not found.\n")
    if request.method not in {"GET", "HEAD"}:
        return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Use GET.\n")
    content = write_metrics(with_readings=True)
    response = HttpResponse(content, content_type=CONTENT_TYPE)
    response["Content-Length"] = str(len(content))
    response["Cache-Control"] = NO_CACHE
    return response


def has_token(authorization: str) -> bool:
    """Whether a header carries METRICS_TOKEN; compared in constant time."""
    scheme, _, token = authorization.partition(" ")
    expected = str(settings.METRICS_TOKEN).encode()
    is_same = hmac.compare_digest(token.strip().encode("utf-8", "replace"), expected)
    return is_same and scheme.lower() == "bearer"


def _is_direct(request: HttpRequest) -> bool:
    """Whether a client on this machine asks, as far as that can be told: no header of a proxy."""
    if settings.TRUSTED_PROXIES or any(name in request.META for name in FORWARDED):
        return False
    try:
        # The peer of the connection; no header has a say in it.
        peer = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False  # a Unix socket: whoever forwards to it
    mapped = getattr(peer, "ipv4_mapped", None)
    return (mapped or peer).is_loopback


def _refuse(status: HTTPStatus, sentence: str) -> HttpResponse:
    response = HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = NO_CACHE
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="metrics"'
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response["Allow"] = "GET, HEAD"
    return response
