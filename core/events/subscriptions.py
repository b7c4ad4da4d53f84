"""Which events somebody waits for, remembered by each process: most installations have no webhook.

A process asks the database at most every two seconds, and only when something happens. What it
remembers decides whether endpoints are read at all; which of them get an event is read with it. An
endpoint that another process made is so told of what happens from two seconds later on.
"""

import time
from typing import Final

from core.events.models import WebhookEndpoint

__all__ = ["forget_subscriptions", "is_anybody_subscribed"]

REMEMBERED_SECONDS: Final = 2.0

_memory: tuple[float, frozenset[str]] | None = None
"""Until when it counts (monotonic), and the types of events that any endpoint is told of."""


def is_anybody_subscribed(event_type: str) -> bool:
    """Whether an enabled endpoint is told of such events, as far as this process remembers."""
    global _memory  # noqa: PLW0603 (one memory for the process)
    memory = _memory
    if memory is None or memory[0] < time.monotonic():
        rows = WebhookEndpoint.objects.filter(enabled=True).values_list("event_types", flat=True)
        types = frozenset(name for names in rows for name in names)
        memory = (time.monotonic() + REMEMBERED_SECONDS, types)
        _memory = memory
    return event_type in memory[1]


def forget_subscriptions() -> None:
    """Read them anew with the next event; for whoever changes an endpoint."""
    global _memory  # noqa: PLW0603 (as above)
    _memory = None
