"""What every answer gets: its language and its Content-Security-Policy."""

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation

__all__ = ["ContentSecurityPolicyMiddleware", "LanguageMiddleware"]


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
