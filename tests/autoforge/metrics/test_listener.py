"""The port of a worker."""

import http.client
import socket

import pytest

from autoforge.metrics.listener import Listener
from tests.support.prometheus import read_samples

TOKEN = "metrics-token-of-the-tests-0123456789"


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request):
    try:
        listener = Listener(request.param, 0)
    except OSError:
        pytest.skip(f"this machine has no {request.param}")
    listener.host = request.param
    yield listener
    listener.close()


def ask(listener, path: str = "/metrics", method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection(listener.host, listener.port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_it_tells_what_its_process_has_counted_and_nothing_of_the_database(listener, settings):
    settings.METRICS_TOKEN = None
    answer, body = ask(listener)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {name for name, _labels in read_samples(body)}
    assert "autoforge_build_info" in names
    assert "autoforge_webhook_deliveries_total" in names
    assert "autoforge_database_up" not in names  # the site tells it


def test_with_a_token_it_asks_for_it(listener, settings):
    settings.METRICS_TOKEN = TOKEN
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"}):
        answer, body = ask(listener, **headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="metrics"'
        assert "autoforge" not in body
    assert ask(listener, Authorization=f"Bearer {TOKEN}")[0].status == 200


def test_there_is_nothing_else(listener, settings):
    settings.METRICS_TOKEN = None
    assert ask(listener, "/")[0].status == 404
    assert ask(listener, "/metrics?name=x")[0].status == 200
    assert ask(listener, method="POST")[0].status == 501


def test_a_client_that_goes_away_disturbs_nobody(listener, settings, capfd):
    settings.METRICS_TOKEN = None
    for _ in range(5):
        with socket.create_connection((listener.host, listener.port)) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
    assert ask(listener)[0].status == 200
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Listener("127.0.0.1", taken.getsockname()[1])
