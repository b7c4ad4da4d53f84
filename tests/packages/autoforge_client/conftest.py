"""A real server, a front that can break before it, and clients with keys of roles."""

import itertools

import pytest
from django.core.management import call_command

from core.access import services
from tests.support.front import Front


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait a moment where a program would wait seconds."""
    from autoforge_client import client, connection

    monkeypatch.setattr(client, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(connection, "FIRST_WAIT", 0.002)
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.0)


@pytest.fixture
def front(live_server):
    """Give the front before a real server."""
    front = Front(live_server.url)
    yield front
    front.stop()


@pytest.fixture
def new_key(transactional_db):
    """Make a key of a role."""
    call_command("sync_roles", verbosity=0)  # tests like these empty the tables

    numbers = itertools.count(1)

    def make(role="Administrator", **more):
        options = {"requests_per_minute": 0, **more}
        name = f"{role} {next(numbers)}"
        return services.create_key(name=name, role=role, **options).text

    return make
