"""`manage.py check_health`: is the product well? For people, scripts and container checks."""

import argparse
import difflib
import json
import math
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoforge.health.probes import PROBES
from autoforge.health.report import HEALTHY, Report, run_probes
from core.exit_status import NO, NOT_ASKED

MAX_SECONDS = 3600


class Command(BaseCommand):
    """Run the probes; exit 0 healthy, 1 unhealthy, 2 could not ask."""

    help = (
        "Checks the health of the installation. Exit status: 0 healthy, 1 "
        "unhealthy, 2 the check failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--probe",
            action="append",
            metavar="NAME",
            help=f"run only this probe; can be repeated: {', '.join(PROBES)}",
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument(
            "--timeout",
            default="10",
            metavar="SECONDS",
            help="time limit for all probes together (default: 10)",
        )

    def handle(self, *args: object, **options: Any) -> None:
        """Run the probes, print what they found, and exit."""
        names = _check_names(options["probe"])
        report = run_probes(names, timeout_seconds=_seconds(options["timeout"]))
        if options["format"] == "json":
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
        else:
            self._print(report)
        self.stdout.flush()
        if report.status != HEALTHY:
            sys.exit(NO)

    def _print(self, report: Report) -> None:
        width = max(len(check.name) for check in report.checks)
        healthy = 0
        for check in report.checks:
            if check.status == HEALTHY:
                healthy += 1
                mark = self.style.SUCCESS("ok  ")
            else:
                mark = self.style.ERROR("FAIL")
            line = f"{mark}  {check.name:<{width}}  {check.duration_ms:>8.1f} ms  {check.detail}"
            self.stdout.write(line)
            if check.hint:
                self.stdout.write(f"      {'':<{width}}               → {check.hint}")
        style = self.style.SUCCESS if report.status == HEALTHY else self.style.ERROR
        count = f"{healthy} of {len(report.checks)} checks"
        self.stdout.write(style(f"{report.status} ({report.environment}): {count}"))


def _check_names(names: list[str] | None) -> list[str] | None:
    """Return the names without repetition; None means all probes."""
    if not names:
        return None
    for name in names:
        if name in PROBES:
            continue
        text = f"Unknown probe '{name}'; available: {', '.join(PROBES)}."
        near = difflib.get_close_matches(name, PROBES, n=1)
        if near:
            text += f" Did you mean {near[0]}?"
        raise CommandError(text, returncode=NOT_ASKED)
    return list(dict.fromkeys(names))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_SECONDS:  # not for NaN either
        raise CommandError(
            f"--timeout must be a number of seconds greater than 0 and at most 3600, not '{text}'.",
            returncode=NOT_ASKED,
        )
    return seconds
