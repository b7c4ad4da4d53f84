"""Webhooks as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """Endpoints, and what is delivered to them."""

    name = "core.events"
    label = "events"
    verbose_name = _("Webhooks")

    def ready(self) -> None:
        """Let what is announced wake the queue."""
        from core.events.services.outbox import wake_with

        wake_with(_wake)


def _wake() -> None:
    # Only where something was announced: the task brings the queue with it.
    from core.events.tasks import enqueue_deliveries

    enqueue_deliveries()
