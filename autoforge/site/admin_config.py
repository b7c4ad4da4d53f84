"""Django's admin as an app whose pages are read when they are needed.

Reading them takes a third of a second: a command that shows no page need not wait for it. Beside
`apps.py` and not in it, where Django would find two configurations of this project and take none.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class AdminConfig(SimpleAdminConfig):
    """Reads the pages with the addresses (`autoforge.urls`), or for its checks."""

    def ready(self) -> None:
        """Register the admin's checks."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Any, **kwargs: object) -> list[Any]:
    admin.autodiscover()
    return list(check_admin_app(app_configs, **kwargs))
