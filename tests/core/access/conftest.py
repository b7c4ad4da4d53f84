"""A fake Clerk for the tests of its tokens and keys."""

import pytest

from tests.support.fake_clerk import World


@pytest.fixture
def world():
    world = World()
    yield world
    world.clerk.stop()
