"""A proxy before the server that writes down what a client asks and what it is answered.

Keys are not written down: a request says whether it had the right one, a wrong one or none.
"""

import base64
import binascii
import http.client
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["Recorder"]

KEPT: Final = frozenset(
    {
        *("accept", "accept-language", "content-type", "idempotency-key", "if-match"),
        *("if-none-match", "mcp-protocol-version", "mcp-method", "mcp-name", "content-encoding"),
    }
)
NOT_PASSED_ON: Final = frozenset(
    {"connection", "transfer-encoding", "content-length", "keep-alive"}
)


class Recorder:
    """Listens on a free port and passes everything on to `target`.

    Attributes:
        exchanges: what was asked and answered, in order.
    """

    def __init__(self, target: str, keys: Mapping[str, str]) -> None:
        """Listen.

        Args:
            target: address of the server.
            keys: role → key.
        """
        self.exchanges: list[dict[str, Any]] = []
        self._target = urlsplit(target)
        self._keys = dict(keys)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the server, write both down, return its status, headers and body."""
        connection = http.client.HTTPConnection(
            self._target.hostname or "", self._target.port, timeout=60
        )
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        passed_on = []
        for name, value in response.getheaders():
            if name.lower() not in NOT_PASSED_ON:
                passed_on.append((name, value))
        kept = {}
        for name, value in headers.items():
            if name.lower() in KEPT:
                kept[name.lower()] = value
        request = {
            "method": method,
            "path": path,
            "headers": kept,
            "caller": self._find_caller(headers.get("Authorization", "")),
            **_write_body(body),
        }
        answered = {
            "status": response.status,
            "type": response.getheader("Content-Type", "").partition(";")[0],
            "etag": response.getheader("ETag", ""),
            "body": _read(answer),
        }
        with self._lock:
            self.exchanges.append({"request": request, "answer": answered})
        return response.status, passed_on, answer

    def _find_caller(self, header: str) -> str:
        """Return scheme and role of who asks, such as `Basic Viewer`; `Bearer -`: a wrong key."""
        scheme, _, value = header.partition(" ")
        if scheme == "Basic":
            try:
                value = base64.b64decode(value).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                value = ""
        for role, key in self._keys.items():
            if value == key:
                return f"{scheme} {role}"
        return f"{scheme} -" if scheme else ""


def _write_body(body: bytes) -> dict[str, Any]:
    """Return a body as JSON, as text, or as base64 where it is neither (protobuf, gzip)."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    return {"body": _read(body)}


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")


def _make_handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {}
            for name, value in self.headers.items():
                if name.lower() not in NOT_PASSED_ON and name.lower() != "host":
                    headers[name.title()] = value
            # The bodies are written down as text.
            headers["Accept-Encoding"] = "identity"
            status, passed_on, answer = recorder.exchange(self.command, self.path, headers, body)
            self.send_response_only(status)
            for name, value in passed_on:
                self.send_header(name, value)
            if status != http.HTTPStatus.NOT_MODIFIED:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (their names)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    return Handler
