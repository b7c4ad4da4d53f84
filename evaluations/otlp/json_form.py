"""OTLP as JSON: the mapping of protobuf's messages, with IDs in hexadecimal digits.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

Names are in lowerCamelCase, numbers of 64 bits are texts or numbers, enumerations are numbers, null
says nothing, and what is not known is passed over.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from evaluations.otlp.spans import (
    MOST_ATTRIBUTES,
    MOST_DEPTH,
    MOST_EVENTS,
    MOST_ITEMS,
    MOST_SPANS,
    Decoded,
    Event,
    MalformedError,
    Span,
    TooManySpansError,
    Value,
)

__all__ = ["decode"]

MOST_OBJECTS: Final = 1_000_000  # of a body; braces in texts count too
LARGEST_INT: Final = 2**63
LARGEST_TIME: Final = 2**64
STATUS_ERROR: Final = 2
WHOLE: Final = re.compile(r"-?[0-9]{1,20}")
MOST_HALVES: Final = 10_000  # that are mended
# Half of a pair of surrogates, behind an even number of backslashes: those are of the text.
HALF: Final = re.compile(
    rb"(?<!\\)((?:\\\\){0,100})\\u[dD](?:"
    rb"[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)

Number = int | float | str | None


class _Form(Struct, rename="camel", gc=False):
    """What all messages have."""


class _AnyValue(_Form):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number = None
    double_value: Number = None
    array_value: "_Array | None" = None
    kvlist_value: "_Members | None" = None


class _KeyValue(_Form):
    key: str | None = None
    value: _AnyValue | None = None


class _Array(_Form):
    values: list[_AnyValue] | None = None


class _Members(_Form):
    values: list[_KeyValue] | None = None


class _Event(_Form):
    name: str | None = None
    attributes: list[_KeyValue] | None = None


class _Status(_Form):
    code: int | None = None
    message: str | None = None


class _Span(_Form):
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None
    start_time_unix_nano: Number = None
    end_time_unix_nano: Number = None
    attributes: list[_KeyValue] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _Scope(_Form):
    spans: list[_Span] | None = None


class _Resource(_Form):
    attributes: list[_KeyValue] | None = None


class _Group(_Form):
    resource: _Resource | None = None
    scope_spans: list[_Scope] | None = None


class _Request(_Form):
    resource_spans: list[_Group] | None = None


DECODER: Final = msgspec.json.Decoder(_Request)


def decode(body: bytes) -> Decoded:
    """Return the spans of a request.

    Raises:
        MalformedError: the body is no ExportTraceServiceRequest.
        TooManySpansError: there are so many spans that they are not even counted.
    """
    # What is decoded has a type: objects alone can be many, and each begins with a brace.
    if body.count(b"{") > MOST_OBJECTS:
        raise TooManySpansError("otlp.too-many-objects", most=MOST_OBJECTS)
    spans: list[Span] = []
    too_many = 0
    for span, resource in _list_spans(_decode(body)):
        if len(spans) < MOST_SPANS:
            spans.append(_as_span(span, resource))
        else:
            too_many += 1
    return Decoded(spans=spans, too_many=too_many)


def _list_spans(request: _Request) -> Iterator[tuple[_Span, dict[str, Value]]]:
    """Yield each span with the attributes of who sent it."""
    for group in request.resource_spans or ():
        resource: dict[str, Value] = {}
        if group.resource is not None:
            resource = _Reader().read_attributes(group.resource.attributes)
        for scope in group.scope_spans or ():
            for span in scope.spans or ():
                yield span, resource


def _decode(body: bytes) -> _Request:
    try:
        return DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise MalformedError("otlp.field", what=str(error)) from None
    except UnicodeDecodeError:
        raise MalformedError("otlp.not-json") from None
    except RecursionError:
        raise MalformedError("otlp.too-deep") from None
    except msgspec.DecodeError:
        # JavaScript writes a text that was cut within a character so: the rest of it is good.
        mended, count = HALF.subn(rb"\1\\ufffd", body, count=MOST_HALVES)
    if count in (0, MOST_HALVES):
        raise MalformedError("otlp.not-json")
    return _decode(mended)


def _as_span(span: _Span, resource: dict[str, Value]) -> Span:
    reader = _Reader()
    status = span.status or _Status()
    events = []
    for event in (span.events or ())[:MOST_EVENTS]:
        attributes = reader.read_attributes(event.attributes)
        events.append(Event(name=event.name or "", attributes=attributes))
    return Span(
        trace_id=(span.trace_id or "").lower(),
        span_id=(span.span_id or "").lower(),
        name=span.name or "",
        start_ns=_read_time(span.start_time_unix_nano),
        end_ns=_read_time(span.end_time_unix_nano),
        attributes=reader.read_attributes(span.attributes),
        events=tuple(events),
        is_error=status.code == STATUS_ERROR,
        message=status.message or "",
        resource=resource,
    )


# --- Values ---------------------------------------------------------------------------------------


class _Reader:
    """Reads the values of one span, and counts those of lists and objects."""

    def __init__(self) -> None:
        self._left = MOST_ITEMS

    def read_attributes(self, pairs: list[_KeyValue] | None) -> dict[str, Value]:
        attributes: dict[str, Value] = {}
        for pair in (pairs or ())[:MOST_ATTRIBUTES]:
            attributes[pair.key or ""] = self._read(pair.value, 0)
        return attributes

    def _read(self, value: _AnyValue | None, depth: int) -> Value:
        if value is None or depth > MOST_DEPTH:
            return None
        if value.string_value is not None:
            return value.string_value
        if value.array_value is not None:
            return self._read_array(value.array_value, depth + 1)
        if value.kvlist_value is not None:
            return self._read_members(value.kvlist_value, depth + 1)
        return _read_scalar(value)

    def _read_array(self, array: _Array, depth: int) -> list[Value]:
        entries = []
        for entry in array.values or ():
            if self._take():
                entries.append(self._read(entry, depth))
        return entries

    def _read_members(self, members: _Members, depth: int) -> dict[str, Value]:
        read: dict[str, Value] = {}
        for pair in members.values or ():
            if self._take():
                read[pair.key or ""] = self._read(pair.value, depth)
        return read

    def _take(self) -> bool:
        self._left -= 1
        return self._left >= 0


def _read_scalar(value: _AnyValue) -> Value:
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        number = _read_int(value.int_value)
        if number is None or not -LARGEST_INT <= number < LARGEST_INT:
            raise MalformedError("otlp.number", what="intValue")
        return number
    if value.double_value is not None:
        try:
            return float(value.double_value)
        except (ValueError, OverflowError):
            raise MalformedError("otlp.number", what="doubleValue") from None
    return None  # bytes are no text, and newer kinds are not known


def _read_time(value: Number) -> int:
    if value is None:
        return 0
    number = _read_int(value)
    if number is None or not 0 <= number < LARGEST_TIME:
        raise MalformedError("otlp.number", what="startTimeUnixNano, endTimeUnixNano")
    return number


def _read_int(value: float | str) -> int | None:
    """Return a whole number, as text too, or as 1.0; None for what is none."""
    if isinstance(value, str):
        return int(value) if WHOLE.fullmatch(value) else None
    return int(value) if value % 1 == 0 else None
