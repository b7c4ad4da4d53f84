"""`manage.py import_suite`: a test suite from a file."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, no_translations

from evaluations.engine.formats.summary import describe_checks
from evaluations.engine.formats.tables import parse_check, parse_mapping
from evaluations.engine.types import Suite
from evaluations.management.refusals import refusals
from evaluations.services.suites import check_suite, store_suite
from evaluations.suite_files import read_suite

WARNINGS_SHOWN = 20  # of a file; a generated one may repeat its mistake in every test
OPTIONS = {"mapping": "--map", "assertion": "--assert"}


class Command(BaseCommand):
    """Read a suite whole, check it, and write it; nothing where anything is wrong."""

    help = (
        "Imports a test suite: AutoForge YAML, a promptfoo configuration or its test table (YAML, "
        "JSON, JSON Lines, CSV, XLSX), or a plain table (CSV, XLSX, JSON, JSON Lines, YAML). "
        "Code in the file is never executed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--name", default="", help="name of the suite")
        parser.add_argument(
            "--replace",
            action="store_true",
            help=(
                "replace the cases of an existing suite with this name, and its "
                "description if the file has one"
            ),
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="PART=COLUMN",
            help=(
                "for plain tables: a column mapping such as expected=Answer or "
                "variables.question=Question"
            ),
        )
        parser.add_argument(
            "--assert",
            dest="assertion",
            metavar="TYPE",
            help=(
                "for plain tables: the assertion that compares with the expected answer, "
                "such as exact, contains, or a JSON object"
            ),
        )
        parser.add_argument("--dry-run", action="store_true", help="validate without saving")

    @no_translations
    def handle(self, *_args: Any, **options: Any) -> None:
        """Import."""
        with refusals(OPTIONS):
            suite = read_suite(
                Path(options["file"]),
                name=options["name"],
                mapping=parse_mapping(options["map"]) or None,
                assertion=parse_check(options["assertion"] or ""),
            )
            for warning in suite.warnings[:WARNINGS_SHOWN]:
                self.stderr.write(f"Warning: {warning}")
            more = len(suite.warnings) - WARNINGS_SHOWN
            if more > 0:
                self.stderr.write(f"… and {more} more warnings.")
            outcome = _store(suite, replace=options["replace"], dry_run=options["dry_run"])
        for sentence in (*describe_checks(suite), outcome):
            self.stdout.write(sentence)


def _store(suite: Suite, *, replace: bool, dry_run: bool) -> str:
    """Store the suite, or only check it; return what became of it."""
    if dry_run:
        check_suite(suite, replace_cases=replace)
        return f"“{suite.name}”: {len(suite.cases)} cases; nothing was saved (dry run)."
    row, count = store_suite(suite, replace_cases=replace)
    return f"Imported “{row.name}” with {count} cases."
