"""From requests to spans: names by OpenTelemetry's conventions for HTTP and for databases.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and …/database/database-spans/,
both stable. No query, no address of a client, no user and no value of a statement is among them.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from autoforge.tracing.protobuf import (
    Resource,
    Value,
    as_attributes,
    as_nanoseconds,
    as_utf8,
    encode_spans,
)
from autoforge.tracing.request_trace import RequestTrace, Step
from autoforge.tracing.sql_text import clean_sql, find_operation

__all__ = ["encode"]

CLIENT_ERROR: Final = 400
SERVER_ERROR: Final = 500


def encode(
    traces: Iterable[RequestTrace], *, service: str, version: str, environment: str
) -> bytes:
    """Return the body of a request with the spans of these requests.

    Args:
        traces: requests that have ended.
        service: what the installation is called.
        version: of AutoForge.
        environment: local, staging or production.
    """
    spans = []
    for trace in traces:
        spans.append(_build_request(trace))
        for step in trace.steps:
            spans.append(_build_step(trace, step))
    resource = Resource(service=service, version=version, environment=environment)
    return encode_spans(spans, resource)


def _build_request(trace: RequestTrace) -> Span:
    route = f"/{trace.route.lstrip('^')}" if trace.route else ""
    error = trace.error
    if not error and trace.status >= SERVER_ERROR:
        error = str(trace.status)
    attributes: dict[str, Value] = {
        "http.request.method": trace.method,
        "http.response.status_code": trace.status,
        "http.route": route or None,
        "url.scheme": trace.scheme,
        "error.type": error or None,
        "autoforge.request.id": trace.request_id,
        "autoforge.user.kind": trace.user_kind or None,
        "autoforge.dropped_steps": trace.dropped or None,
    }
    return Span(
        trace_id=trace.context.trace_id,
        span_id=trace.context.span_id,
        parent_span_id=trace.parent_id,
        name=as_utf8(f"{trace.method} {route}".rstrip()),
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=as_nanoseconds(trace.started_at),
        end_time_unix_nano=as_nanoseconds(max(trace.started_at, trace.finished_at)),
        attributes=as_attributes(attributes),
        status=_build_status(is_error=bool(error)),
    )


def _build_step(trace: RequestTrace, step: Step) -> Span:
    if step.kind == "sql":
        name, attributes = _describe_statement(trace, step)
    else:
        name, attributes = _describe_exchange(step)
    return Span(
        trace_id=trace.context.trace_id,
        span_id=step.span_id,
        parent_span_id=trace.context.span_id,
        name=as_utf8(name),
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=as_nanoseconds(step.started_at),
        end_time_unix_nano=as_nanoseconds(max(step.started_at, step.finished_at)),
        attributes=as_attributes(attributes),
        status=_build_status(is_error="error.type" in attributes),
    )


def _describe_statement(trace: RequestTrace, step: Step) -> tuple[str, dict[str, Value]]:
    operation = find_operation(step.text)
    attributes: dict[str, Value] = {
        "db.system.name": trace.database,
        "db.operation.name": operation or None,
        "db.query.text": clean_sql(step.text),
        "autoforge.many": True if step.is_many else None,
    }
    if step.error:
        attributes["error.type"] = step.error
    return operation or "SQL", attributes


def _describe_exchange(step: Step) -> tuple[str, dict[str, Value]]:
    parts = urlsplit(step.text)
    attributes: dict[str, Value] = {
        "http.request.method": "POST",
        "http.response.status_code": step.status,
        "server.address": parts.hostname or "",
        "server.port": parts.port,
        # The host alone: a path or a query of an address may be a secret.
        "url.full": f"{parts.scheme}://{parts.hostname or ''}/",
    }
    if step.error:
        attributes["error.type"] = step.error
    elif step.status is not None and step.status >= CLIENT_ERROR:
        attributes["error.type"] = str(step.status)
    return "POST", attributes


def _build_status(*, is_error: bool) -> Status:
    return Status(code=Status.STATUS_CODE_ERROR if is_error else Status.STATUS_CODE_UNSET)
