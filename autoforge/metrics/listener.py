"""The port on which a worker of the queue answers Prometheus: METRICS_HOST and METRICS_PORT.

A worker serves no pages, so it has a small server of its own, in threads of its process. Without
METRICS_TOKEN it listens on this machine alone (`autoforge.environment` refuses another address).
"""

import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from django.conf import settings

from autoforge.metrics.endpoint import PATH, has_token
from autoforge.metrics.exposition import CONTENT_TYPE, write_metrics

__all__ = ["Listener"]

SOCKET_SECONDS: Final = 10.0  # who sends nothing for so long is gone
TEXT: Final = "text/plain; charset=utf-8"


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = SOCKET_SECONDS
    server_version = "AutoForge"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the numbers of this process; 401 without the right token."""
        if self.path.partition("?")[0] != PATH:
            self._send(HTTPStatus.NOT_FOUND, b"Not found.\n", TEXT)
        elif settings.METRICS_TOKEN and not has_token(self.headers.get("Authorization", "")):
            text = b"A token is required: METRICS_TOKEN.\n"
            self._send(HTTPStatus.UNAUTHORIZED, text, TEXT)
        else:
            self._send(HTTPStatus.OK, write_metrics(with_readings=False), CONTENT_TYPE)

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Bearer realm="metrics"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: Prometheus asks all the time."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing of a client that has gone."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class Listener:
    """A port that answers from its making until it is closed.

    Args:
        host: the address to listen on; IPv6 without brackets.
        port: the TCP port; 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is none of this machine's.
    """

    def __init__(self, host: str, port: int) -> None:
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), _Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
