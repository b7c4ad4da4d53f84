"""The project as a Django app: it brings the system checks and the commands of no domain."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from autoforge.logs import set_secrets


class AutoforgeConfig(AppConfig):
    """Registers the system checks of the environment, and tells the log what to hide."""

    name = "autoforge"
    verbose_name = _("AutoForge")

    def ready(self) -> None:
        """Import the checks, which registers them; hand the secrets to the log."""
        from autoforge import checks  # noqa: F401, PLC0415 (registers on import, needs the apps)

        set_secrets(settings.ENVIRONMENT.secrets())
