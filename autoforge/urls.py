"""Where each address leads. The rooms below hold the logic."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from autoforge.core.bulk_pages import bulk_view
from autoforge.session_state import session_state

admin.autodiscover()

# Late: the name with its hash is known only where collectstatic has run.
favicon = lazy(static, str)("favicon.svg")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("favicon.ico", RedirectView.as_view(url=favicon), name="favicon"),
    path("admin/session/", session_state, name="session"),
    path("admin/bulk/<slug:token>/", admin.site.admin_view(bulk_view), name="bulk"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/", include("autoforge.health.urls")),
]

handler500 = "autoforge.error_pages.server_error"
