"""OTLP as JSON: the mapping of protobuf's messages, with IDs in hexadecimal digits.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

Names are in lowerCamelCase, numbers of 64 bits are texts or numbers, enumerations are numbers, null
says nothing, and what is not known is passed over.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from evaluations.otlp.spans import (
    LARGEST_SPAN,
    MOST_ATTRIBUTES,
    MOST_DEPTH,
    MOST_EVENTS,
    MOST_ITEMS,
    MOST_SPANS,
    MOST_SPANS_COUNTED,
    Decoded,
    Event,
    MalformedError,
    Span,
    TooManySpansError,
    Value,
)

__all__ = ["decode"]

MOST_BRACES: Final = 1_000_000  # that open, in a body: each may become an object
LARGEST_INT: Final = 2**63
LARGEST_TIME: Final = 2**64
STATUS_ERROR: Final = 2
WHOLE: Final = re.compile(r"-?[0-9]{1,20}")
# A backslash with what it stands before: a pair of surrogates, half of one, or anything else.
ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
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
    spans: list[msgspec.Raw] | None = None


class _Resource(_Form):
    attributes: list[_KeyValue] | None = None


class _Group(_Form):
    resource: _Resource | None = None
    scope_spans: list[_Scope] | None = None


class _Request(_Form):
    resource_spans: list[_Group] | None = None


REQUEST: Final = msgspec.json.Decoder(_Request)
SPAN: Final = msgspec.json.Decoder(_Span)


def decode(body: bytes) -> Decoded:
    """Return the spans of a request.

    Raises:
        MalformedError: the body is no ExportTraceServiceRequest.
        TooManySpansError: there are so many spans that they are not even counted.
    """
    if body.count(b"{") + body.count(b"[") > MOST_BRACES:
        raise TooManySpansError("otlp.too-many-objects", most=MOST_BRACES)
    spans: list[Span] = []
    count = too_large = 0
    for raw, resource in _list_spans(body):
        count += 1
        if count > MOST_SPANS:
            continue
        content = bytes(raw)
        if len(content) > LARGEST_SPAN:
            too_large += 1
        else:
            spans.append(_as_span(_decode(SPAN, content), resource))
    if count > MOST_SPANS_COUNTED:
        raise TooManySpansError("otlp.too-many-spans", most=MOST_SPANS_COUNTED)
    return Decoded(spans=spans, too_many=max(0, count - MOST_SPANS), too_large=too_large)


def _list_spans(body: bytes) -> Iterator[tuple[msgspec.Raw, dict[str, Value]]]:
    """Yield each span as it is written, with the attributes of who sent it."""
    for group in _decode(REQUEST, body).resource_spans or ():
        resource: dict[str, Value] = {}
        if group.resource is not None:
            resource = _Reader().read_attributes(group.resource.attributes)
        for scope in group.scope_spans or ():
            for raw in scope.spans or ():
                yield raw, resource


def _decode(decoder: "msgspec.json.Decoder[Any]", content: bytes) -> Any:
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise MalformedError("otlp.field", what=str(error)) from None
    except UnicodeDecodeError:
        raise MalformedError("otlp.not-json") from None
    except RecursionError:
        raise MalformedError("otlp.too-deep") from None
    except msgspec.DecodeError:
        mended = ESCAPE.sub(_replace_half, content)
    if mended == content:
        raise MalformedError("otlp.not-json")
    return _decode(decoder, mended)


def _replace_half(match: "re.Match[bytes]") -> bytes:
    # JavaScript writes a text that was cut within a character so: the rest of it is good.
    return rb"\ufffd" if match["half"] else match[0]


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
