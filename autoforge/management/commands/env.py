"""`manage.py env`: as `autoforge.command_line` runs it before Django, for help and programs."""

import argparse
import sys
from typing import TextIO, cast

from django.core.management.base import BaseCommand

from autoforge.operations.env_files.command import HELP, add_arguments, run


class Command(BaseCommand):
    """Make, check, fill and compare files of variables."""

    help = HELP
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions with their options."""
        add_arguments(parser)

    def handle(self, *args: object, **options: object) -> None:
        """Carry out one action; its exit status is the command's."""
        status = run(options, cast("TextIO", self.stdout), cast("TextIO", self.stderr))
        if status:
            sys.exit(status)
