"""What lies in the database and beside it: roles, accounts, what interrupted operations left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, transaction

from autoforge.doctor.findings import Finding, Options, fine, problem, warn
from core.database.outages import database_file
from core.roles import declared_permissions, grant
from evaluations.models import Run
from evaluations.selectors.expired import BEING_DELETED

__all__ = ["check_accounts", "check_leftovers", "check_roles"]

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
    for path in _list_unfinished():
        count += 1
        yield warn(
            "leftovers",
            f"{path} was left by an operation that was interrupted",
            "Delete it, unless that operation is still running.",
        )
    if not count:
        yield fine("leftovers", "nothing was left half done")


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
