"""HTTP requests of ours to others: told to whoever traces them, mostly to nobody.

A tracer may add headers, such as `traceparent` (W3C Trace Context), by which the other side joins
the trace. Plain Python, so that the engine can use it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Outgoing", "Tracer", "outgoing", "set_tracer"]


@dataclass(kw_only=True, slots=True)
class Outgoing:
    """A request that is about to be sent."""

    headers: dict[str, str] = field(default_factory=dict)
    """That the tracer wants to be sent with it."""
    status: int | None = None
    """HTTP status of the answer, set by whoever sends; None: there is none."""


Tracer = Callable[[str, str], AbstractContextManager[Outgoing]]
"""Takes a method and a URL; what it returns is entered before the request and left after it."""

_tracers: Final[list[Tracer]] = []


def set_tracer(tracer: Tracer | None) -> None:
    """Have somebody told of every request of this process; None: nobody."""
    _tracers[:] = [] if tracer is None else [tracer]


def outgoing(method: str, url: str) -> AbstractContextManager[Outgoing]:
    """Return the context in which a request is sent.

    Args:
        method: such as POST.
        url: where to; nothing of it but its host is told.
    """
    for tracer in _tracers:
        return tracer(method, url)
    return nullcontext(Outgoing())
