"""Who is answered at /metrics, and what the answer is."""

import pytest
from django.test import Client

from autoforge.logging.limits import limits
from autoforge.metrics.endpoint import CONTENT_TYPE
from tests.support.prometheus import check_with_promtool, read_samples

TOKEN = "metrics-token-of-the-tests-0123456789"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def direct(settings):
    """A client on this machine, and no token."""
    settings.METRICS_TOKEN, settings.TRUSTED_PROXIES, settings.IS_LOCAL = None, 0, True
    return Client()


def test_prometheus_reads_the_answer(direct):
    direct.get("/health/live")
    answer = direct.get("/metrics")
    assert (answer.status_code, answer["Content-Type"]) == (200, CONTENT_TYPE)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Length"] == str(len(answer.content))
    samples = read_samples(answer.content.decode())
    assert samples["autoforge_database_up", ()] == 1
    assert samples["autoforge_migrations_pending", ()] == 0
    assert ("autoforge_redis_up", ()) not in samples  # none is configured
    names = {name for name, _labels in samples}
    assert all(name.startswith("autoforge_") for name in names)
    assert not any(name.endswith("_created") for name in names)


def test_promtool_has_nothing_to_say(direct):
    direct.get("/health/live")
    assert (
        check_with_promtool("check", "metrics", text=direct.get("/metrics").content.decode()) == ""
    )


@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "127.8.9.10"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.1"}, 404),
        ({"REMOTE_ADDR": "::ffff:192.0.2.1"}, 404),
        ({"REMOTE_ADDR": ""}, 404),
        ({"REMOTE_ADDR": "unix:"}, 404),
        # What a caller writes makes nobody local …
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_REAL_IP": "127.0.0.1"}, 404),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_FORWARDED": "for=127.0.0.1"}, 404),
        # … and a proxy on this machine speaks for others.
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.1"}, 404),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, 404),
        ({"HTTP_X_FORWARDED_HOST": "example.com"}, 404),
        ({"HTTP_X_REAL_IP": "127.0.0.1"}, 404),
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, 404),
        ({"HTTP_VIA": "1.1 proxy"}, 404),
    ],
)
def test_without_a_token_only_a_direct_client_of_this_machine_is_answered(direct, meta, status):
    assert direct.get("/metrics", **meta).status_code == status


def test_a_server_behind_proxies_answers_nobody_without_a_token(direct, settings):
    settings.TRUSTED_PROXIES = 1
    assert direct.get("/metrics").status_code == 404


def test_outside_of_local_a_token_is_needed_from_everybody(direct, settings):
    settings.IS_LOCAL = False
    answer = direct.get("/metrics")
    assert (answer.status_code, answer.content) == (404, b"Not found.\n")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN.upper()}", 401),
        ("Bearer \xe9\u3042", 401),
        ("Bearer \udce9", 401),
    ],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1"])
def test_with_a_token_whoever_carries_it_is_answered(direct, settings, header, status, address):
    settings.METRICS_TOKEN, settings.IS_LOCAL, settings.TRUSTED_PROXIES = TOKEN, False, 2
    meta = {"REMOTE_ADDR": address, "HTTP_AUTHORIZATION": header}
    answer = direct.get("/metrics", **meta)
    assert answer.status_code == status
    if status == 401:
        assert answer["WWW-Authenticate"] == 'Bearer realm="metrics"'
        assert TOKEN not in answer.content.decode()


def test_it_is_asked_with_get_alone(direct):
    assert direct.head("/metrics").status_code == 200
    refused = direct.post("/metrics")
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")


def test_prometheus_need_not_know_the_name_of_the_site_nor_speak_tls(direct, settings):
    settings.METRICS_TOKEN, settings.ALLOWED_HOSTS = TOKEN, ["example.com"]
    settings.SECURE_SSL_REDIRECT = True
    header = {"authorization": f"Bearer {TOKEN}", "host": "web:8000"}
    assert direct.get("/metrics", headers=header).status_code == 200
    assert Client().get("/health/live", headers={"host": "web:8000"}).status_code in {301, 400}


def test_a_scrape_has_no_line_in_the_log_unless_it_fails(direct, settings, caplog):
    limits.forget()
    direct.get("/metrics")
    assert "request_finished" not in caplog.text
    settings.METRICS_TOKEN = TOKEN
    direct.get("/metrics")
    assert any(record.name == "autoforge.requests" for record in caplog.records)
