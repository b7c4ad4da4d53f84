"""A front before a real server, like a balancer: it counts, and has bad days on order."""

import http.client
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

__all__ = ["Front", "Seen"]

NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Seen:
    """A request that came, and the status it got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0


@dataclass
class Trouble:
    """What happens to the next requests instead of a good answer."""

    times: int
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    is_cut: bool = False
    after_work: bool = False


class Front:
    """Passes requests on to `target`; `fail` breaks the next ones."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.seen: list[Seen] = []
        self.troubles: list[Trouble] = []
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, after `stop` on the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._make_handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening: the server is gone."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def fail(self, times: int = 1, **how: object) -> None:
        """Break the next requests: with a `status`, `body` and `headers`, `is_cut`, `seconds`.

        `after_work`: the server gets the request first, and its answer is lost.
        """
        self.troubles.append(Trouble(times, **how))  # type: ignore[arg-type]

    def statuses(self) -> list[int]:
        """Return the statuses of all answers so far."""
        return [request.status for request in self.seen]

    def _next_trouble(self) -> Trouble | None:
        with self._lock:
            for trouble in self.troubles:
                if trouble.times:
                    trouble.times -= 1
                    return trouble
        return None

    def _make_handler(front) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (`self` is the handler's)
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                seen = Seen(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                front.seen.append(seen)
                trouble = front._next_trouble()
                reply = None
                if trouble is None or trouble.after_work:
                    reply = front._pass_on(seen)
                if trouble is not None:
                    time.sleep(trouble.seconds)
                    if trouble.is_cut:
                        self.close_connection = True
                        return
                    reply = (trouble.status or 200, trouble.headers, trouble.body)
                assert reply is not None
                seen.status = reply[0]
                self.send_response(reply[0])
                for name, value in reply[1].items():
                    self.send_header(name, value)
                if reply[0] not in (204, 304):
                    self.send_header("Content-Length", str(len(reply[2])))
                self.end_headers()
                self.wfile.write(reply[2])

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (their names)

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler

    def _pass_on(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=30)
        try:
            connection.request(seen.method, seen.path, seen.body, seen.headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        headers = {}
        for name, value in response.getheaders():
            if name.lower() not in NOT_PASSED_ON:
                headers[name] = value
        return response.status, headers, body
