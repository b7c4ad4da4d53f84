"""Addresses of the health checks."""

app_name = "health"
urlpatterns: list[object] = []
