"""What both forms of OTLP are read into, and how much of it.

A body is small and what it unfolds to need not be: 16 MB of empty spans are eight million. So
everything that can be many is counted before it is made.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from core.errors import ApplicationError

__all__ = [
    "LARGEST_SPAN",
    "MOST_ATTRIBUTES",
    "MOST_DEPTH",
    "MOST_EVENTS",
    "MOST_ITEMS",
    "MOST_SPANS",
    "Decoded",
    "Event",
    "MalformedError",
    "Span",
    "TooManySpansError",
    "Value",
    "is_span_id",
    "is_trace_id",
]

MOST_SPANS: Final = 10_000  # that are read; a collector sends 8,192 at once
LARGEST_SPAN: Final = 4 * 1024 * 1024  # bytes, in protobuf
MOST_ATTRIBUTES: Final = 2000  # of a span: some write one for each part of each message
MOST_EVENTS: Final = 1000  # of a span
MOST_ITEMS: Final = 10_000  # of a span's lists and objects, all together
MOST_DEPTH: Final = 32  # of lists and objects within each other

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None


class MalformedError(ApplicationError):
    """The body is not what OTLP says; sending it again does not help."""


class TooManySpansError(ApplicationError):
    """There are so many spans that they are not even counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened during a span."""

    name: str
    """Such as gen_ai.choice."""
    attributes: Mapping[str, Value]
    """Name → value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One step of a trace."""

    trace_id: str
    """32 hexadecimal digits, lower case; anything else where the sender is wrong."""
    span_id: str
    """16 hexadecimal digits, lower case; anything else where the sender is wrong."""
    name: str
    """What the step is called."""
    start_ns: int
    """Nanoseconds since 1970; 0: not known."""
    end_ns: int
    """Nanoseconds since 1970; 0: not known."""
    attributes: Mapping[str, Value]
    """Name → value."""
    events: tuple[Event, ...] = ()
    """In the order in which they came."""
    is_error: bool = False
    """Whether the step failed."""
    message: str = ""
    """Why it failed, where that is said."""
    resource: Mapping[str, Value]
    """Attributes of who sent it, such as service.name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """What a request holds."""

    spans: list[Span]
    """Those that were read."""
    too_many: int = 0
    """Spans that were not read because there are more than a request may have."""
    too_large: int = 0
    """Spans that were not read because one alone is too large."""


def is_trace_id(text: str) -> bool:
    """Whether a text is a trace's ID: 32 hexadecimal digits, not all of them 0."""
    return _is_id(text, 32)


def is_span_id(text: str) -> bool:
    """Whether a text is a span's ID: 16 hexadecimal digits, not all of them 0."""
    return _is_id(text, 16)


def _is_id(text: str, length: int) -> bool:
    is_hex = len(text) == length and set(text) <= set(string.hexdigits)
    return is_hex and text.strip("0") != ""
