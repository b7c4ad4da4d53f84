"""`manage.py show_environment`: every variable as it is in effect, secrets masked."""

import argparse
import json

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Print name, value and source of every variable."""

    help = (
        "Shows every variable, its current value and where the value came from. Secrets are masked."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: object, **options: object) -> None:
        """Print the table."""
        rows = settings.ENVIRONMENT.describe()
        if options["format"] == "json":
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        file = settings.ENVIRONMENT.file
        file_name = file.name if file else "none"
        self.stdout.write(f"File: {file_name}\n\n")
        name_width = max(len(row["name"]) for row in rows)
        value_width = max(len(row["value"]) for row in rows)
        for row in rows:
            name, value = row["name"].ljust(name_width), row["value"].ljust(value_width)
            self.stdout.write(f"{name}  {value}  {row['source']}".rstrip())
