"""scripts/smoke.py against a real server, and against one that lies."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autoforge import __version__
from tests.support.caddy_server import CADDY, Caddy
from tests.support.gunicorn_server import GunicornServer
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.once


def smoke(*arguments, **variables):
    done = subprocess.run(
        [sys.executable, "scripts/smoke.py", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory, migrated_file):
    collect = [sys.executable, "scripts/collect_static.py"]
    subprocess.run(collect, cwd=ROOT, check=True, capture_output=True)
    server = GunicornServer(
        tmp_path_factory.mktemp("server"),
        migrated_file,
        APP_ENV="staging",
        SECRET_KEY="".join(f"{n:02x}" for n in range(40)),
        ALLOWED_HOSTS=".wild.example,localhost",
    )
    yield server
    server.close()


def test_inside_it_asks_as_the_proxy_would(server):
    url = f"http://127.0.0.1:{server.port}"
    options = ("--inside", "--version", __version__)
    status, output = smoke(url, *options, **server.environment)
    assert status == 0, output
    assert output.splitlines()[-1] == f"{url} works."
    assert [line.strip()[2:].partition(":")[0] for line in output.splitlines()[:-1]] == [
        "live",
        "ready",
        "version",
        "login page and static files",
        "API",
    ]


@pytest.mark.skipif(CADDY is None, reason="caddy is not installed in this environment")
def test_through_the_proxy_it_checks_tls_and_what_must_not_be_there(server, tmp_path):
    with Caddy(tmp_path, blue=f"127.0.0.1:{server.port}") as caddy:
        connect = ("--connect", f"127.0.0.1:{caddy.port}", "--patience", "0")
        # The name is the site's, whatever the address is.
        trusted = ("--ca", str(caddy.authority))
        status, output = smoke("https://localhost", *connect, *trusted, "--version", __version__)
        assert status == 0, output
        assert "✓ from outside: no metrics, HSTS" in output
        status, output = smoke("https://localhost", *connect)
        assert status == 1
        assert "certificate verify failed" in output
        status, output = smoke("https://other.example", *connect, *trusted)
        assert status == 1


def test_another_version_is_red(server):
    url = f"http://127.0.0.1:{server.port}"
    options = ("--inside", "--version", "9.9", "--patience", "0")
    status, output = smoke(url, *options, **server.environment)
    assert status == 1
    assert f"✗ version: it is {__version__}, and 9.9 was expected" in output
    assert "does not work as it should" in output


def test_nobody_there_is_red():
    status, output = smoke(f"http://127.0.0.1:{free_port()}", "--patience", "0")
    assert status == 1
    assert output.count("Connection refused") == 6


@pytest.mark.parametrize("url", ["ftp://x", "x", "http://"])
def test_what_is_no_address_is_wrong_usage(url):
    status, output = smoke(url)
    assert status == 2
    assert "is not http://host or https://host" in output


# --- A server that lies ---------------------------------------------------------------------------

LOGIN = '<form><input name="csrfmiddlewaretoken"></form><link href="/static/a.0123456789ab.css">'
GOOD = {
    "/health/live": (200, "application/json", "{}"),
    "/health/ready": (
        200,
        "application/json",
        json.dumps({"status": "healthy", "checks": [{"name": "database", "status": "healthy"}]}),
    ),
    "/api/openapi.json": (200, "application/json", '{"info": {"version": "1.2"}}'),
    "/admin/login/": (200, "text/html", LOGIN),
    "/static/a.0123456789ab.css": (200, "text/css", "a{}"),
    "/api/v1/prompts": (401, "application/problem+json", "{}"),
    "/metrics": (404, "text/plain", ""),
}
RED = json.dumps(
    {
        "status": "unhealthy",
        "checks": [
            {"name": "database", "status": "healthy"},
            {"name": "migrations", "status": "unhealthy"},
        ],
    }
)


@pytest.fixture
def liar():
    answers = dict(GOOD)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, body = answers[self.path]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield answers, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        ("/health/live", (503, "text/plain", ""), "live: answered 503"),
        ("/health/ready", (503, "application/json", RED), "ready: answered 503, red: migrations"),
        ("/health/ready", (502, "text/html", "<p>"), "ready: the body is no JSON: b'<p>'"),
        ("/api/openapi.json", (200, "application/json", "{}"), "version: 'info'"),
        ("/admin/login/", (500, "text/html", ""), "static files: answered 500"),
        ("/admin/login/", (200, "text/html", "<p>"), "static files: the page has no form"),
        (
            "/static/a.0123456789ab.css",
            (404, "text/html", ""),
            "static files: /static/a.0123456789ab.css answered 404 (text/html)",
        ),
        (
            "/api/v1/prompts",
            (200, "application/json", "[]"),
            "API: answered 200 (application/json) to a request without a key",
        ),
        ("/metrics", (200, "text/plain", "x 1"), "/metrics answered 200 to the outside"),
    ],
)
def test_each_answer_that_is_wrong_is_told(liar, path, answer, sentence):
    answers, url = liar
    assert smoke(url, "--patience", "0")[0] == 0
    answers[path] = answer
    status, output = smoke(url, "--patience", "0")
    assert status == 1
    [line] = [line for line in output.splitlines() if "✗" in line]
    assert sentence in line


def test_what_is_tolerated_is_told_and_not_red(liar):
    answers, url = liar
    answers["/health/ready"] = (503, "application/json", RED)
    status, output = smoke(url, "--patience", "0", "--tolerate", "migrations")
    assert status == 0
    assert "✓ ready: 503, tolerated: migrations" in output
