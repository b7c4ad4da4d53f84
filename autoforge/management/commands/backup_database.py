"""`manage.py backup_database`: a backup of the whole database, while it is in use."""

import argparse
import json
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.keeping import Kept, back_up_to, note_backup
from autoforge.operations.backups.storage import default_target
from core.exit_status import NOT_ASKED
from core.management.progress_bar import ProgressBar
from core.option_types import whole_number


class Command(BaseCommand):
    """Back up; exit 0 written and good, 1 not written, 2 not asked for rightly."""

    help = (
        "Writes a backup of the whole database, even while it is in use: a compressed SQLite file "
        "with a manifest, checked before it is said to be written. Only you can read it. "
        "Exit status: 0 written, 1 not written, 2 wrong usage or environment."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("file", nargs="?", metavar="FILE", help="the same as --output FILE")
        parser.add_argument(
            "--output",
            metavar="FILE|FOLDER|URL",
            help=(
                "a file, a folder (the name is chosen), s3://bucket/key, or s3://bucket/folder/ "
                "(default: BACKUP_TO, or data/backups/)"
            ),
        )
        parser.add_argument(
            "--replace", action="store_true", help="overwrite an existing file with the new backup"
        )
        parser.add_argument(
            "--keep",
            type=whole_number(),
            metavar="N",
            help="keep the N newest backups of this database in the folder, delete older ones",
        )
        parser.add_argument(
            "--recipient",
            action="append",
            default=[],
            metavar="AGE",
            help=(
                "encrypt for this age recipient (age1…); can be repeated "
                "(default: BACKUP_AGE_RECIPIENTS)"
            ),
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")

    @no_translations
    def handle(self, *_arguments: object, **options: Any) -> None:
        """Back up, and say what was checked."""
        if options["file"] and options["output"]:
            raise CommandError("Name one place: FILE, or --output.", returncode=NOT_ASKED)
        target = options["file"] or options["output"] or default_target()
        recipients = options["recipient"] or list(settings.BACKUP_AGE_RECIPIENTS)
        try:
            with ProgressBar(self.stderr) as bar:
                kept = back_up_to(
                    target,
                    keep=options["keep"],
                    recipients=recipients,
                    replace=options["replace"],
                    on_progress=bar.show,
                )
        except BackupError as error:
            raise CommandError(str(error)) from error
        note_backup(kept)
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_json(kept), ensure_ascii=False, indent=2))
            return
        manifest = kept.manifest
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(
            f"Wrote {kept.place} ({kept.size_bytes:,} bytes): {manifest.engine}, "
            f"{len(manifest.tables)} tables, {rows:,} rows, {manifest.size_bytes:,} bytes."
        )
        for check in kept.checks:
            self.stdout.write(f"  checked {check}")
        if kept.is_encrypted:
            self.stdout.write(
                "  encrypted; checked before that: verify_backup with the identity checks it whole"
            )
        for name in kept.deleted:
            self.stdout.write(f"  deleted {name}")


def _as_json(kept: Kept) -> dict[str, object]:
    return {
        "path": kept.place,
        "size_bytes": kept.size_bytes,
        "encrypted": kept.is_encrypted,
        "checks": list(kept.checks),
        "deleted": list(kept.deleted),
        "manifest": msgspec.to_builtins(kept.manifest),
    }
