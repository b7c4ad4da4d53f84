"""OTLP's protobuf: attributes and bodies, whatever the spans are about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = [
    "Resource",
    "Value",
    "as_attributes",
    "as_nanoseconds",
    "as_utf8",
    "count_rejected",
    "encode_spans",
]

Value = bool | int | float | str | Sequence[str] | None
"""What an attribute may be; None: it is left out."""

NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """Who sends the spans."""

    service: str
    """service.name."""
    version: str
    """service.version."""
    environment: str
    """deployment.environment.name; Langfuse's environment."""


def encode_spans(spans: Iterable[Span], resource: Resource) -> bytes:
    """Return the body of a request with these spans.

    Args:
        spans: to be sent.
        resource: who sends them.
    """
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    of_service: dict[str, Value] = {
        "service.name": resource.service,
        "service.version": resource.version,
        "deployment.environment.name": resource.environment,
        "langfuse.environment": resource.environment,
    }
    group.resource.attributes.extend(as_attributes(of_service))
    scope = group.scope_spans.add()
    scope.scope.name = "autoforge"
    scope.scope.version = resource.version
    scope.spans.extend(spans)
    return bytes(request.SerializeToString())


def count_rejected(content: bytes) -> int:
    """Return how many spans were not taken, as far as the answer of a collector says so."""
    answer = ExportTraceServiceResponse()
    try:
        answer.ParseFromString(content)
    except DecodeError:
        return 0
    return int(answer.partial_success.rejected_spans)


def as_nanoseconds(seconds: float) -> int:
    """Return a time as spans have it."""
    return int(seconds * NANOSECONDS)


def as_attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    """Return attributes, without those that have no value."""
    attributes = []
    for name, value in values.items():
        if value is not None:
            attributes.append(KeyValue(key=name, value=_as_value(value)))
    return attributes


def _as_value(value: Value) -> AnyValue:
    # Before int: True is one.
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, int):
        return AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=as_utf8(value))
    array = AnyValue()
    for part in value or ():
        array.array_value.values.add().string_value = as_utf8(part)
    return array


def as_utf8(text: str) -> str:
    """Return a text as protobuf takes it."""
    # Half of a surrogate pair is no character: protobuf takes none.
    return text.encode("utf-8", "replace").decode()
