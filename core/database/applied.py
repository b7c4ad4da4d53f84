"""Which migrations the database has, and which the code has."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

__all__ = ["Migrations", "read_migrations"]


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
