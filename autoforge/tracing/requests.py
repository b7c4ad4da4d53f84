"""Traces the requests of the site: in MIDDLEWARE only where TRACE_REQUESTS is on.

The span goes to the collector alone, never to Langfuse, whose subject are calls of models. The
`traceparent` of a caller is taken up, and what is called for the request gets one of ours: spans of
calls of models (`observer`) are then below that of the request.
"""

import atexit
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponseBase

from autoforge import __version__
from autoforge.tracing.context import (
    TraceContext,
    current,
    make_span_id,
    make_trace_id,
    read_traceparent,
)
from autoforge.tracing.destinations import find_collector
from autoforge.tracing.request_trace import RequestTrace, Step, recording
from autoforge.tracing.sampling import find_sampler
from autoforge.tracing.sender import Limits, Sender, close_all
from core.outgoing import Outgoing, set_tracer

__all__ = ["TraceMiddleware", "trace_statements"]

# Whoever watches asks every few seconds: nothing but noise among traces.
UNTRACED: Final = ("/health/", "/metrics")
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
TRACEPARENT: Final = "HTTP_TRACEPARENT"
Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Form:
    """Protobuf, loaded by the sender's thread with the first request."""

    service: str
    environment: str

    def encode(self, items: Any) -> bytes:
        """Return the body of a request with all spans of these traces."""
        from autoforge.tracing import request_spans

        return request_spans.encode(
            items,
            service=self.service,
            version=__version__,
            environment=self.environment,
        )

    def count_rejected(self, content: bytes) -> int:
        """Return 1 where spans were not taken: of how many requests is not told."""
        from autoforge.tracing.protobuf import count_rejected

        return min(1, count_rejected(content))


@lru_cache(maxsize=1)
def _find_sender() -> Sender[RequestTrace]:
    """Return the sender of this process's requests; calls of models have a queue of their own."""
    destination = find_collector()
    if destination is None:
        raise MiddlewareNotUsed
    form = _Form(service=settings.OTEL_SERVICE_NAME, environment=settings.ENVIRONMENT.app_env)
    sender = Sender[RequestTrace](destination, form, Limits(items=1024, batch=64))
    atexit.register(close_all, [sender])
    return sender


class TraceMiddleware:
    """Records each request that the sampler chooses, and hands it to the sender."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.sender = _find_sender()
        self._choose = find_sampler(settings.OTEL_TRACES_SAMPLER, settings.OTEL_TRACES_SAMPLER_ARG)
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)
        connection_created.connect(trace_statements, dispatch_uid="autoforge.tracing")
        for connection in connections.all(initialized_only=True):
            trace_statements(connection)
        set_tracer(trace_outgoing)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request, and have its spans sent."""
        if self._is_async:
            return self._answer_later(request)
        with self._traced(request) as finish:
            response = cast("HttpResponseBase", self.get_response(request))
            finish(response)
            return response

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        with self._traced(request) as finish:
            response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
            finish(response)
            return response

    @contextmanager
    def _traced(self, request: HttpRequest) -> Iterator[Callable[[HttpResponseBase], None]]:
        if request.path_info.startswith(UNTRACED):
            yield _ignore
            return
        parent = read_traceparent(request.META.get(TRACEPARENT, ""))
        trace_id = make_trace_id() if parent is None else parent.trace_id
        context = TraceContext(
            trace_id=trace_id,
            span_id=make_span_id(),
            is_sampled=self._choose(trace_id, parent),
        )
        trace = None
        if context.is_sampled:
            # Calls of models read it there: they are sent whether requests are or not.
            request.META[TRACEPARENT] = context.write_traceparent()
            request.trace_context = context  # type: ignore[attr-defined]  # for reports of errors
            structlog.contextvars.bind_contextvars(trace_id=trace_id.hex())
            trace = RequestTrace(
                context=context,
                parent_id=b"" if parent is None else parent.span_id,
                started_at=time.time(),
            )
        in_context, in_recording = current.set(context), recording.set(trace)
        try:
            yield lambda response: self._finish(trace, request, response)
        finally:
            current.reset(in_context)
            recording.reset(in_recording)

    def _finish(
        self, trace: RequestTrace | None, request: HttpRequest, response: HttpResponseBase
    ) -> None:
        if trace is None:
            return
        trace.finished_at = time.time()
        trace.method = str(request.method) if request.method in METHODS else "_OTHER"
        trace.route = "" if request.resolver_match is None else request.resolver_match.route
        trace.status = response.status_code
        trace.scheme = request.scheme or ""
        trace.request_id = request.META.get("HTTP_X_REQUEST_ID", "")
        trace.user_kind = _find_user_kind(request)
        error = getattr(request, "log_error", None)  # kept for the line of the request
        trace.error = "" if error is None else type(error).__name__
        engine = connections[DEFAULT_DB_ALIAS].settings_dict["ENGINE"]
        trace.database = "libsql" if engine == "django_hrana" else "sqlite"
        self.sender.put(trace, sum(len(step.text) for step in trace.steps))


def _ignore(_response: HttpResponseBase) -> None:
    """Do nothing at the end of a request that is not traced."""


def _find_user_kind(request: HttpRequest) -> str:
    """Return what kind of user asked, where the request has looked; never who."""
    caller = getattr(request, "caller", None)  # of the API
    if caller is not None:
        return str(caller.kind)
    user = getattr(request, "_cached_user", None)  # Django's, of a session that was looked at
    if user is None:
        return ""
    return "session" if user.is_authenticated else "anonymous"


# --- Steps ----------------------------------------------------------------------------------------


def trace_statements(connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Trace the statements of a connection from now on; a receiver of `connection_created`."""
    if _trace_statement not in connection.execute_wrappers:
        # At the front: whoever adds a wrapper for a while takes the last one away again.
        connection.execute_wrappers.insert(0, _trace_statement)


def _trace_statement(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any  # noqa: FBT001 (Django's)
) -> Any:  # fmt: skip
    trace = recording.get()
    if trace is None:
        return execute(sql, params, many, context)
    started_at = time.time()
    try:
        return execute(sql, params, many, context)
    finally:
        error = sys.exc_info()[0]
        trace.add(
            Step(
                kind="sql",
                text=str(sql),  # without its parameters
                span_id=make_span_id(),
                started_at=started_at,
                finished_at=time.time(),
                error="" if error is None else error.__name__,
                is_many=many,
            )
        )


@contextmanager
def trace_outgoing(_method: str, url: str) -> Iterator[Outgoing]:
    """Give a request of ours to others its `traceparent`, and record it."""
    context = current.get()
    if context is None:
        yield Outgoing()
        return
    child = context.make_child(is_sampled=context.is_sampled)
    exchange = Outgoing(headers={"traceparent": child.write_traceparent()})
    trace = recording.get()
    if trace is None:
        yield exchange
        return
    started_at, error = time.time(), ""
    try:
        yield exchange
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        trace.add(
            Step(
                kind="http",
                text=url,
                span_id=child.span_id,
                started_at=started_at,
                finished_at=time.time(),
                error=error,
                status=exchange.status,
            )
        )
