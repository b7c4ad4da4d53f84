"""A request as it is traced: kept raw until the sender's thread writes spans of it."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Literal

from autoforge.tracing.context import TraceContext

__all__ = ["MOST_STEPS", "RequestTrace", "Step", "recording"]

# A page that asks a thousand times shows after so many what is wrong with it.
MOST_STEPS: Final = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A statement, or a request to somebody else."""

    kind: Literal["sql", "http"]
    """What it is."""
    text: str
    """The statement, or the URL; it is cleaned before it is sent."""
    span_id: bytes
    """Of 8 bytes."""
    started_at: float
    """Seconds since 1970."""
    finished_at: float
    """Seconds since 1970."""
    error: str = ""
    """Class of the error that ended it."""
    status: int | None = None
    """HTTP status of the answer, if there is one."""
    is_many: bool = False
    """Whether a statement was executed for many rows."""


@dataclass(kw_only=True, slots=True)
class RequestTrace:
    """One request."""

    context: TraceContext
    """Its span."""
    parent_id: bytes = b""
    """The span above, of the caller; empty: there is none."""
    started_at: float = 0.0
    """Seconds since 1970."""
    finished_at: float = 0.0
    """Seconds since 1970."""
    method: str = ""
    """Of the request, if it is one that HTTP knows; else _OTHER."""
    route: str = ""
    """As the addresses of the site are written, such as admin/prompts/<path:object_id>/change/."""
    status: int = 0
    """HTTP status of the answer."""
    scheme: str = ""
    """http or https."""
    request_id: str = ""
    """As in the log, and in the header X-Request-ID."""
    user_kind: str = ""
    """anonymous, session, key, person or token; empty: nobody has looked."""
    error: str = ""
    """Class of the error that was not handled."""
    database: str = ""
    """sqlite or libsql."""
    steps: list[Step] = field(default_factory=list)
    """What was done for it, in the order of the ends."""
    dropped: int = 0
    """How many further ones there were."""

    def add(self, step: Step) -> None:
        """Keep a step, or count it where there are too many."""
        if len(self.steps) < MOST_STEPS:
            self.steps.append(step)
        else:
            self.dropped += 1


recording: ContextVar[RequestTrace | None] = ContextVar("request_trace", default=None)
"""What is recorded of the request that is answered now; None: it is not."""
