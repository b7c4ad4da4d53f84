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
    pending = {(migration.app_label, migration.name) for migration, _is_backwards in plan}
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


def _join_names(keys: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    names = [f"{app}.{name}" for app, name in keys]
    return tuple(sorted(names))
