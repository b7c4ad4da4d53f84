"""Django's technical error pages without what they would give away, whatever DEBUG is.

DEBUG is for a laptop, and yet such a page ends up in a screenshot, a ticket or a chat. It says what
failed and where. It shows no locals (a password stands in them under any name), no environment of
the process, no value under a telling name and no known secret, and it asks no database: that may
be what has just failed.
"""

import os
import re
from collections.abc import ItemsView
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.deprecation import MiddlewareMixin
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from autoforge.logging.secrets import (
    current_request,
    hide_text,
    hide_values,
    is_telling,
    list_request_secrets,
)
from core.database.no_queries import no_queries

__all__ = ["HideSecrets", "Reporter", "TechnicalPagesMiddleware"]

# Names of settings and headers whose values hold addresses and credentials somewhere inside.
HIDDEN: Final = re.compile(
    r"API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|CREDENTIAL|SESSIONID|CSRF"
    r"|^DATABASES$|^CACHES$|^HUEY$|^ENVIRONMENT$|^PROVIDER_|LOCATION|REDIS|DSN|DATABASE_URL",
    re.IGNORECASE,
)
NOT_FOUND: Final = 404
# Settings that match and are what somebody looks for on such a page.
SHOWN: Final = frozenset({"AUTHENTICATION_BACKENDS", "AUTH_USER_MODEL", "PASSWORD_HASHERS"})


class HideSecrets(SafeExceptionReporterFilter):
    """Hides by name and by value."""

    def cleanse_setting(self, key: object, value: object) -> Any:
        """Return the value of a setting, a header or a cookie as it may be shown."""
        name = key if isinstance(key, str) else ""
        if name not in SHOWN and (HIDDEN.search(name) or is_telling(name)):
            return self.cleansed_substitute
        if isinstance(value, str):
            return hide_text(value)
        if isinstance(value, dict):
            cleansed = {}
            for inner, content in value.items():
                cleansed[inner] = self.cleanse_setting(inner, content)
            return cleansed
        if isinstance(value, list | tuple):
            return type(value)(self.cleanse_setting("", content) for content in value)
        return super().cleanse_setting("", value)

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Return the headers; a development server mixes the process's environment into them."""
        meta = super().get_safe_request_meta(request)
        for name in os.environ:
            meta.pop(name, None)
        return meta

    def is_active(self, request: HttpRequest | None) -> bool:
        """Return that it hides, with DEBUG too."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        """Return the fields of a form, without secrets."""
        if request is None:
            return {}
        return _cleanse(super().get_post_parameters(request), self.cleansed_substitute)

    def get_traceback_frame_variables(
        self, request: object, tb_frame: object
    ) -> ItemsView[str, Any]:
        """Return no variable of any frame."""
        return {}.items()


def _cleanse(fields: Any, substitute: str) -> QueryDict:
    cleansed = QueryDict(mutable=True)
    for name, values in fields.lists():
        if HIDDEN.search(name) or is_telling(name):
            cleansed.setlist(name, [substitute] * len(values))
        else:
            cleansed.setlist(name, list(map(hide_text, values)))
    return cleansed


class TechnicalPagesMiddleware(MiddlewareMixin):
    """Hides secrets in what Django shows with DEBUG and without a reporter: an unknown address."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Return the page without the secrets of the address."""
        if settings.DEBUG and response.status_code == NOT_FOUND and not response.streaming:
            text = response.content.decode(response.charset)
            text = hide_values(hide_text(text), list_request_secrets(request))
            response.content = text.encode(response.charset)
        return response


class Reporter(ExceptionReporter):
    """Django's report, whose every line has passed through the log's own filter."""

    def get_traceback_data(self) -> dict[str, Any]:
        """Return what the page shows."""
        data: dict[str, Any] = super().get_traceback_data()
        if self.request is not None:
            get = _cleanse(self.request.GET, self.filter.cleansed_substitute)
            data["request_GET_items"] = get.items()
            data["request_insecure_uri"] = hide_text(data["request_insecure_uri"])
        for text in ("exception_value", "exception_notes"):
            if text in data:
                data[text] = hide_text(data[text])
        return data

    def get_traceback_html(self) -> SafeString:
        """Return the page."""
        with no_queries():
            return self._hide(super().get_traceback_html())

    def get_traceback_text(self) -> SafeString:
        """Return the report as text."""
        with no_queries():
            return self._hide(super().get_traceback_text())

    def _hide(self, report: str) -> SafeString:
        request = self.request or current_request.get()
        hidden = hide_values(hide_text(report), list_request_secrets(request))
        # Django escaped it; only stars were put in.
        return mark_safe(hidden)  # noqa: S308  # nosec B308 B703
