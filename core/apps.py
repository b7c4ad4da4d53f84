"""The shared room as a Django app; it has no tables of its own."""

from django.apps import AppConfig
from django.utils.translation import gettext

from core.language import translate_with


class CoreConfig(AppConfig):
    """Holds abstract bases only."""

    name = "core"
    label = "core"

    def ready(self) -> None:
        """Let Django translate what plain Python says."""
        translate_with(gettext)
