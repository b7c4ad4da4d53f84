"""`manage.py sync_roles`: the groups of the roles get the permissions that the apps declare."""

import argparse

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, transaction

from core.exit_status import NO
from core.roles import ROLES, declared_permissions, grant


class Command(BaseCommand):
    """Bring the groups back to what is declared; with --check only look."""

    help = (
        f"Gives the groups {', '.join(ROLES)} the permissions that the apps declare for them. "
        "Exit status with --check: 0 if they have exactly these, 1 if not."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--check", action="store_true", help="check without changing anything")

    def handle(self, *args: object, **options: object) -> None:
        """Grant, and say what changed."""
        changed = 0
        with transaction.atomic():
            for label, grants in declared_permissions().items():
                for role, (added, removed) in grant(apps, DEFAULT_DB_ALIAS, label, grants).items():
                    changed += added + removed
                    if added or removed:
                        self.stdout.write(f"{role}: {label}: {added} added, {removed} removed")
            transaction.set_rollback(bool(options["check"]))
        if not changed:
            self.stdout.write("Every role has exactly the permissions declared for it.")
        elif options["check"]:
            raise SystemExit(NO)
