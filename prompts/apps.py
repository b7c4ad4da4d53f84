"""The prompts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PromptsConfig(AppConfig):
    """Prompts, their versions, and templates."""

    name = "prompts"
    verbose_name = _("Prompts")
