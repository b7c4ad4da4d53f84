"""Replicas of real libSQL servers."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from django_hrana.driver.endpoint import Endpoint
from django_hrana.replica.client import LogClient
from django_hrana.replica.files import state_path
from django_hrana.replica.process import REGISTRY, find_replica
from django_hrana.replica.reader import Reader
from django_hrana.replica.state import State, StateFile
from django_hrana.replica.syncing import Store, name_database, sync

NEVER = 1 << 62  # later than any moment of the clock: everybody must ask


class Follower:
    """A replica that follows when it is told to, without a thread."""

    def __init__(self, path: Path, url: str, namespace: str | None = None, token=None) -> None:
        endpoint = Endpoint.parse(url, namespace)
        self.client = LogClient(endpoint, token, 20)
        self.store = Store(
            path=path, database=name_database(endpoint), state=StateFile(state_path(path))
        )

    def follow(self) -> State:
        """Run a round, and return the state."""
        sync(self.store, self.client, NEVER)
        state = self.store.state.read()
        assert state is not None
        return state

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Return what SQLite reads in each of the two files, which must be the same."""
        answers = []
        for path in self.store.files:
            uri = f"{path.as_uri()}?mode=ro&immutable=1"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                answers.append(connection.execute(sql).fetchall())
        assert answers[0] == answers[1]
        return answers[0]

    def close(self) -> None:
        self.client.close()
        self.store.state.close()


@pytest.fixture
def follower(tmp_path) -> Iterator[Callable[..., Follower]]:
    """Return a function that makes a replica of a server."""
    opened: list[Follower] = []

    def make(url: str, namespace: str | None = None, **options) -> Follower:
        path = options.pop("path", tmp_path / "replica.db")
        opened.append(Follower(path, url, namespace, **options))
        return opened[-1]

    yield make
    for replica in opened:
        replica.close()


@pytest.fixture
def open_reader(tmp_path) -> Iterator[Callable[..., Reader]]:
    """Return a function that opens a replica as this process's, with its thread."""
    readers: list[Reader] = []

    def make(url: str, namespace: str | None = None, **options) -> Reader:
        given = {"token": None, "timeout_seconds": 20, "sync_seconds": 0.05, "max_age_seconds": 10}
        path = options.pop("path", tmp_path / "replica.db")
        replica = find_replica(path, Endpoint.parse(url, namespace), **(given | options))
        readers.append(Reader(replica))
        return readers[-1]

    yield make
    for reader in readers:
        reader.close()
        reader.replica.stop()
    REGISTRY.replicas.clear()
