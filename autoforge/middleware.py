"""What every request and answer gets: its id, its language, its Content-Security-Policy."""

import re
import uuid
from collections.abc import Callable
from typing import Any, Final

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

from autoforge import structured_logs  # noqa: F401 (configures structlog for django-structlog)
from autoforge.core import bounded

__all__ = [
    "ContentSecurityPolicyMiddleware",
    "LanguageMiddleware",
    "RequestIdMiddleware",
    "bounded_patience",
]

PATIENCE_SECONDS: Final = 0.25


def bounded_patience(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Let requests wait very little for bounded work, so that threads stay for other people."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with bounded.patience_of(PATIENCE_SECONDS):
            return get_response(request)

    return middleware


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The strict policy everywhere, the admin's own below the admin."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> PolicyParts:
        """Return the policy for the answer to `request`."""
        parts = super().get_policy_parts(request, response, *args, **kwargs)
        if request.path_info.startswith(reverse("admin:index")) and not kwargs.get("report_only"):
            parts.config = settings.ADMIN_CONTENT_SECURITY_POLICY
        return parts


class LanguageMiddleware(LocaleMiddleware):
    """The language that the person chose, else LANGUAGE_CODE where set, else the browser's."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate the language of `request`."""
        if settings.LANGUAGE_IS_SET and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = translation.get_language()
            return
        super().process_request(request)


class RequestIdMiddleware(MiddlewareMixin):
    """An id for each request: the caller's if it is sane, else a new one; it is in every log line.

    It stands before django-structlog, which binds the id to the log, and answers with it.
    """

    SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its id."""
        if not self.SANE.fullmatch(request.META.get("HTTP_X_REQUEST_ID", "")):
            request.META["HTTP_X_REQUEST_ID"] = uuid.uuid4().hex

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Answer with the request's id."""
        response["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
        return response
