"""A FAKE of somebody's service over HTTP on loopback: it keeps what came, byte for byte.

Every method is answered by the next step of a script, then by the last one again. It speaks no
protocol of its own: what a service of models would answer is the test's to say.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What is answered once."""

    body: Any = ""  # a text or bytes as they are; else JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Came:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeEndpoint:
    """The server."""

    def __init__(self, *replies: Reply) -> None:
        self.script = list(replies) or [Reply()]
        self.requests: list[Came] = []
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: Any) -> None:
                pass

            def _serve(self) -> None:
                fake.serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 (of the library)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, handler: Any) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0)).decode()
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self.lock:
            self.requests.append(Came(handler.command, handler.path, headers, body))
            reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        content = reply.body
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        raw = content.encode() if isinstance(content, str) else content
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
