"""The proxy of the deployment: a real Caddy with our Caddyfile, in front of real servers."""

import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.caddy_server import CADDY, Caddy
from tests.support.gunicorn_server import GunicornServer
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(CADDY is None, reason="caddy is not installed in this environment"),
]

ROOT = Path(__file__).resolve().parents[2]
MEBIBYTE = 1024 * 1024


class Echo:
    """A server that answers with the headers that it got; /stream waits between two events."""

    def __init__(self, port: int = 0) -> None:
        self.go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._make_handler())
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _make_handler(echo):  # noqa: N805 (`self` is the handler's)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/stream":
                    self.stream()
                    return
                self.answer(json.dumps(dict(self.headers.items())).encode())

            def do_POST(self):
                size = len(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(str(size).encode())

            def answer(self, body):
                self.send_response(200)
                self.send_header("Server", "echo")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"data: 1\n\n")
                self.wfile.flush()
                echo.go_on.wait(30)
                self.wfile.write(b"data: 2\n\n")

            def log_message(self, *_arguments):
                pass

        return Handler


@pytest.fixture(scope="module")
def echo():
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture(scope="module")
def caddy(echo, tmp_path_factory):
    with Caddy(tmp_path_factory.mktemp("caddy"), blue=echo.address) as caddy:
        yield caddy


def connect(caddy):
    return http.client.HTTPSConnection("localhost", caddy.port, context=caddy.tls, timeout=30)


def get(caddy, path, **headers):
    connection = connect(caddy)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_it_says_where_a_request_came_from_and_believes_no_client(caddy):
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    response, body = get(caddy, "/", **forged, **{"X-Forwarded-Host": "evil.example"})
    headers = json.loads(body)
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Host"] == f"localhost:{caddy.port}"
    assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000;")
    assert "Server" not in response.headers


def test_it_believes_the_proxies_that_are_named(echo, tmp_path):
    with Caddy(tmp_path, blue=echo.address, ranges="127.0.0.0/8 ::1/128") as caddy:
        _, body = get(caddy, "/", **{"X-Forwarded-For": "203.0.113.9"})
    # TRUSTED_PROXIES=2 counts two entries from the end: the client that the other proxy saw.
    assert json.loads(body)["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"


def test_plain_http_is_redirected(caddy):
    connection = http.client.HTTPConnection("127.0.0.1", caddy.http_port, timeout=30)
    connection.request("GET", "/admin/", headers={"Host": "localhost"})
    response = connection.getresponse()
    assert response.status == 308
    assert response.headers["Location"].startswith("https://localhost")
    connection.close()


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/metrics/x", "/%6Detrics"])
def test_metrics_are_not_for_outside(caddy, path):
    response, body = get(caddy, path)
    assert (response.status, body) == (404, b"")


def test_events_are_passed_on_as_they_come(caddy, echo):
    connection = connect(caddy)
    connection.request("GET", "/stream")
    response = connection.getresponse()
    # The server sends the second one only when the first has arrived.
    assert response.readline() == b"data: 1\n"
    echo.go_on.set()
    assert b"data: 2" in response.read()
    connection.close()


@pytest.mark.parametrize(("size", "status"), [(41 * MEBIBYTE, 200), (43 * MEBIBYTE, 413)])
def test_large_bodies_end_at_the_proxy(caddy, size, status):
    request = urllib.request.Request(f"https://localhost:{caddy.port}/", data=b"x" * size)
    try:
        with urllib.request.urlopen(request, context=caddy.tls, timeout=60) as response:
            answered, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        answered, body = error.code, b""
    assert answered == status
    assert body in {b"", str(size).encode()}


def test_nobody_behind_it_is_a_short_page_that_says_when_to_come_again(tmp_path):
    with Caddy(tmp_path, blue="127.0.0.1:1", patience="300ms") as caddy:
        response, body = get(caddy, "/")
    assert (response.status, body) == (502, b"502 Bad Gateway")
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Cache-Control"] == "no-store"


def test_who_comes_while_a_server_starts_waits_for_it(tmp_path):
    port = free_port()
    with Caddy(tmp_path, blue=f"127.0.0.1:{port}") as caddy, ThreadPoolExecutor() as pool:
        answer = pool.submit(get, caddy, "/")
        wait_until(answer.running)
        late = Echo(port)
        response, _ = answer.result(30)
        late.close()
    assert response.status == 200


# --- A new version beside the old one -------------------------------------------------------------


STAGING = {
    "APP_ENV": "staging",
    "SECRET_KEY": "".join(f"{n:02x}" for n in range(40)),
    "ALLOWED_HOSTS": "localhost",
    "TRUSTED_PROXIES": "1",
}


class Load(threading.Thread):
    """Asks again and again, with kept connections and with new ones; counts what it is answered."""

    def __init__(self, caddy, key):
        super().__init__(daemon=True)
        self.caddy = caddy
        self.key = key
        self.ending = threading.Event()
        self.answers = Counter()

    def run(self):
        connection = None
        while not self.ending.is_set():
            for method, path, body in [
                ("GET", "/admin/login/", None),
                ("GET", "/health/live", None),
                ("POST", "/api/v1/prompts", b'{"title": ""}'),
            ]:
                connection = connection or connect(self.caddy)
                headers = {
                    "Authorization": f"Bearer {self.key}",
                    "Content-Type": "application/json",
                }
                try:
                    connection.request(method, path, body, headers)
                    response = connection.getresponse()
                    response.read()
                    self.answers[method, response.status] += 1
                except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                    self.answers[method, repr(error)] += 1
                    connection.close()
                    connection = None
            if connection and sum(self.answers.values()) % 2:
                connection.close()
                connection = None
        if connection:
            connection.close()


def wait_until(condition):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_the_switch_to_another_server_refuses_nobody(tmp_path, migrated_file):
    collect = [sys.executable, "scripts/collect_static.py"]
    subprocess.run(collect, cwd=ROOT, check=True, capture_output=True)
    folders = [tmp_path / name for name in ("blue", "green", "caddy")]
    for folder in folders:
        folder.mkdir()
    servers = []
    caddy = None
    try:
        servers = [GunicornServer(folder, migrated_file, **STAGING) for folder in folders[:2]]
        blue, green = servers
        behind = {"blue": f"127.0.0.1:{blue.port}", "green": f"127.0.0.1:{green.port}"}
        with Caddy(folders[2], **behind) as caddy:
            clients = [Load(caddy, blue.key) for _ in range(4)]
            for client in clients:
                client.start()
            wait_until(lambda: all(sum(c.answers.values()) > 20 for c in clients))
            assert "request_finished" not in green.read_log().replace('"/health/live"', "")
            caddy.switch(green=True)
            # As host.py does: what has begun there may end, then the old one is told to stop.
            blue.process.terminate()
            blue.process.wait(40)
            before = [sum(client.answers.values()) for client in clients]
            wait_until(
                lambda: all(
                    sum(c.answers.values()) > n + 20 for c, n in zip(clients, before, strict=True)
                )
            )
            for client in clients:
                client.ending.set()
            for client in clients:
                client.join(30)
        assert "request_finished" in green.read_log()
    finally:
        for server in servers:
            server.close()
    answers = sum((client.answers for client in clients), Counter())
    assert {key for key in answers if key[0] == "GET"} == {("GET", 200)}
    # The blue server's key is unknown to the green one: 401 there, 422 here, and nothing else.
    assert {status for method, status in answers if method == "POST"} <= {400, 401, 422}
