"""What the database says of itself, without secrets."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from autoforge.health.errors import ProbeError

__all__ = [
    "OUR_TABLES",
    "Migrations",
    "ServerFacts",
    "count_rows",
    "database_file",
    "location",
    "read_migrations",
    "read_server_facts",
    "size_bytes",
]

OUR_TABLES = (
    "evaluations",
    "prompt_templates",
    "prompt_versions",
    "prompts",
    "test_cases",
    "test_results",
    "test_suites",
)
ENGINES = {"autoforge.db.sqlite": "SQLite", "autoforge.db.libsql": "libSQL"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFacts:
    """Which database answers, and where."""

    engine: str
    """SQLite or libSQL."""
    version: str
    """Version of the SQLite library that runs the statements."""
    location: str
    """File (inside the project: relative to it) or server, without secrets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Migrations:
    """Migrations as "app.name", sorted."""

    applied: tuple[str, ...]
    """Those that the database has."""
    pending: tuple[str, ...]
    """Those that the code has and the database has not."""
    unknown: tuple[str, ...]
    """Those that the database has and the code has not."""


def database_file() -> Path | None:
    """Return the SQLite file, or None where the database is a server or in memory."""
    entry = connection.settings_dict
    name = str(entry["NAME"])
    if entry["ENGINE"] != "autoforge.db.sqlite" or ":memory:" in name:
        return None
    return Path(name.removeprefix("file:").partition("?")[0])


def location() -> str:
    """Return where the database is, without secrets."""
    path = database_file()
    if path is None:
        return str(connection.settings_dict["NAME"]).partition("?")[0]
    return str(
        path.relative_to(settings.BASE_DIR) if path.is_relative_to(settings.BASE_DIR) else path
    )


def read_server_facts() -> ServerFacts:
    """Ask the database for its version.

    Raises:
        ProbeError: it does not answer; the hint says what to look at.
    """
    path = database_file()
    if path is not None and not path.exists():
        # Connecting would make an empty file, and look well.
        raise ProbeError(
            f"there is no database at {location()}",
            "Run `manage.py migrate`, or correct DATABASE_URL.",
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sqlite_version()")
            version = str(cursor.fetchone()[0])
            cursor.execute("SELECT COUNT(*) FROM sqlite_master")
    except DatabaseError as error:
        raise ProbeError(
            f"{location()} does not answer: {error}",
            "Check DATABASE_URL, and that the file is a database which this user may open."
            if path
            else "Check the database's URL and token, and that the server runs.",
        ) from error
    engine = ENGINES.get(connection.settings_dict["ENGINE"], connection.vendor)
    return ServerFacts(engine=engine, version=version, location=location())


def read_migrations() -> Migrations:
    """Compare the migrations of the code with those of the database.

    Raises:
        DatabaseError: the database does not answer.
    """
    executor = MigrationExecutor(connections["default"])
    loader = executor.loader
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    applied = set(loader.applied_migrations)
    return Migrations(
        applied=_names(applied),
        pending=_names({(migration.app_label, migration.name) for migration, _ in plan}),
        unknown=_names(
            key for key in applied - set(loader.disk_migrations) if key[0] in loader.migrated_apps
        ),
    )


def _names(keys: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted(f"{app}.{name}" for app, name in keys))


def size_bytes() -> int | None:
    """Return the database's size, a SQLite file's WAL included."""
    path = database_file()
    if path is not None:
        parts = (path, path.with_name(f"{path.name}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return int(cursor.fetchone()[0])


def count_rows() -> dict[str, int]:
    """Return table → number of rows, sorted by name, in one query."""
    names = sorted(connection.introspection.table_names())
    if not names:
        return {}
    quote = connection.ops.quote_name
    parts = " UNION ALL ".join(
        f"SELECT %s AS name, COUNT(*) FROM {quote(name)}"  # noqa: S608 (names are the database's own, quoted)  # nosec B608
        for name in names
    )
    with connection.cursor() as cursor:
        cursor.execute(parts, names)
        return dict(cursor.fetchall())
