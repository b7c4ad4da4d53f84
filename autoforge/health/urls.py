"""Addresses of the health checks, with and without a slash at the end."""

from django.urls import re_path

from autoforge.health import views

app_name = "health"
urlpatterns = [
    re_path(r"^live/?$", views.live, name="live"),
    re_path(r"^ready/?$", views.ready, name="ready"),
    re_path(r"^report/?$", views.report, name="report"),
]
