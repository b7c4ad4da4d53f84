"""The prompts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PromptsConfig(AppConfig):
    """Prompts, their versions, and templates."""

    name = "prompts"
    verbose_name = _("Prompts")

    def ready(self) -> None:
        """Offer our events to webhooks."""
        from core.events.types import register_event_type
        from prompts.event_types import EVENT_TYPES

        for name, description in EVENT_TYPES.items():
            register_event_type(name, description)
