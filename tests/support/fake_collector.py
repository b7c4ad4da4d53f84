"""A fake collector of traces: OTLP's protobuf over real HTTP on loopback, answers by a script.

It decodes what comes with the messages of `opentelemetry-proto`, as real collectors do.
"""

import gzip
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

__all__ = ["FakeCollector", "ReceivedSpan", "Reply", "wait_until"]


@dataclass
class Reply:
    """What one request is answered with."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    rejected: int = 0
    """Spans that are said not to have been taken."""
    delay_seconds: float = 0.0
    hangs: bool = False
    """Whether nothing is answered until the collector is closed."""


@dataclass
class ReceivedSpan:
    """A span as it came."""

    name: str
    kind: int
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start: float
    end: float
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    status: int
    message: str
    resource: dict[str, Any]


class FakeCollector:
    """The server; `script` is used up from its front, then every request is taken."""

    def __init__(self, *replies: Reply, port: int = 0) -> None:
        self.script = list(replies)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.spans: list[ReceivedSpan] = []
        self.lock = threading.Lock()
        self._closing = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: Any) -> None:
                pass

            def do_POST(self) -> None:
                collector.serve(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """End it; the connections of hanging requests are closed."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            reply = self.script.pop(0) if self.script else Reply()
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.requests.append((handler.path, headers))
            self.bodies.append(body)
        if reply.hangs:
            self._closing.wait()
            return
        time.sleep(reply.delay_seconds)
        if reply.status == 200:
            spans = _read(body)
            with self.lock:
                self.spans += spans
        answer = ExportTraceServiceResponse()
        if reply.rejected:
            answer.partial_success.rejected_spans = reply.rejected
        content = answer.SerializeToString()
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _read(body: bytes) -> list[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(gzip.decompress(body))
    spans = []
    for group in request.resource_spans:
        resource = _read_attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                events = [(event.name, _read_attributes(event.attributes)) for event in span.events]
                spans.append(
                    ReceivedSpan(
                        name=span.name,
                        kind=span.kind,
                        trace_id=span.trace_id,
                        span_id=span.span_id,
                        parent_id=span.parent_span_id,
                        start=span.start_time_unix_nano / 1e9,
                        end=span.end_time_unix_nano / 1e9,
                        attributes=_read_attributes(span.attributes),
                        events=events,
                        status=span.status.code,
                        message=span.status.message,
                        resource=resource,
                    )
                )
    return spans


def _read_attributes(pairs: Any) -> dict[str, Any]:
    values = {}
    for pair in pairs:
        assert isinstance(pair, KeyValue)
        assert pair.key not in values, f"{pair.key} is there twice"
        kind = pair.value.WhichOneof("value")
        if kind == "array_value":
            values[pair.key] = [part.string_value for part in pair.value.array_value.values]
        else:
            values[pair.key] = getattr(pair.value, kind)
    return values


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    """Wait for what another thread does; fail where it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
