"""`manage.py verify_backup`: is a backup good, and what was checked?"""

import argparse
import json
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, no_translations

from autoforge.management.backup_options import add_identity
from autoforge.operations.backups.errors import BackupError, DamagedBackup
from autoforge.operations.backups.keeping import fetched
from autoforge.operations.backups.verifying import Verified, verify
from core.exit_status import NO, NOT_ASKED
from core.management.progress_bar import ProgressBar


class Command(BaseCommand):
    """Verify; exit 0 good, 1 damaged, 2 could not be opened."""

    help = (
        "Checks everything about a backup: checksum, compression, integrity, foreign keys, count "
        "and hash of every table, and whether the schema is that of its migrations. "
        "Exit status: 0 good, 1 damaged, 2 it cannot be opened (no backup, another key, a newer "
        "format, no room to unpack it)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("file", metavar="FILE", help="a backup, or s3://bucket/key")
        add_identity(parser)
        parser.add_argument("--format", choices=("text", "json"), default="text")

    @no_translations
    def handle(self, *_arguments: object, **options: Any) -> None:
        """Verify, and say what was checked."""
        try:
            with ProgressBar(self.stderr) as bar, fetched(options["file"]) as path:
                verified = verify(path, identities=options["identity"], on_progress=bar.show)
        except BackupError as error:
            is_damaged = isinstance(error, DamagedBackup)
            if is_damaged and options["format"] == "json":
                answer = {"good": False, "status": NO, "problem": str(error)}
                self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            status = NO if is_damaged else NOT_ASKED
            raise CommandError(str(error), returncode=status) from error
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_json(verified), ensure_ascii=False, indent=2))
            return
        self._print(options["file"], verified)

    def _print(self, file: str, verified: Verified) -> None:
        manifest = verified.manifest
        self.stdout.write(
            f"{file} is good: {manifest.database} ({manifest.engine}) as of "
            f"{manifest.made_at}, AutoForge {manifest.version}."
        )
        for check in verified.checks:
            self.stdout.write(f"  checked {check}")
        for check in verified.not_checked:
            self.stdout.write(f"  not checked {check}")
        if verified.age.pending:
            self.stdout.write(
                f"  {len(verified.age.pending)} migrations are newer than the backup: "
                f"{', '.join(verified.age.pending)}"
            )
        if verified.age.unknown:
            self.stdout.write(
                f"  {len(verified.age.unknown)} migrations are unknown to this version: "
                f"{', '.join(verified.age.unknown)}"
            )


def _as_json(verified: Verified) -> dict[str, object]:
    return {
        "good": True,
        "status": 0,
        "checks": list(verified.checks),
        "not_checked": list(verified.not_checked),
        "pending": list(verified.age.pending),
        "unknown": list(verified.age.unknown),
        "manifest": msgspec.to_builtins(verified.manifest),
    }
