"""Real libSQL servers for the tests of the driver and the backend."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from launch.sqld import Server

from django_hrana import driver
from tests.support.fault_proxy import FaultProxy

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def libsql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server with namespaces that all tests of this process share."""
    with Server(tmp_path_factory.mktemp("sqld"), namespaces=True, idle_seconds=7200) as server:
        yield server


@pytest.fixture
def namespace(libsql_server: Server) -> Iterator[str]:
    """Return the name of an empty database."""
    name = f"n{next(NUMBERS)}"
    libsql_server.create(name)
    yield name
    libsql_server.admin("DELETE", f"/v1/namespaces/{name}")


@pytest.fixture
def own_server(tmp_path) -> Iterator[Server]:
    """Return a server that the test may kill."""
    with Server(tmp_path / "sqld", idle_seconds=600) as server:
        yield server


@pytest.fixture
def connect(libsql_server: Server, namespace: str) -> Iterator[Callable[..., driver.Connection]]:
    """Return a function that connects to the empty database."""
    opened: list[driver.Connection] = []

    def open_one(url: str | None = None, **options) -> driver.Connection:
        options = {"autocommit": True, "namespace": namespace, "timeout": 20} | options
        connection = driver.connect(url or libsql_server.url, **options)
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def proxy(libsql_server: Server) -> Iterator[FaultProxy]:
    """Return a proxy in front of the shared server."""
    proxy = FaultProxy(libsql_server.port)
    yield proxy
    proxy.close()
