"""`manage.py doctor`, read and printed without Django: it may be what is missing."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, TextIO

from autoforge.doctor.examination import examine, is_healthy
from autoforge.doctor.findings import Finding, Options, State
from autoforge.doctor.rounds import CHECKS, Check
from core.option_types import number

__all__ = ["HELP", "add_options", "main", "run"]

HELP: Final = (
    "Looks at everything that can be wrong with this installation, in order, and says what to do. "
    "Exit status: 0 healthy, 1 something is wrong or could not be checked, 2 a wrong option."
)
WRONG: Final = 1
COULD_NOT_RUN: Final = 2
LONGEST_SECONDS: Final = 600
PACKAGE: Final = Path(__file__).resolve().parent.parent
COLOURS: Final = {State.OK: "32", State.WARNING: "33", State.PROBLEM: "31"}


def main(arguments: Sequence[str], program: str) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: behind `manage.py doctor`.
        program: what the command is called in its help.
    """
    parser = argparse.ArgumentParser(prog=program, description=HELP)
    add_options(parser)
    # Options of Django's own, which say nothing to the doctor: scripts give them to every command.
    parser.add_argument("--no-color", action="store_true", help="print without colours")
    parser.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)
    return run(parser.parse_args(arguments), sys.stdout)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    names = [check.name for check in CHECKS]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="CHECK",
        help=f"make this check, and those it stands on; can be repeated: {', '.join(names)}",
    )
    parser.add_argument("--deep", action="store_true", help="read the whole database as well")
    parser.add_argument(
        "--online",
        action="store_true",
        help="ask providers of models for their list of models, which costs nothing",
    )
    parser.add_argument(
        "--timeout",
        type=number(least=0, most=LONGEST_SECONDS, unit="seconds", excludes_least=True),
        default=10.0,
        metavar="SECONDS",
        help="how long a server may take to answer (default: 10)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace, out: TextIO) -> int:
    """Make the round, print what is found, and return the exit status."""
    options = Options(
        root=find_root(),
        deep=arguments.deep,
        online=arguments.online,
        seconds=arguments.timeout,
    )
    checks = _choose(arguments.only)
    findings = []
    for finding in examine(options, checks):
        findings.append(finding)
        if arguments.format == "text":
            out.write(_as_line(finding, colours=_has_colours(arguments, out)))
            out.flush()  # people see at once what holds the next check up
    if arguments.format == "json":
        report = {
            "status": "healthy" if is_healthy(findings) else "unhealthy",
            "findings": [asdict(finding) for finding in findings],
        }
        out.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    else:
        out.write(_conclude(findings))
    return 0 if is_healthy(findings) else WRONG


def find_root() -> Path:
    """Return the folder of the installation: the checkout, or where an installed copy is run."""
    return Path.cwd() if (PACKAGE / "resources").is_dir() else PACKAGE.parent


def _choose(names: Sequence[str] | None) -> list[Check]:
    """Return the checks of these names with all that they stand on, in their order."""
    if not names:
        return list(CHECKS)
    by_name = {check.name: check for check in CHECKS}
    chosen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        chosen.add(name)
        waiting += by_name[name].needs
    return [check for check in CHECKS if check.name in chosen]


def _has_colours(arguments: argparse.Namespace, out: TextIO) -> bool:
    return out.isatty() and not arguments.no_color and not os.environ.get("NO_COLOR")


def _as_line(finding: Finding, *, colours: bool) -> str:
    state = f"{finding.state:<11}"
    if colours and finding.state in COLOURS:
        state = f"\033[{COLOURS[finding.state]}m{state}\033[0m"
    line = f"{state}  {finding.check:<11}  {finding.text}\n"
    if finding.remedy:
        line += f"{'':<26}→ {finding.remedy}\n"
    return line


def _conclude(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.state for finding in findings)
    parts = [f"{counts[state]} {state}" for state in State if counts[state]]
    verdict = "healthy" if is_healthy(findings) else "unhealthy"
    return f"{verdict}: {', '.join(parts)}\n"
