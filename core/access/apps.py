"""The app of API keys and of the callers that they stand for."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    """Keys of the API, and answers that a repeated request gets again."""

    name = "core.access"
    label = "access"
    verbose_name = _("Access")

    def ready(self) -> None:
        """Let a group whose permissions change count at once for every key of it."""
        from core.access.known import watch_permissions

        watch_permissions()
