"""The app, under a short label."""

from django.apps import AppConfig


class PlantedConfig(AppConfig):
    """Nothing but its table."""

    name = "tests.support.planted"
    label = "planted"
    default_auto_field = "django.db.models.BigAutoField"
