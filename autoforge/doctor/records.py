"""What lies in the database and beside it: roles, accounts, what interrupted operations left."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connection, transaction

from autoforge.doctor.asking import ask_probe
from autoforge.doctor.findings import Finding, Options, fine, problem, warn
from autoforge.operations.backups.newest import scheduled_every
from autoforge.operations.backups.schema import list_leftovers
from core.database.outages import database_file
from core.database.schemas import MIGRATION_RUNS
from core.roles import declared_permissions, grant
from evaluations.models import Run
from evaluations.selectors.expired import BEING_DELETED

__all__ = ["check_accounts", "check_backups", "check_leftovers", "check_roles"]

# Written beside a file, and renamed when they are whole: one that stays belongs to nobody.
UNFINISHED: Final = (".backup-*", "*.writing")


def check_roles(_options: Options) -> Iterator[Finding]:
    """Compare the permissions of the roles with those that the apps declare."""
    wrong: list[str] = []
    with transaction.atomic():
        for label, grants in declared_permissions().items():
            for role, (added, removed) in grant(apps, DEFAULT_DB_ALIAS, label, grants).items():
                if added or removed:
                    wrong.append(f"{role} ({label})")
        transaction.set_rollback(True)
    if wrong:
        yield problem(
            "roles",
            f"permissions are not as declared: {', '.join(wrong)}",
            "Run `manage.py sync_roles`.",
        )
        return
    yield fine("roles", "every role has exactly the permissions declared for it")


def check_accounts(_options: Options) -> Iterator[Finding]:
    """Look for somebody who may administer the installation."""
    if get_user_model().objects.filter(is_superuser=True, is_active=True).exists():
        yield fine("accounts", "there is a superuser")
        return
    yield warn(
        "accounts",
        "there is no superuser: nobody can administer users and roles",
        "Run `manage.py createsuperuser`.",
    )


def check_backups(options: Options) -> Iterator[Finding]:
    """Look how old the newest good backup is, where a worker makes them."""
    if scheduled_every() is None and not settings.IS_LOCAL:
        yield warn(
            "backups",
            f"no backups are scheduled in {settings.APP_ENV}",
            "Set BACKUP_TO and BACKUP_EVERY_HOURS, or make them by `manage.py backup_database`.",
        )
        return
    yield ask_probe("backups", "backups", options)


def check_leftovers(_options: Options) -> Iterator[Finding]:
    """Look for what was begun and not finished."""
    count = 0
    runs = Run.all_objects.deleted().filter(message=BEING_DELETED).count()
    if runs:
        count += 1
        yield warn(
            "leftovers",
            f"deleting {runs} old runs was interrupted",
            "Run `manage.py data_retention --apply`, which goes on.",
        )
    if _has_dead_migration():
        count += 1
        yield problem(
            "leftovers",
            "a migration was interrupted, and its runner is not heard from any more",
            "Run `manage.py migrate_safely`, which goes on or takes it back.",
        )
    tables = list_leftovers(_query)
    if tables:
        count += 1
        yield warn(
            "leftovers",
            f"restoring or copying a database was interrupted: {tables[0]} and "
            f"{len(tables) - 1} more tables of it are left",
            "Run the command again, which goes on or removes them.",
        )
    for path in _list_unfinished():
        count += 1
        yield warn(
            "leftovers",
            f"{path} was left by an operation that was interrupted",
            "Delete it, unless that operation is still running.",
        )
    if not count:
        yield fine("leftovers", "nothing was left half done")


def _has_dead_migration() -> bool:
    """Whether a run of `migrate_safely` has neither ended nor said that it lives."""
    if MIGRATION_RUNS not in connection.introspection.table_names():
        return False  # nobody has ever migrated so
    rows = _query(
        f"SELECT COUNT(*) FROM {MIGRATION_RUNS} WHERE ended_at IS NULL "  # noqa: S608  # nosec B608
        "AND lease_until < unixepoch()",
        (),
    )
    return bool(rows[0][0])


def _query(statement: str, parameters: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _list_unfinished() -> list[str]:
    root = Path(settings.BASE_DIR)
    folders = {root, root / "data"}
    file = database_file()
    if file is not None:
        folders.add(file.parent)
    names = set()
    for folder in folders:
        for pattern in UNFINISHED:
            for path in folder.glob(pattern):
                names.add(str(path.relative_to(root) if path.is_relative_to(root) else path))
    return sorted(names)
