"""`manage.py export_suite`: a test suite as a file."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, no_translations

from core.atomic_file import replacing
from evaluations.management.refusals import refusals
from evaluations.selectors.overview import find_suite
from evaluations.services.suites import load_suite
from evaluations.suite_files import FORMATS, write_suite


class Command(BaseCommand):
    """Write a suite as a file or to standard output."""

    help = (
        "Exports a test suite. yaml contains everything and can be imported again "
        "without loss; promptfoo is its configuration format; csv and jsonl are "
        "plain tables."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--format", choices=FORMATS, default="yaml", help="default: yaml")
        parser.add_argument("--output", metavar="F", help="write to a file")

    @no_translations
    def handle(self, *_args: Any, **options: Any) -> None:
        """Export."""
        with refusals():
            suite = load_suite(find_suite(options["name"]).pk)
            text = write_suite(suite, options["format"])
            if options["output"]:
                with replacing(Path(options["output"])) as stream:
                    stream.write(text.encode())
            else:
                self.stdout.write(text, ending="")
        if options["output"]:
            self.stderr.write(f"Written: {options['output']} ({len(suite.cases)} cases)")
