"""`manage.py restore_database`: put a backup into a database."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from autoforge.management.backup_options import add_identity
from autoforge.operations.backups.errors import BackupError, SwitchUnknown
from autoforge.operations.backups.keeping import fetched, forget_what_is_cached
from autoforge.operations.backups.locations import Location, find_location, parse_location
from autoforge.operations.backups.restoring import restore_into
from core.exit_status import PERSON_NEEDED
from core.management.progress_bar import ProgressBar


class Command(BaseCommand):
    """Restore; exit 0 restored, 1 nothing was changed, 3 nobody knows yet."""

    help = (
        "Restores a backup into an empty database; into one with tables only with --replace and "
        "the database's name. The backup is verified first, and the switch is one transaction: "
        "whatever happens, the database is as before or restored. Exit status: 0 restored, 1 "
        "nothing was changed, 2 wrong usage or environment, 3 the server did not say (look, or run "
        "it again)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("file", metavar="FILE", help="a backup, or s3://bucket/key")
        parser.add_argument(
            "--to",
            metavar="URL",
            help="sqlite:///path or libsql://host (default: the database of the environment)",
        )
        parser.add_argument(
            "--token-file", type=Path, metavar="FILE", help="file with the token of that database"
        )
        parser.add_argument(
            "--replace", metavar="NAME", help="the database's name: all that is in it may go"
        )
        add_identity(parser)
        parser.add_argument("--format", choices=("text", "json"), default="text")

    @no_translations
    def handle(self, *_arguments: object, **options: Any) -> None:
        """Restore, and say what comes next."""
        try:
            target = _find_target(options)
            with ProgressBar(self.stderr) as bar, fetched(options["file"]) as path:
                restored = restore_into(
                    path,
                    target,
                    replace=options["replace"] is not None,
                    identities=options["identity"],
                    on_progress=bar.show,
                )
        except SwitchUnknown as error:
            raise CommandError(str(error), returncode=PERSON_NEEDED) from error
        except BackupError as error:
            raise CommandError(str(error)) from error
        forget_what_is_cached(target)
        manifest = restored.manifest
        rows = sum(table.rows for table in manifest.tables.values())
        if options["format"] == "json":
            answer = {
                "target": str(target),
                "made_at": manifest.made_at,
                "tables": len(manifest.tables),
                "rows": rows,
                "checks": list(restored.checks),
                "pending": list(restored.age.pending),
            }
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            return
        self.stdout.write(
            f"Restored {target}: {len(manifest.tables)} tables, {rows:,} rows, as of "
            f"{manifest.made_at}."
        )
        if restored.age.pending:
            self.stdout.write(
                f"The backup is older than this version: {len(restored.age.pending)} migrations "
                f"are pending ({', '.join(restored.age.pending)}). Run `manage.py migrate_safely` "
                "next."
            )


def _find_target(options: dict[str, Any]) -> Location:
    if options["to"]:
        target = parse_location(options["to"], token_file=options["token_file"])
    else:
        target = find_location()
    name = options["replace"]
    if name is not None and name != target.name:
        raise BackupError(
            f"--replace must be the name of the database that is replaced, which is {target.name}, "
            f"not {name}; nothing was changed."
        )
    return target
