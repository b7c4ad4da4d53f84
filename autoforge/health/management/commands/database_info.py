"""`manage.py database_info`: which database this is, and what is in it."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from autoforge.health.database import count_rows, read_server_facts, size_bytes
from autoforge.health.errors import ProbeError
from core.database.applied import read_migrations
from core.database.explanation import explain
from core.exit_status import NOT_ASKED


class Command(BaseCommand):
    """Print engine, version, place, size, tables and migrations; exit 0, or 2 could not ask."""

    help = "Shows the database: engine, version, location, size, rows per table, migrations."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: object, **options: object) -> None:
        """Ask the database and print."""
        try:
            facts = gather()
        except ProbeError as error:
            raise CommandError(
                f"The database cannot be queried: {error}. {error.hint}", returncode=NOT_ASKED
            ) from error
        except DatabaseError as error:
            reason = explain(error) or error
            raise CommandError(
                f"The database cannot be queried: {reason}.", returncode=NOT_ASKED
            ) from error
        if options["format"] == "json":
            self.stdout.write(json.dumps(facts, ensure_ascii=False, indent=2))
        else:
            self._print(facts)

    def _print(self, facts: dict[str, Any]) -> None:
        for name in ("engine", "version", "location"):
            self.stdout.write(f"{name:<14} {facts[name]}")
        self.stdout.write(f"{'size (bytes)':<14} {facts['size_bytes']:,}")
        width = max((len(name) for name in facts["tables"]), default=0)
        self.stdout.write(f"\n{'table':<{width}} {'rows':>12}")
        for name, rows in facts["tables"].items():
            self.stdout.write(f"{name:<{width}} {rows:>12,}")
        migrations = facts["migrations"]
        self.stdout.write(f"\nmigrations: {len(migrations['applied'])} applied")
        for state in ("applied", "pending", "unknown"):
            for name in migrations[state]:
                self.stdout.write(f"  {state:<8} {name}")
        if not migrations["pending"]:
            self.stdout.write("  none pending")


def gather() -> dict[str, object]:
    """Return everything that the command shows.

    Raises:
        ProbeError: the database does not answer.
        DatabaseError: it stops answering in the middle.
    """
    facts = read_server_facts()
    migrations = read_migrations()
    return {
        "engine": facts.engine,
        "version": facts.version,
        "location": facts.location,
        "size_bytes": size_bytes(),
        "tables": count_rows(),
        "migrations": {
            "applied": list(migrations.applied),
            "pending": list(migrations.pending),
            "unknown": list(migrations.unknown),
        },
    }
