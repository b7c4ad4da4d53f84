"""What a database's migrations are at: applied, pending, unknown, and what was changed besides.

Two questions to the database, whatever the answers are: its history and its schema. What the
schema should be is found out by applying the same migrations to an empty database in memory.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ProjectState

from autoforge.operations.migrating.scratch import open_scratch
from autoforge.operations.migrating.steps import list_in_order
from core.database.applied import AppliedMigration, Key, load_migrations, read_history
from core.database.drift import Difference
from core.database.schemas import MIGRATION_RUNS, SCHEMA, Schema, compare_schemas, read_schema

__all__ = [
    "AppState",
    "Facts",
    "MigrationState",
    "find_drift",
    "list_model_changes",
    "read_facts",
    "read_state",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the database says."""

    history: tuple[AppliedMigration, ...]
    """Its migrations, in the order in which they were applied."""
    schema: Schema
    """What is in it."""
    has_runs: bool
    """Whether somebody has ever run `migrate_safely` on it."""

    @property
    def applied(self) -> frozenset[Key]:
        """App and name of each migration that it has."""
        return frozenset(migration.key for migration in self.history)


@dataclass(frozen=True, kw_only=True, slots=True)
class AppState:
    """Where an app stands."""

    label: str
    """Label of the app."""
    current: str
    """The newest migration that the database has; empty before the first."""
    newest: str
    """The newest migration of the code (the head)."""
    applied: int
    """How many the database has."""
    pending: tuple[str, ...]
    """What is to be applied, in order."""
    unknown: tuple[str, ...]
    """What the database has and the code has not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationState:
    """Everything that `migration_status` tells."""

    apps: tuple[AppState, ...]
    """Each app with migrations, by label."""
    history: tuple[AppliedMigration, ...]
    """What was applied, in order."""
    disorder: tuple[str, ...]
    """Migrations that are applied while one that they depend on is not, each as a sentence."""
    drift: tuple[Difference, ...]
    """How the schema differs from what the applied migrations make."""
    model_changes: Mapping[str, tuple[str, ...]]
    """App → what its models say and no migration does."""

    @property
    def pending(self) -> tuple[str, ...]:
        """All that is to be applied, as "app.name"."""
        return tuple(f"{app.label}.{name}" for app in self.apps for name in app.pending)

    @property
    def unknown(self) -> tuple[str, ...]:
        """All that the code has not, as "app.name"."""
        return tuple(f"{app.label}.{name}" for app in self.apps for name in app.unknown)

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to do."""
        return not (
            self.pending or self.unknown or self.disorder or self.drift or self.model_changes
        )


def read_facts() -> Facts:
    """Ask the database, twice.

    Raises:
        DatabaseError: it does not answer.
    """
    history = read_history()
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        rows = cursor.fetchall()
    names = {name for name, _sql in rows}
    return Facts(history=history, schema=read_schema(rows), has_runs=MIGRATION_RUNS in names)


def read_state() -> MigrationState:
    """Ask the database and compare it with the code.

    Raises:
        DatabaseError: it does not answer.
    """
    facts = read_facts()
    loader = load_migrations()
    return MigrationState(
        apps=tuple(_list_apps(loader, facts)),
        history=facts.history,
        disorder=tuple(_list_disorder(loader, facts.applied)),
        drift=find_drift(loader, facts),
        model_changes=list_model_changes(loader),
    )


def find_drift(loader: MigrationLoader, facts: Facts) -> tuple[Difference, ...]:
    """Return how the schema differs from what the applied migrations make of an empty database."""
    return compare_schemas(_expected_schema(loader, facts.applied), facts.schema)


@lru_cache(maxsize=4)
def _expected_schema(loader: MigrationLoader, applied: frozenset[Key]) -> Schema:
    if not applied:  # not even the table of migrations is expected then
        return {}
    with open_scratch() as scratch:
        scratch.apply_all(loader, applied)
        return scratch.read_schema()


def list_model_changes(loader: MigrationLoader) -> Mapping[str, tuple[str, ...]]:
    """Return app → what `makemigrations` would write."""
    detector = MigrationAutodetector(
        loader.project_state(),
        ProjectState.from_apps(apps),
        NonInteractiveMigrationQuestioner(dry_run=True),
    )
    changes: Mapping[str, Iterable[Any]] = detector.changes(graph=loader.graph)
    described = {}
    for app, migrations in sorted(changes.items()):
        texts = []
        for migration in migrations:
            texts += [operation.describe() for operation in migration.operations]
        described[app] = tuple(texts)
    return described


def _list_apps(loader: MigrationLoader, facts: Facts) -> Iterable[AppState]:
    in_order = [(item.app_label, item.name) for item in list_in_order(loader)]
    labels = {app for app, _name in in_order} | set(loader.migrated_apps)
    for label in sorted(labels):
        names = [name for app, name in in_order if app == label]
        applied = [item.name for item in facts.history if item.app == label]
        if not names and not applied:
            continue
        yield AppState(
            label=label,
            # By the order of the code: what was applied last may have been an older one.
            current=([name for name in names if name in applied] or applied or [""])[-1],
            newest=names[-1] if names else "",
            applied=len(applied),
            pending=tuple(name for name in names if name not in applied),
            unknown=_unknown(loader, label, applied),
        )


def _unknown(loader: MigrationLoader, app: str, applied: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in applied if (app, name) not in loader.disk_migrations)


def _list_disorder(loader: MigrationLoader, applied: Collection[Key]) -> Iterable[str]:
    for migration in list_in_order(loader):
        key = (migration.app_label, migration.name)
        if key not in applied:
            continue
        for parent in sorted(loader.graph.node_map[key].parents):
            if parent.key not in applied:
                missing = ".".join(parent.key)
                yield f"{'.'.join(key)} is applied, but {missing}, which it needs, is not"
