"""Which trace this request is part of: W3C Trace Context, taken from callers and given to others.

Source: https://www.w3.org/TR/trace-context/ (version 00; a later version is read as far as it is
the same, as its section 3.2.4 asks).
"""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

__all__ = ["TraceContext", "current", "read_traceparent"]

# Version, trace, span above, flags; what a later version adds stands behind a further hyphen.
TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
SAMPLED: Final = 0x01


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceContext:
    """A span, as others name it."""

    trace_id: bytes
    """16 bytes, not all of them zero."""
    span_id: bytes
    """8 bytes, not all of them zero."""
    is_sampled: bool
    """Whether the trace is recorded."""

    def write_traceparent(self) -> str:
        """Return the header by which another service joins the trace below this span."""
        return f"00-{self.trace_id.hex()}-{self.span_id.hex()}-{'01' if self.is_sampled else '00'}"

    def make_child(self, *, is_sampled: bool) -> "TraceContext":
        """Return a span of the same trace."""
        return TraceContext(trace_id=self.trace_id, span_id=make_span_id(), is_sampled=is_sampled)


def read_traceparent(header: str) -> TraceContext | None:
    """Return the span above, None where there is none or the header is not valid."""
    match = TRACEPARENT.fullmatch(header.strip())
    if match is None or (match[1] == "00" and match[5]):
        return None
    return TraceContext(
        trace_id=bytes.fromhex(match[2]),
        span_id=bytes.fromhex(match[3]),
        is_sampled=bool(int(match[4], 16) & SAMPLED),
    )


def make_trace_id() -> bytes:
    """Return the ID of a new trace."""
    return secrets.token_bytes(16)  # all zeros once in the life of many universes


def make_span_id() -> bytes:
    """Return the ID of a new span."""
    return secrets.token_bytes(8)


current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)
"""The span of the request that is answered now, sampled or not; None: nothing is traced."""
