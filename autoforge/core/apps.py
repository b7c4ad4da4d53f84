"""The shared room as a Django app; it has no tables of its own."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Holds abstract bases only."""

    name = "autoforge.core"
    label = "core"
