"""A receiver, and endpoints on it."""

from datetime import UTC, datetime, timedelta

import pytest

from core.events.services import endpoints
from tests.support.webhook_receiver import Receiver


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def create(receiver):
    """Return what makes an endpoint of the receiver, and its secret."""

    def create(name="team", **fields):
        values = {"name": name, "url": receiver.url, "event_types": ["label.moved"], **fields}
        return endpoints.create_endpoint(**values)

    return create


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now

    def pass_by(self, **by):
        self.now += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()
