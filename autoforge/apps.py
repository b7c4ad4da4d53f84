"""The project as a Django app: it brings the system checks and the commands of no domain."""

import logging

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from autoforge.logging.formatters import Record
from autoforge.logging.secrets import add_secret, set_secrets
from core.database.statements_log import keep_on_demand


class AutoforgeConfig(AppConfig):
    """Registers the system checks and traces; tells the log what to hide, Django what to forget."""

    name = "autoforge"
    verbose_name = _("AutoForge")

    def ready(self) -> None:
        """Import the checks, which registers them; hand the secrets to the log."""
        from autoforge import checks  # noqa: F401 (registers on import, needs the apps)

        connection_created.connect(keep_on_demand, dispatch_uid="statements_log")
        set_secrets(settings.ENVIRONMENT.secrets())
        token = settings.DATABASES["default"].get("OPTIONS", {}).get("auth_token")
        if hasattr(token, "observe"):  # it is read again when its file changes
            token.observe(add_secret)
        logging.setLogRecordFactory(Record)
        from autoforge.tracing.destinations import find_destinations

        destinations = find_destinations()
        if destinations:  # else nothing more of it is loaded
            from autoforge.tracing.observer import install

            install(destinations)
        if settings.SENTRY_DSN:
            from autoforge.sentry.handler import install as report_errors

            report_errors(settings.SENTRY_DSN)
