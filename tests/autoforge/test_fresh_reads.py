"""Which requests may be answered from a replica, and what the variable that asks for one does."""

import asyncio
import time

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from autoforge.environment import ConfigurationError, load
from autoforge.health.errors import ProbeError
from autoforge.health.probes import replica
from autoforge.web.fresh_reads import read_pages_from_replica
from django_hrana.replica.sessions import SESSION, Session


def see_session(_request):
    return HttpResponse(str(SESSION.get().required_ns))


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "is_page"),
    [
        ("GET", "/admin/", True),
        ("HEAD", "/admin/prompts/prompt/", True),
        ("POST", "/admin/prompts/prompt/add/", False),
        ("GET", "/api/v1/prompts", False),
        ("GET", "/health/ready", False),
        ("GET", "/v1/models", False),
        ("POST", "/mcp", False),
        ("GET", "/", False),
    ],
)
def test_only_pages_may_be_older_than_the_request(method, path, is_page, is_async):
    request = RequestFactory().generic(method, path)
    before_ns = time.monotonic_ns()
    reset = SESSION.set(Session(required_ns=7))
    try:
        if is_async:

            async def see_async(request):
                await asyncio.sleep(0)
                return see_session(request)

            response = asyncio.run(read_pages_from_replica(see_async)(request))
        else:
            response = read_pages_from_replica(see_session)(request)
    finally:
        SESSION.reset(reset)
    required_ns = int(response.content)
    assert required_ns == 7 if is_page else required_ns >= before_ns


def variables(url, place, tmp_path):
    return load({"APP_ENV": "local", "DATABASE_URL": url, "LIBSQL_REPLICA": place}, tmp_path)


def test_the_copy_is_in_the_options_of_a_server(tmp_path):
    environment = variables("http://127.0.0.1:9", "data/r.db", tmp_path)
    options = environment.databases["default"]["OPTIONS"]
    assert options == {"replica": str(tmp_path / "data/r.db"), "replica_reads": "requests"}


def test_a_file_needs_no_copy(tmp_path):
    environment = variables("sqlite:///a.db", "data/r.db", tmp_path)
    assert "replica" not in environment.databases["default"]["OPTIONS"]
    assert environment.notes == ("LIBSQL_REPLICA has no effect: the database is a file already.",)


@pytest.mark.parametrize("place", ["data/", "s3://bucket/r.db", "a\nb", "."])
def test_what_is_no_file_is_refused(place, tmp_path):
    with pytest.raises(ConfigurationError, match="LIBSQL_REPLICA"):
        variables("http://127.0.0.1:9", place, tmp_path)


@pytest.fixture
def place(settings, monkeypatch, tmp_path):
    path = tmp_path / "r.db"
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {"replica": str(path)})
    return path


def test_the_probe_without_a_copy(settings, monkeypatch, place):
    assert replica.probe() == "no copy yet: the server answers all reads"
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {})
    assert replica.probe() == "no replica is used"


def test_the_probe_of_what_cannot_be_read(place):
    place.with_name("r.db-state").mkdir()
    with pytest.raises(ProbeError, match="the replica cannot be read"):
        replica.probe()
