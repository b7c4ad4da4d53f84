"""Which migrations the database has, and which the code has.

`read_migrations` is cheap enough for a probe and a metric: one statement for the database; the
files of the code are read once in a process.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from core.database.outages import find_outage

__all__ = [
    "AppliedMigration",
    "Key",
    "Migrations",
    "load_migrations",
    "read_history",
    "read_migrations",
]

Key: TypeAlias = tuple[str, str]
"""App and name of a migration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppliedMigration:
    """A migration that the database has."""

    app: str
    """Label of its app."""
    name: str
    """Its name, such as 0001_initial."""
    applied_at: datetime
    """When it was applied, in UTC."""

    @property
    def key(self) -> Key:
        """App and name."""
        return self.app, self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Migrations:
    """Migrations as "app.name", sorted."""

    applied: tuple[str, ...]
    """Those that the database has."""
    pending: tuple[str, ...]
    """Those that the code has and the database has not."""
    unknown: tuple[str, ...]
    """Those that the database has and the code has not."""


def read_migrations() -> Migrations:
    """Compare the migrations of the code with those of the database.

    Raises:
        DatabaseError: the database does not answer.
    """
    applied = {migration.key for migration in read_history()}
    loader = load_migrations()
    pending = loader.graph.nodes.keys() - applied
    unknown = set()
    for app, name in applied - set(loader.disk_migrations):
        # The rows of an app that is installed no more stay in the table, and harm nobody.
        if app in loader.migrated_apps:
            unknown.add((app, name))
    return Migrations(
        applied=_join_names(applied),
        pending=_join_names(pending),
        unknown=_join_names(unknown),
    )


def read_history() -> tuple[AppliedMigration, ...]:
    """Return the migrations that the database has, in the order in which they were applied.

    Raises:
        DatabaseError: the database does not answer.
    """
    query = MigrationRecorder.Migration.objects.order_by("id").values_list("app", "name", "applied")
    try:
        rows = list(query)
    except DatabaseError as error:
        # A new database has no such table; whether that is it is only asked after an error.
        if find_outage(error) is not None or _has_table():
            raise
        return ()
    return tuple(
        AppliedMigration(app=app, name=name, applied_at=applied_at)
        for app, name, applied_at in rows
    )


def _has_table() -> bool:
    table = MigrationRecorder.Migration._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = %s", [table])
        return bool(cursor.fetchone()[0])


def load_migrations() -> MigrationLoader:
    """Return the migrations of the code, read once in a process; callers do not change it.

    The database is only asked where a migration replaces others (`squashmigrations`): what it has
    decides which of them count.
    """
    loader = _load_once(_installed())
    if any(migration.replaces for migration in loader.disk_migrations.values()):
        return MigrationLoader(connection)
    return loader


def _installed() -> tuple[tuple[str, ...], ...]:
    """Return what decides which files are read; tests change it."""
    labels = tuple(config.label for config in apps.get_app_configs())
    modules = tuple(f"{app}={name}" for app, name in sorted(settings.MIGRATION_MODULES.items()))
    return labels, modules


@lru_cache(maxsize=2)
def _load_once(_installed: tuple[tuple[str, ...], ...]) -> MigrationLoader:
    return MigrationLoader(None)


def _join_names(keys: Iterable[Key]) -> tuple[str, ...]:
    names = [f"{app}.{name}" for app, name in keys]
    return tuple(sorted(names))
