"""Backups as a Django app: the record of those that were made."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BackupsConfig(AppConfig):
    """One table; the rest of the room needs no app."""

    name = "autoforge.operations.backups"
    label = "backups"
    verbose_name = _("Backups")
