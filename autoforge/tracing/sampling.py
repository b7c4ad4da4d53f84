"""Which traces are recorded: the samplers of OpenTelemetry, by their standard names.

Source: OpenTelemetry's specification, "Environment Variable Specification" and "Sampling"
(https://opentelemetry.io/docs/specs/otel/trace/sdk/#built-in-samplers).
"""

from collections.abc import Callable
from typing import Final

from autoforge.tracing.context import TraceContext

__all__ = ["Sampler", "find_sampler"]

Sampler = Callable[[bytes, TraceContext | None], bool]
"""Takes the trace's ID and the span above; returns whether the trace is recorded."""

PARENT_BASED: Final = "parentbased_"
RANGE: Final = 2**64


def find_sampler(name: str, ratio: float) -> Sampler:
    """Return the sampler of that name.

    Args:
        name: of OTEL_TRACES_SAMPLER, checked.
        ratio: from 0 to 1, for those that decide by it.
    """
    root = name.removeprefix(PARENT_BASED)
    # As the specification has it: the same trace is kept or left out by every service that it
    # passes, since each looks at the same bytes of its ID.
    bound = {"always_on": RANGE, "always_off": 0}.get(root, round(ratio * RANGE))

    def decide(trace_id: bytes, parent: TraceContext | None) -> bool:
        if parent is not None and name.startswith(PARENT_BASED):
            return parent.is_sampled
        return int.from_bytes(trace_id[8:]) < bound

    return decide
