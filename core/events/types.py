"""Types of events: each domain registers its own in `AppConfig.ready`."""

from typing import Final

from django.utils.functional import Promise

__all__ = ["TEST_EVENT", "list_event_types", "register_event_type"]

TEST_EVENT: Final = "webhook.test"
"""Sent to one endpoint when a person asks for it; nobody subscribes to it."""

_descriptions: dict[str, str | Promise] = {}


def register_event_type(name: str, description: str | Promise) -> None:
    """Offer an event to endpoints.

    Args:
        name: words with periods between them, such as `run.finished`.
        description: when it happens, for the page of an endpoint.
    """
    _descriptions[name] = description


def list_event_types() -> dict[str, str | Promise]:
    """Return name → description of every type that an endpoint may subscribe to."""
    return dict(sorted(_descriptions.items()))
