"""Where each address leads. The rooms below hold the logic."""

from django.contrib import admin
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from autoforge.api.mcp.views import mcp
from autoforge.site.session_state import session_state
from core.bulk.views import bulk_view
from evaluations.api.otlp import traces

admin.autodiscover()

# Late: the name with its hash is known only where collectstatic has run.
favicon = lazy(static, str)("favicon.svg")


def show_on_site(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponseBase:
    """Lead from a row's page in the admin to the site; keys that are none are not found.

    Raises:
        Http404: there is no such row. Django lets out what makes a text no UUID.
    """
    try:
        return admin.site.admin_view(shortcut)(request, content_type_id, object_id)
    except (ValidationError, ValueError, OverflowError):
        raise Http404 from None


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("favicon.ico", RedirectView.as_view(url=favicon), name="favicon"),
    path("admin/session/", session_state, name="session"),
    path("admin/bulk/<slug:token>/", admin.site.admin_view(bulk_view), name="bulk"),
    path("admin/r/<path:content_type_id>/<path:object_id>/", show_on_site),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/", include("autoforge.health.urls")),
    path("api/", include("autoforge.api.mount")),
    path("mcp", mcp, name="mcp"),
    path("v1/traces", traces, name="traces"),
    path("v1/", include("evaluations.api.openai")),
]

handler500 = "autoforge.web.error_pages.server_error"
