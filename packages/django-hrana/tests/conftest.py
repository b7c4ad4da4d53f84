"""Real libSQL servers for the tests of the driver and the backend.

They run from this package's folder alone (`pip install -e ".[test]" && pytest`), with settings of
their own: hrana_support.settings.
"""

import itertools
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from django_hrana import driver
from hrana_support.fault_proxy import FaultProxy
from hrana_support.sqld import Server

NUMBERS = itertools.count()

# A busy machine is no failure.
hypothesis_settings.register_profile("ours", deadline=None)
hypothesis_settings.load_profile("ours")


def pytest_configure() -> None:
    """Refuse to run under the settings of another project, whose tests are in the same run."""
    if settings.SETTINGS_MODULE != "hrana_support.settings":
        raise pytest.UsageError(
            "The tests of django-hrana have settings of their own: run them by themselves, "
            "with the folder packages/django-hrana/tests as the only one."
        )


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Begin every test in English."""
    with translation.override("en"):
        yield


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
