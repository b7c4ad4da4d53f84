"""OTLP as protobuf.

https://opentelemetry.io/docs/specs/otlp/ · https://protobuf.dev/programming-guides/encoding/

The three levels above a span are walked here, byte by byte, so that spans are counted before there
is an object for each; what is in a span is read by the library. A body of 16 MB may hold eight
million empty spans, for which the library would take more than a gigabyte.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from evaluations.otlp.spans import (
    LARGEST_SPAN,
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

MOST_FIELDS: Final = 200_000  # above spans: the spans themselves, and all that is beside them
LARGEST_RESOURCE: Final = 1024 * 1024  # bytes; a larger one is passed over
# Wire types: how long a field is.
VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
FIXED_BYTES: Final = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT: Final = 10  # bytes of a number of 64 bits
# Numbers of fields.
RESOURCE_SPANS: Final = 1  # of ExportTraceServiceRequest
RESOURCE: Final = 1  # of ResourceSpans
SCOPE_SPANS: Final = 2  # of ResourceSpans
SPANS: Final = 2  # of ScopeSpans


def decode(body: bytes) -> Decoded:
    """Return the spans of a request.

    Raises:
        MalformedError: the body is no ExportTraceServiceRequest.
        TooManySpansError: there are so many spans that they are not even counted.
    """
    return _Reader().read(body)


class _Reader:
    """Reads one request, and counts what is in it."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._fields = 0
        self._too_many = 0
        self._too_large = 0

    def read(self, body: bytes) -> Decoded:
        for number, group in self._walk(memoryview(body)):
            if number == RESOURCE_SPANS:
                self._read_group(group)
        return Decoded(spans=self._spans, too_many=self._too_many, too_large=self._too_large)

    def _read_group(self, group: memoryview) -> None:
        # The resource may stand behind its spans: the order of fields is free.
        resource: dict[str, Value] = {}
        scopes = []
        for number, content in self._walk(group):
            if number == SCOPE_SPANS:
                scopes.append(content)
            elif number == RESOURCE and len(content) <= LARGEST_RESOURCE:
                message = Resource()
                _parse(message, content)
                resource |= _read_attributes(message.attributes, _Budget())
        for scope in scopes:
            for number, span in self._walk(scope):
                if number == SPANS:
                    self._read_span(span, resource)

    def _read_span(self, content: memoryview, resource: dict[str, Value]) -> None:
        if len(content) > LARGEST_SPAN:
            self._too_large += 1
        elif len(self._spans) == MOST_SPANS:
            self._too_many += 1
        else:
            message = Message()
            _parse(message, content)
            self._spans.append(_as_span(message, resource))

    def _walk(self, content: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Yield the fields of a message that have a length: number and content.

        Raises:
            MalformedError: this is no message.
            TooManySpansError: there are more fields than are read.
        """
        at = 0
        while at < len(content):
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise TooManySpansError("otlp.too-many-spans", most=MOST_FIELDS)
            tag, at = _read_varint(content, at)
            number, kind = tag >> 3, tag & 7
            if number == 0:
                raise MalformedError("otlp.not-protobuf")
            at, length = _measure(content, at, kind)
            if at + length > len(content):
                raise MalformedError("otlp.cut-off")
            if kind == BYTES:
                yield number, content[at : at + length]
            at += length


def _as_span(message: Message, resource: dict[str, Value]) -> Span:
    budget = _Budget()
    events = []
    for event in message.events[:MOST_EVENTS]:
        attributes = _read_attributes(event.attributes, budget)
        events.append(Event(name=event.name, attributes=attributes))
    return Span(
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        name=message.name,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        attributes=_read_attributes(message.attributes, budget),
        events=tuple(events),
        is_error=message.status.code == Status.STATUS_CODE_ERROR,
        message=message.status.message,
        resource=resource,
    )


# --- Values ---------------------------------------------------------------------------------------


class _Budget:
    """How many values of lists and objects a span may still have."""

    def __init__(self) -> None:
        self.items = MOST_ITEMS

    def take(self, values: Any) -> Iterator[Any]:
        for value in values:
            if self.items == 0:
                return
            self.items -= 1
            yield value


def _read_attributes(pairs: Any, budget: _Budget) -> dict[str, Value]:
    attributes: dict[str, Value] = {}
    first: Iterable[KeyValue] = pairs[:MOST_ATTRIBUTES]
    for pair in first:
        attributes[pair.key] = _read_value(pair.value, budget, 0)
    return attributes


def _read_value(value: AnyValue, budget: _Budget, depth: int) -> Value:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None or depth > MOST_DEPTH:
        return None
    if kind == "array_value":
        entries = budget.take(value.array_value.values)
        return [_read_value(entry, budget, depth + 1) for entry in entries]
    if kind == "kvlist_value":
        members: dict[str, Value] = {}
        for pair in budget.take(value.kvlist_value.values):
            members[pair.key] = _read_value(pair.value, budget, depth + 1)
        return members
    if kind in ("bool_value", "int_value", "double_value"):
        scalar: bool | int | float = getattr(value, kind)
        return scalar
    return None  # bytes are no text, and newer kinds are not known


# --- The wire -------------------------------------------------------------------------------------


def _parse(message: Any, content: memoryview) -> None:
    try:
        message.ParseFromString(bytes(content))
    except DecodeError:
        raise MalformedError("otlp.not-protobuf") from None


def _measure(content: memoryview, at: int, kind: int) -> tuple[int, int]:
    """Return where the content of a field begins, and how long it is."""
    if kind == BYTES:
        length, at = _read_varint(content, at)
        return at, length
    if kind == VARINT:
        _number, at = _read_varint(content, at)
        return at, 0
    if kind in FIXED_BYTES:
        return at, FIXED_BYTES[kind]
    # Groups are of protobuf's second version: no field of OTLP was ever one.
    raise MalformedError("otlp.not-protobuf")


def _read_varint(content: memoryview, at: int) -> tuple[int, int]:
    """Return a number and where it ends: seven bits a byte, the lowest first."""
    if at < len(content) and content[at] < 0x80:  # most are of one byte
        return content[at], at + 1
    number = 0
    for index, byte in enumerate(content[at : at + LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise MalformedError("otlp.cut-off")
