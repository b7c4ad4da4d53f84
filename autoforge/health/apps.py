"""The health app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HealthConfig(AppConfig):
    """Probes, their command and their addresses."""

    name = "autoforge.health"
    label = "health"
    verbose_name = _("Health")
