"""`manage.py purge_prompts`: what has been in the trash for long goes for good."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from core.errors import ApplicationError
from core.exit_status import NOT_ASKED
from core.option_types import whole_number
from prompts import services


class Command(BaseCommand):
    """Purge; exit 0 done, 2 refused."""

    help = (
        "Permanently deletes prompts that have been in the trash for a long time, "
        "with all their versions."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--older-than", type=whole_number(), default=30, metavar="DAYS", help="default: 30"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show how many there are, without deleting them"
        )

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Remove them and say how many."""
        try:
            keys = services.find_purgeable(older_than_days=options["older_than"])
            count = len(keys) if options["dry_run"] else services.purge_prompts(keys)
        except ApplicationError as error:
            raise CommandError(f"{error}. Nothing was deleted.", returncode=NOT_ASKED) from error
        done = "would be permanently deleted" if options["dry_run"] else "permanently deleted"
        self.stdout.write(f"{count} {done}.")
