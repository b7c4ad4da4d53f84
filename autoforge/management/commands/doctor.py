"""`manage.py doctor`: everything that can be wrong, with its remedy; see `autoforge.doctor`."""

import argparse
import sys
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand

from autoforge.doctor.command import HELP, add_options, run


class Command(BaseCommand):
    """What `autoforge.command_line` does before Django is loaded; here for `manage.py help`."""

    help = HELP
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        add_options(parser)

    def handle(self, *_arguments: object, **options: Any) -> None:
        """Make the round and exit with its status."""
        status = run(argparse.Namespace(**options), cast("TextIO", self.stdout))
        if status:
            sys.exit(status)
