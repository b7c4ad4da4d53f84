"""The project as a Django app: it brings the system checks and the commands of no domain."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AutoforgeConfig(AppConfig):
    """Registers the system checks of the environment."""

    name = "autoforge"
    verbose_name = _("AutoForge")

    def ready(self) -> None:
        """Import the checks, which registers them."""
        from autoforge import checks  # noqa: F401, PLC0415 (registers on import, needs the apps)
