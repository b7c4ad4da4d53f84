"""What every request and answer gets: its language, its Content-Security-Policy.

Its id and its line in the log are in `autoforge.web.request_log`.
"""

from collections.abc import Callable
from typing import Any, Final

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

from autoforge.web.error_pages import content_too_large, database_unavailable
from core import bounded
from core.api.problems import is_api

__all__ = [
    "ContentSecurityPolicyMiddleware",
    "DatabaseOutageMiddleware",
    "LanguageMiddleware",
    "bounded_patience",
]

PATIENCE_SECONDS: Final = 0.25
ALLOWANCE_SECONDS: Final = 2.0  # of processor time, for all bounded work of a request


def bounded_patience(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Limit how long a request waits for bounded work, and how much of it there is.

    Threads have to stay for other people.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with bounded.set_patience(PATIENCE_SECONDS), bounded.limit_allowance(ALLOWANCE_SECONDS):
            return get_response(request)

    return middleware


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The strict policy everywhere, the pages' own on pages with scripts."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> PolicyParts:
        """Return the policy for the answer to `request`."""
        parts = super().get_policy_parts(request, response, *args, **kwargs)
        if kwargs.get("report_only"):
            return parts
        if request.path_info.startswith(reverse("admin:index")):
            parts.config = settings.ADMIN_CONTENT_SECURITY_POLICY
        elif request.path_info == reverse("api-docs"):
            parts.config = settings.DOCS_CONTENT_SECURITY_POLICY
        return parts


class DatabaseOutageMiddleware(MiddlewareMixin):
    """A database's bad day is a page of one sentence, with DEBUG too: it is nobody's bug."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 where the database cannot be used, 413 where it takes no text of that size."""
        if not isinstance(error, DatabaseError):
            return None
        return content_too_large(request, error) or database_unavailable(request, error)


class LanguageMiddleware(LocaleMiddleware):
    """The language that the person chose, else LANGUAGE_CODE where set, else the browser's."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate the language of `request`; a program is answered in the one that it asks for."""
        if is_api(request):
            super().process_request(request)
            return
        if settings.LANGUAGE_IS_SET and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = translation.get_language()
            return
        super().process_request(request)
