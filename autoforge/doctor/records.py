"""What lies in the database and beside it: roles, accounts, what interrupted operations left."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, transaction

from autoforge.doctor.asking import ask_probe
from autoforge.doctor.findings import Finding, Options, State, fine, problem, warn
from autoforge.operations.backups.copying import WORK, list_unfinished_copies
from autoforge.operations.backups.newest import list_good_backups, scheduled_every
from autoforge.operations.backups.presence import AGAIN, find_problem
from autoforge.operations.backups.schema import list_leftovers
from autoforge.operations.backups.scratch import list_abandoned
from autoforge.operations.backups.storage import default_target, is_s3
from autoforge.operations.migrating.earlier import list_earlier
from autoforge.operations.migrating.state import read_facts
from core.database.outages import database_file, find_outage
from core.roles import declared_permissions, grant
from evaluations.models import Run
from evaluations.selectors.expired import BEING_DELETED

__all__ = ["check_accounts", "check_backups", "check_leftovers", "check_roles", "check_unfinished"]

# Written beside a file, and renamed when they are whole: one that stays belongs to nobody.
BACKUPS: Final = Path("data", "backups")
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
    else:
        yield ask_probe("backups", "backups", options)
    if scheduled_every() is None:  # the probe looks at files only where a worker makes them
        yield from _look_for_newest()


def _look_for_newest() -> Iterator[Finding]:
    for record in list_good_backups(1):
        text = find_problem(record)
        if text:
            yield warn("backups", f"the newest backup is recorded as good, and {text}", AGAIN)


def check_unfinished(_options: Options) -> Iterator[Finding]:
    """Look for files that were begun and not finished; this needs no database."""
    findings = [*_find_abandoned_backups(), *_find_unfinished_copies(), *_find_unfinished_files()]
    yield from findings
    if not findings:
        yield fine("unfinished", "no file was left half written")


def _find_abandoned_backups() -> Iterator[Finding]:
    """Look for what killed backups have left where backups are made and read."""
    folders = {
        *_list_data_folders(),
        Path(settings.BASE_DIR) / BACKUPS,
        Path(tempfile.gettempdir()),
    }
    if not is_s3(default_target()):
        folders.add(Path(default_target()))
    for folder in sorted({folder.resolve() for folder in folders}):
        for path in list_abandoned(folder):
            yield warn(
                "unfinished",
                f"{path} was left by a backup that was interrupted: {_measure(path):,} bytes, "
                "which may hold the database in plain text",
                "Delete it; the next backup, verification or restoration in that folder does, too.",
            )


def _find_unfinished_copies() -> Iterator[Finding]:
    for path in list_unfinished_copies(Path(settings.BASE_DIR) / WORK):
        yield warn(
            "unfinished",
            f"{path} was left by a copy that was interrupted: {_measure(path):,} bytes, the "
            "database in plain text",
            "Run the same `manage.py copy_database` again, which goes on, or delete the folder.",
        )


def _find_unfinished_files() -> Iterator[Finding]:
    for name in _list_unfinished():
        yield warn(
            "unfinished",
            f"{name} was left by an operation that was interrupted",
            "Delete it, unless that operation is still running.",
        )


def _measure(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    size = 0
    for path in folder.iterdir():
        with suppress(OSError):  # it goes at this moment
            size += path.stat().st_size
    return size


def _list_data_folders() -> set[Path]:
    root = Path(settings.BASE_DIR)
    folders = {root, root / "data"}
    file = database_file()
    if file is not None:
        folders.add(file.parent)
    return folders


def check_leftovers(_options: Options) -> Iterator[Finding]:
    """Look for what was begun in the database and not finished, whatever its schema is."""
    findings = [*_find_dead_migrations(), *_find_staging_tables(), *_find_runs_being_deleted()]
    yield from findings
    if not findings:
        yield fine("leftovers", "nothing was left half done")


def _find_dead_migrations() -> Iterator[Finding]:
    """Look for a run of `migrate_safely` that has neither ended nor says that it lives."""
    for earlier in list_earlier(read_facts()):
        if earlier.row.is_open:
            yield problem(
                "leftovers",
                f"migrating was interrupted: {str(earlier).rstrip('.')}",
                "Run `manage.py migrate_safely`, which goes on or takes it back.",
            )


def _find_staging_tables() -> Iterator[Finding]:
    tables = list_leftovers(_query)
    if tables:
        yield warn(
            "leftovers",
            f"restoring or copying a database was interrupted: {tables[0]} and "
            f"{len(tables) - 1} more tables of it are left",
            "Run the command again, which goes on or removes them.",
        )


def _find_runs_being_deleted() -> Iterator[Finding]:
    try:
        count = Run.all_objects.deleted().filter(message=BEING_DELETED).count()
    except DatabaseError as error:
        if find_outage(error) is not None:
            raise
        # The table is not as this code knows it: `migrations` or `schema` says so as well.
        yield Finding(
            check="leftovers",
            state=State.NOT_CHECKED,
            text="runs whose deletion was interrupted: the table of runs is of another version",
        )
        return
    if count:
        yield warn(
            "leftovers",
            f"deleting {count} old runs was interrupted",
            "Run `manage.py data_retention --apply`, which goes on.",
        )


def _query(statement: str, parameters: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _list_unfinished() -> list[str]:
    root = Path(settings.BASE_DIR)
    folders = _list_data_folders()
    names = set()
    for folder in folders:
        for pattern in UNFINISHED:
            for path in folder.glob(pattern):
                names.add(str(path.relative_to(root) if path.is_relative_to(root) else path))
    return sorted(names)
