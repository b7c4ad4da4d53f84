"""What pages of prompts cost, whatever the number of rows: round trips, on SQLite queries."""

from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from prompts import services
from prompts.models import Prompt

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def at_most(limit):
    """Count what goes to the server; where there is none, the queries."""
    connection.ensure_connection()
    before = getattr(connection.connection, "round_trips", None)
    with CaptureQueriesContext(connection) as queries:
        yield
    asked = len([query for query in queries if not query["sql"].startswith(("BEGIN", "PRAGMA"))])
    assert asked <= limit, [query["sql"][:120] for query in queries]
    if before is not None:
        assert connection.connection.round_trips - before <= limit


@pytest.fixture
def visitor(client, owner, settings):
    """Return a superuser's client, with sessions in the cache."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    client.force_login(owner)
    return client


def fill(count):
    for number in range(count):
        prompt = services.create_prompt(title=f"Reply {number}", content="one", tags=["a"])
        services.edit_prompt(prompt_id=prompt.pk, content="two", title=f"Answer {number}")
        services.move_label(prompt_id=prompt.pk, label="production", number=1)


@pytest.mark.parametrize("count", [1, 60])
def test_the_list(visitor, count):
    fill(count)
    visitor.get("/admin/prompts/prompt/")  # warms what a process asks for once
    for query in ("", "?q=answer", "?q=an", "?status__exact=draft", "?o=-1"):
        with at_most(4):
            assert visitor.get(f"/admin/prompts/prompt/{query}").status_code == 200, query


@pytest.mark.parametrize("count", [1, 60])
def test_the_editor(visitor, count):
    fill(3)
    prompt = Prompt.objects.first()
    for number in range(count):
        services.edit_prompt(prompt_id=prompt.pk, content=f"text {number}")
        services.move_label(prompt_id=prompt.pk, label=f"label-{number}", number=number + 1)
    path = f"/admin/prompts/prompt/{prompt.pk}/change/"
    visitor.get(path)
    with at_most(6):
        assert visitor.get(path).status_code == 200
