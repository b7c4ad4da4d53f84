"""The state that the database knows, in one statement: one round trip where it is far away."""

from dataclasses import dataclass, field
from functools import lru_cache
from pkgutil import iter_modules
from typing import Final

from django.apps import apps
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from autoforge.operations.backups.models import BackupRecord
from core.database.outages import database_file, find_outage
from core.events.models import WebhookDelivery, WebhookEndpoint
from evaluations.models import Run
from evaluations.models.runs import OPEN

__all__ = ["DatabaseState", "read_database"]


@dataclass(kw_only=True, slots=True)
class DatabaseState:
    """What is under way, and what waits."""

    open_runs: dict[str, int] = field(default_factory=dict)
    """Status → number of runs, of those that have not ended."""
    abandoned_runs: int = 0
    """Running ones whose lease has expired."""
    oldest_pending_run_seconds: float = 0.0
    """Age of the oldest run that nobody has begun."""
    pending_deliveries: int = 0
    """Webhooks that wait, of endpoints that are enabled."""
    oldest_delivery_seconds: float = 0.0
    """Age of the oldest of them."""
    pending_migrations: int = 0
    """That the code has and the database has not."""
    newest_backup_seconds: float | None = None
    """When the newest good backup was made, in seconds since 1970; None: there is none."""


# Rows of (what, name, number, seconds). Ages are the database's: it has set the dates by its own
# clock. Runs and deliveries are found by the indexes of their status, so that no table is scanned.
QUERY: Final = """
SELECT 'runs', status, COUNT(*), 86400 * (julianday('now') - julianday(MIN(created_at)))
    FROM {runs} WHERE status IN (%s, %s) AND deleted_at IS NULL GROUP BY status
UNION ALL
SELECT 'abandoned', '', COUNT(*), 0 FROM {runs}
    WHERE status = %s AND deleted_at IS NULL AND julianday(worker_until) < julianday('now')
UNION ALL
SELECT 'deliveries', '', COUNT(*),
    86400 * (julianday('now') - julianday(MIN(delivery.created_at)))
    FROM {deliveries} AS delivery JOIN {endpoints} AS endpoint ON endpoint.id = delivery.endpoint_id
    WHERE delivery.status = %s AND endpoint.enabled
UNION ALL
SELECT 'backup', '', 0, CAST(strftime('%%s', MAX(started_at)) AS INTEGER)
    FROM {backups} WHERE status = %s
UNION ALL
SELECT 'migration', app || '.' || name, 0, 0 FROM {migrations}
"""


def read_database() -> DatabaseState | None:
    """Return the state; None where the database does not answer.

    One that has tables of another version answers with its migrations alone, in a second statement.
    """
    path = database_file()
    if path is not None and not path.exists():
        return None  # to open it would make it
    tables = {
        "runs": Run,
        "deliveries": WebhookDelivery,
        "endpoints": WebhookEndpoint,
        "backups": BackupRecord,
        "migrations": MigrationRecorder.Migration,
    }
    names = {}
    for key, model in tables.items():
        names[key] = connection.ops.quote_name(model._meta.db_table)
    parameters = [
        *OPEN,
        Run.Status.RUNNING,
        WebhookDelivery.Status.PENDING,
        BackupRecord.Status.GOOD,
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUERY.format(**names), parameters)
            rows = cursor.fetchall()
    except DatabaseError as error:
        if find_outage(error) is not None:
            return None
        rows = _read_migrations()
    return _build_state(rows)


def _read_migrations() -> list[tuple[str, str, int, float | None]]:
    applied = MigrationRecorder(connection).applied_migrations()  # none where there is no table
    return [("migration", f"{app}.{name}", 0, None) for app, name in applied]


def _build_state(rows: list[tuple[str, str, int, float | None]]) -> DatabaseState:
    state = DatabaseState(open_runs={str(status): 0 for status in OPEN})
    missing = set(_list_migrations())
    for kind, name, count, seconds in rows:
        age = max(0.0, seconds or 0.0)
        if kind == "runs":
            state.open_runs[name] = count
            if name == Run.Status.PENDING:
                state.oldest_pending_run_seconds = age
        elif kind == "abandoned":
            state.abandoned_runs = count
        elif kind == "deliveries":
            state.pending_deliveries, state.oldest_delivery_seconds = count, age
        elif kind == "backup":
            state.newest_backup_seconds = seconds
        else:
            missing.discard(name)
    state.pending_migrations = len(missing)
    return state


@lru_cache(maxsize=1)
def _list_migrations() -> frozenset[str]:
    """Return the migrations of the code as "app.name", by their files: none is imported."""
    names = set()
    for config in apps.get_app_configs():
        folder = f"{config.path}/migrations"
        for module in iter_modules([folder]):
            if not module.name.startswith(("_", "~")):  # as Django's own loader
                names.add(f"{config.label}.{module.name}")
    return frozenset(names)
