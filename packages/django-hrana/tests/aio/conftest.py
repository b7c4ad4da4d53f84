"""A libSQL database with tables of authors and books, for asynchronous querysets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import ConnectionHandler, connections

from django_hrana.aio.connections import LOOPS
from hrana_support.library import LIBSQL, MODELS, SQLITE, Author, Book, forget_connection


@pytest.fixture
def database_options() -> dict[str, Any]:
    """Return more OPTIONS for the database."""
    return {}


@pytest.fixture(autouse=True)
def _library(
    libsql_server: Any, namespace: str, database_options: dict[str, Any], django_db_blocker: Any
) -> Iterator[None]:
    entries = {
        "default": {},
        SQLITE: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        LIBSQL: {
            "ENGINE": "django_hrana",
            "NAME": libsql_server.url,
            "OPTIONS": {"namespace": namespace, **database_options},
        },
    }
    complete = ConnectionHandler(entries).settings
    with django_db_blocker.unblock():
        for alias in (SQLITE, LIBSQL):
            connections.settings[alias] = complete[alias]
        with connections[LIBSQL].schema_editor() as editor:
            for model in MODELS:
                editor.create_model(model)
        yield
        for alias in (SQLITE, LIBSQL):
            connections[alias].close()
            del connections[alias]
            del connections.settings[alias]


@pytest.fixture
def _books(_library: None) -> None:
    """Fill the tables."""
    for number in range(3):
        author = Author.plain.using(LIBSQL).create(name=f"author {number}", age=30 + number)
        for price in range(number + 1):
            Book.plain.using(LIBSQL).create(
                author=author,
                title=f"{number}.{price}",
                price=f"{number}.{price}5",
                data={"n": price},
            )


Ask = Callable[[], Awaitable[Any]]


async def _ask(ask: Ask) -> tuple[Any, int]:
    try:
        try:
            answer = await ask()
        except Exception as error:  # noqa: BLE001 (it is compared)
            answer = error
        loop = LOOPS.get(asyncio.get_running_loop())
        trips = 0
        if loop is not None:
            trips = sum(connection.round_trips for connection in loop._connections.values())
        return answer, trips
    finally:
        await sync_to_async(forget_connection)()


@pytest.fixture
def ask_in_loop() -> Callable[[Ask], tuple[Any, int]]:
    """Return a function that runs a question in an event loop of its own.

    It returns the answer, or the exception, and how many statements the loop itself has sent.
    """
    return lambda ask: asyncio.run(_ask(ask))
