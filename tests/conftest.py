"""What every test gets: a clean environment, a database of its own, real servers on request.

The database is a SQLite file, or with TEST_DATABASE=libsql one on a real libSQL server, which each
test process starts for itself.
"""

import atexit
import math
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
import pytest_django
from launch.sqld import Server

ROOT = Path(__file__).resolve().parent.parent


def _clean_environment() -> None:
    """Keep the machine's own configuration out, before anything reads the settings."""
    from autoforge.environment import VARIABLES

    for variable in VARIABLES:
        os.environ.pop(variable.name, None)
        os.environ.pop(f"{variable.name}_FILE", None)
    os.environ["ENV_FILE"] = str(ROOT / "tests" / "test.env")
    os.environ["DJANGO_SETTINGS_MODULE"] = "autoforge.settings"


def _start_libsql() -> Server | None:
    """Start a libSQL server where it is asked for."""
    if os.environ.get("TEST_DATABASE") != "libsql":
        return None
    folder = Path(tempfile.mkdtemp(prefix="autoforge-libsql-"))
    server = Server(folder, namespaces=True, idle_seconds=7200).start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)  # the last one registered is the first one run
    os.environ["DATABASE_URL"] = server.url
    return server


def _take_interruptions() -> None:
    """Let Ctrl-C reach the programs that tests start, also where a shell runs us behind itself.

    A shell without job control starts what it does not wait for with SIGINT ignored, and programs
    pass that on to theirs.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_clean_environment()
_take_interruptions()
LIBSQL = _start_libsql()
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_serialized_rollback", "live_server"}

# Here, not by an option of pytest: that would read the settings before the line above.
django.setup()

from django.conf import settings as django_settings  # noqa: E402 (django is set up first)

# What the processes that tests start hash stays as slow as the product's, and both are read.
django_settings.PASSWORD_HASHERS = [
    "tests.support.hashers.QuickArgon2",
    *django_settings.PASSWORD_HASHERS[1:],
]

from hypothesis import settings as hypothesis_settings  # noqa: E402 (as below)

# A busy machine is no failure.
hypothesis_settings.register_profile("ours", deadline=None)
hypothesis_settings.load_profile("ours")

from tests.support.redis_server import RedisServer  # noqa: E402 (after the environment is clean)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On libSQL, leave out what another database cannot change: it was run on SQLite."""
    if LIBSQL is None:
        return
    chosen = [item for item in items if _asks_a_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def _asks_a_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    if item.path.is_relative_to(ROOT / "tests" / "integration"):  # it starts programs that do
        return True
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Take the database that is there: `django_db_modify_db_settings` puts a copy."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Put the test database into a file: threads then have connections of their own."""
    from django.conf import settings

    from tests.support import migrated

    entry = settings.DATABASES["default"]
    test = entry.setdefault("TEST", {})
    if LIBSQL is None:
        test["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        with django_db_blocker.unblock():
            migrated.copy_file(Path(test["NAME"]))
        return
    entry["NAME"] = LIBSQL.url  # xdist's workers read the settings before this file
    test["ADMIN_URL"] = LIBSQL.admin_url
    test["NAME"] = migrated.NAMESPACE
    LIBSQL.stop()
    shutil.rmtree(LIBSQL.folder)
    with django_db_blocker.unblock():
        migrated.copy_server(LIBSQL.folder)
    LIBSQL.start()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """Empty tables quickly after tests, and close what a database that is kept leaves open."""
    from django.db import connections
    from django.test import TransactionTestCase

    from tests.support.emptying import Emptying

    with django_db_blocker.unblock():
        emptying = Emptying()

    def end(case: TransactionTestCase) -> None:
        emptying.end(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", end)
        yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture(scope="session")
def migrated_file(
    django_db_blocker: pytest_django.DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a migrated SQLite file without rows of ours, to copy: migrations take seconds."""
    from tests.support import migrated

    assert LIBSQL is None, "it is made with the backend for SQLite"
    path = tmp_path_factory.mktemp("migrated") / "db.sqlite3"
    with django_db_blocker.unblock():
        migrated.copy_file(path)
    return path


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Begin every test in English: a request in Japanese leaves its language to the thread."""
    from django.utils import translation

    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    """Give every test an empty in-process cache (and so no counted failed logins)."""
    from django.core.cache import cache

    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _nobody_is_subscribed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test begin without webhooks, and without the query that finds none."""
    from core.events import subscriptions

    monkeypatch.setattr(subscriptions, "_memory", (math.inf, frozenset()))


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a real Redis server that runs; the test may kill it."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def owner(django_user_model):
    """Return a superuser."""
    return django_user_model.objects.create_superuser("owner", "owner@example.com", "owner-pass")


@pytest.fixture
def member(django_user_model):
    """Return a staff user without permissions; a test gives what it needs."""
    return django_user_model.objects.create_user("member", password="member-pass", is_staff=True)


@pytest.fixture
def stranger(django_user_model):
    """Return a user who is not staff."""
    return django_user_model.objects.create_user("stranger", password="stranger-pass")
