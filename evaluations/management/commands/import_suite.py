"""`manage.py import_suite`: a test suite from a file."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.utils.translation import gettext as _

from autoforge.core.errors import ApplicationError
from evaluations.engine.errors import EngineError
from evaluations.engine.formats.tables import parse_mapping
from evaluations.exchanging import read_suite, store_suite

WRONG_INPUT = 2
WARNINGS_SHOWN = 20


class Command(BaseCommand):
    """Read a suite whole, check it, and write it; nothing where anything is wrong."""

    help = (
        "Imports a test suite: our YAML, a promptfoo configuration or its table of tests (YAML, "
        "JSON, CSV, XLSX), or a plain table (CSV, JSON, JSON Lines). Nothing in it is run."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--name", default="", help="what the suite is to be called")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="replace the cases of a suite of this name; its description if the file has one",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="PART=COLUMN",
            help="of a plain table: such as expected=Answer or variables.question=Question",
        )
        parser.add_argument(
            "--assert",
            dest="assertion",
            metavar="TYPE",
            help="of a plain table: how each case is checked against its expected answer, such as "
            "exact, contains, or a JSON object",
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything, keep nothing")

    @no_translations
    def handle(self, *_args: Any, **options: Any) -> None:
        """Import."""
        try:
            suite = read_suite(
                Path(options["file"]),
                name=options["name"],
                mapping=parse_mapping(options["map"]) or None,
                assertion=_assertion(options["assertion"]),
            )
            for warning in suite.warnings[:WARNINGS_SHOWN]:
                self.stderr.write(f"Warning: {warning}")
            if len(suite.warnings) > WARNINGS_SHOWN:
                self.stderr.write(f"… and {len(suite.warnings) - WARNINGS_SHOWN} more warnings.")
            if options["dry_run"]:
                self.stdout.write(f"“{suite.name}”: {len(suite.cases)} cases; nothing was kept.")
                return
            row, count = store_suite(suite, replace_cases=options["replace"])
        except (ApplicationError, EngineError) as error:
            raise CommandError(str(error), returncode=WRONG_INPUT) from error
        self.stdout.write(f"Imported “{row.name}” with {count} cases.")


def _assertion(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    if not text.lstrip().startswith("{"):
        return {"type": text}
    try:
        found = json.loads(text)
    except ValueError as error:
        sentence = _("--assert is a type or a JSON object: %(error)s") % {"error": error}
        raise CommandError(sentence, returncode=WRONG_INPUT) from error
    return dict(found)
