"""A fake of Sentry's intake: envelopes over real HTTP on loopback, checked as the protocol says.

Source: https://develop.sentry.dev/sdk/data-model/envelopes/. tests/autoforge/sentry proves with
Sentry's own SDK that it takes what real clients send.
"""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["FakeSentry"]

KEY = "0123456789abcdef0123456789abcdef"
AUTH = re.compile(r"Sentry (\w+=[^,]+)(, ?\w+=[^,]+)*")


class FakeSentry:
    """The server; the statuses of `script` are used up first, then every event is taken."""

    def __init__(self, *script: int) -> None:
        self.script = list(script)
        self.events: list[dict[str, Any]] = []
        self.requests: list[dict[str, str]] = []
        self.faults: list[str] = []
        self.lock = threading.Lock()
        sentry = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: Any) -> None:
                pass

            def do_POST(self) -> None:
                sentry.serve(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.dsn = f"http://{KEY}@127.0.0.1:{self.port}/prefix/42"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        with self.lock:
            self.requests.append(headers)
            status = self.script.pop(0) if self.script else 200
            if status == 200:
                try:
                    assert handler.path == "/prefix/api/42/envelope/", handler.path
                    _check_auth(headers["x-sentry-auth"])
                    self.events += _read_envelope(body)
                except (AssertionError, KeyError, ValueError) as fault:
                    self.faults.append(repr(fault))
                    status = 400
        handler.send_response(status)
        if status == 429:
            handler.send_header("Retry-After", "60")
        content = b'{"id": "x"}'
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _check_auth(header: str) -> None:
    assert AUTH.fullmatch(header), header
    fields = dict(part.strip().split("=", 1) for part in header.removeprefix("Sentry ").split(","))
    assert fields["sentry_version"] == "7", header
    assert fields["sentry_key"] == KEY, header
    assert fields["sentry_client"], header


def _read_envelope(body: bytes) -> list[dict[str, Any]]:
    """Return the events of an envelope; whatever the protocol does not allow is an error."""
    line, _, rest = body.partition(b"\n")
    header = json.loads(line)
    events = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        if not line:
            continue
        item = json.loads(line)
        length = item["length"]
        payload, rest = rest[:length], rest[length:]
        assert len(payload) == length, "the payload is shorter than it says"
        assert rest[:1] in {b"", b"\n"}, "the payload is longer than it says"
        rest = rest[1:]
        if item["type"] == "event":
            event = json.loads(payload)
            _check_event(event)
            assert event["event_id"] == header["event_id"], "another event is announced"
            events.append(event)
    assert len(events) <= 1, "an envelope holds one event at most"
    return events


def _check_event(event: dict[str, Any]) -> None:
    """Check what the protocol demands: ids, times, levels, and the shape of exceptions."""
    assert re.fullmatch(r"[0-9a-f]{32}", event["event_id"]), event["event_id"]
    assert isinstance(event["timestamp"], int | float | str)
    assert event["platform"] == "python"
    assert event["level"] in {"fatal", "error", "warning", "info", "debug"}
    for value in event.get("exception", {}).get("values", []):
        assert value["type"]
        for frame in value.get("stacktrace", {}).get("frames", []):
            assert frame["filename"] or frame["function"]
            assert frame["lineno"] is None or frame["lineno"] > 0
    for name, value in event.get("tags", {}).items():
        assert len(name) <= 32, name
        assert len(value) <= 200, value
