"""`manage.py copy_database`: all of a database into another, empty one."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations

from autoforge.operations.backups.copying import WORK, copy_database
from autoforge.operations.backups.errors import BackupError, SwitchUnknown
from autoforge.operations.backups.locations import parse_location
from core.exit_status import PERSON_NEEDED
from core.management.progress_bar import ProgressBar


class Command(BaseCommand):
    """Copy; exit 0 copied, 1 not (start again to go on), 3 nobody knows yet."""

    help = (
        "Copies all of a database into another, empty one: from a laptop to Turso, or back. "
        " If it is interrupted, the same command goes on where it was. Exit status: 0 copied "
        "and equal, 1 not copied, 2 wrong usage or environment, 3 the server did not say (start it "
        "again)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("source", metavar="FROM", help="sqlite:///path or libsql://host")
        parser.add_argument("target", metavar="TO", help="sqlite:///path or libsql://host")
        parser.add_argument(
            "--from-token-file", type=Path, metavar="FILE", help="file with the token of FROM"
        )
        parser.add_argument(
            "--to-token-file", type=Path, metavar="FILE", help="file with the token of TO"
        )
        parser.add_argument(
            "--work",
            type=Path,
            metavar="FOLDER",
            help="where the snapshot is kept until the copy is complete (default: data/copies)",
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")

    @no_translations
    def handle(self, *_arguments: object, **options: Any) -> None:
        """Copy, and say how much that was."""
        work = options["work"] or Path(settings.BASE_DIR) / WORK
        try:
            source = parse_location(
                options["source"],
                token_file=options["from_token_file"],
                token_option="--from-token-file",  # noqa: S106 (the option's name)  # nosec B106
            )
            target = parse_location(
                options["target"],
                token_file=options["to_token_file"],
                token_option="--to-token-file",  # noqa: S106 (the option's name)  # nosec B106
            )
            with ProgressBar(self.stderr) as bar:
                copied = copy_database(source, target, work, on_progress=bar.show)
        except SwitchUnknown as error:
            raise CommandError(str(error), returncode=PERSON_NEEDED) from error
        except BackupError as error:
            raise CommandError(str(error)) from error
        rows = sum(table.rows for table in copied.tables.values())
        if options["format"] == "json":
            answer = {
                "source": str(source),
                "target": str(target),
                "tables": len(copied.tables),
                "rows": rows,
                "resumed": copied.was_resumed,
            }
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            return
        began = "Went on, and copied" if copied.was_resumed else "Copied"
        self.stdout.write(
            f"{began} {source} to {target}: {len(copied.tables)} tables, {rows:,} rows, all equal."
        )
