"""`manage.py migrate_safely`: plan, lock, backup, migrate, verify; a failure changes nothing."""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader

from autoforge.management.backup_options import add_identity
from autoforge.operations.migrating.earlier import list_earlier
from autoforge.operations.migrating.errors import (
    AttentionError,
    MigrationError,
    RefusedError,
    StepFailedError,
)
from autoforge.operations.migrating.preparing import (
    Prepared,
    Target,
    check_obstacles,
    prepare,
)
from autoforge.operations.migrating.reports import Report, describe_plan, plan_as_sql
from autoforge.operations.migrating.running import Request, find_unrestorable, migrate
from autoforge.operations.migrating.stamping import stamp
from core.database.explanation import explain
from core.exit_status import NOT_ASKED, STOPS, Terminated

STEPS: Final = re.compile(r"[+-]?[1-9][0-9]{0,3}")
MAX_WAIT_SECONDS: Final = 86_400


class Command(BaseCommand):
    """Exit 0 done or nothing to do, 1 failed and undone, 2 refused, 3 a person has to look."""

    help = (
        "Migrates the database so that nothing is ever half done: takes a lock against a second "
        "runner, tries the plan on an empty copy of the schema, makes a backup, applies one "
        "migration at a time and checks each before it is committed. Without a terminal it asks "
        "nothing. Exit status: 0 done, or nothing to do; 1 a migration failed and was undone; 2 "
        "refused, nothing was changed; 3 a person has to look; 130, 143 interrupted and undone."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--to",
            nargs="+",
            metavar="ID",
            help=(
                "the state to go to, forwards or back: prompts.0012, prompts 0012_name, or "
                "prompts.zero for the one before the first migration (default: all migrations)"
            ),
        )
        parser.add_argument(
            "--steps",
            metavar="N",
            help="at most N migrations forwards; -N takes the last N back, the newest first",
        )
        parser.add_argument(
            "--app",
            action="append",
            default=[],
            metavar="LABEL",
            help="only this app, and what it depends on; can be repeated",
        )
        parser.add_argument("--plan", action="store_true", help="only show what would be done")
        parser.add_argument(
            "--stamp",
            action="store_true",
            help=(
                "record the migrations without running them; refused where the schema is not what "
                "they make"
            ),
        )
        parser.add_argument("--yes", action="store_true", help="agree to a plan that loses data")
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="never ask, on a terminal either",
        )
        parser.add_argument(
            "--no-backup", action="store_true", help="make no backup before the first migration"
        )
        parser.add_argument(
            "--backup-to",
            metavar="PATH",
            help="folder of the backup, or a new file with an ending (default: data/backups)",
        )
        add_identity(parser)
        parser.add_argument(
            "--restore-by-hand",
            action="store_true",
            help=(
                "agree to an encrypted backup that cannot be opened here, before a migration that "
                "is not atomic"
            ),
        )
        parser.add_argument(
            "--wait",
            default="0",
            metavar="SECONDS",
            help="how long to wait for another runner (default: 0)",
        )
        parser.add_argument(
            "--take-over",
            action="store_true",
            help="take the lock from a runner that you know is gone",
        )
        parser.add_argument(
            "--format",
            choices=("text", "json", "sql"),
            default="text",
            help="sql: of --plan, statements for a shell",
        )

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Do it, print the report, and exit."""
        target = _read_target(options)
        if options["format"] == "sql" and not options["plan"]:
            raise CommandError(
                "--format sql is for --plan, which runs nothing; add --plan.", returncode=NOT_ASKED
            )
        report = Report()
        try:
            if options["plan"]:
                self._plan(target, report, options)
            elif options["stamp"]:
                stamp(target, report, tell=self._teller(options))
            else:
                request = self._read_request(target, options)
                migrate(request, report, tell=self._teller(options))
        except MigrationError as error:
            _fill(report, error)
        except DatabaseError as error:
            # Nothing was begun: what a migration raises comes as an error of ours.
            report.outcome = "refused"
            report.message = f"The database cannot be asked: {explain(error) or error}."
        except STOPS as stop:
            report.outcome = "terminated" if isinstance(stop, Terminated) else "interrupted"
            report.message = "Interrupted; what was not finished is undone. Run it again."
        self._print(report, options["format"])
        sys.exit(report.exit_status)

    def _plan(self, target: Target, report: Report, options: dict[str, Any]) -> None:
        tell = self._teller(options)
        loader = MigrationLoader(None)
        report.plan = prepare(loader, target)
        report.earlier = list_earlier(report.plan.facts)
        for earlier in report.earlier:
            tell(f"-- {earlier}")
        if not any(earlier.row.unfinished for earlier in report.earlier):
            report.plan = check_obstacles(loader, report.plan)
            report.warnings += report.plan.notes
        problem = find_unrestorable(
            report.plan, options["identity"], restores_by_hand=options["restore_by_hand"]
        )
        report.warnings += filter(None, [problem])
        report.outcome = "planned" if report.plan.steps else "nothing to do"
        report.message = "This is only the plan; nothing was run."
        if not report.plan.steps:
            report.message = "All migrations are applied."

    def _read_request(self, target: Target, options: dict[str, Any]) -> Request:
        is_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
        may_ask = options["interactive"] and is_terminal and options["format"] == "text"
        return Request(
            target=target,
            is_agreed=options["yes"],
            ask=self._ask if may_ask else None,
            with_backup=not options["no_backup"],
            backup_to=_path(options["backup_to"]),
            identities=tuple(options["identity"]),
            restores_by_hand=options["restore_by_hand"],
            take_over=options["take_over"],
            wait_seconds=_seconds(options["wait"]),
        )

    def _teller(self, options: dict[str, Any]) -> Callable[[str], None]:
        """Return what shows progress: on standard error where the output is for a machine."""
        stream = self.stdout if options["format"] == "text" else self.stderr

        def tell(text: str) -> None:
            stream.write(text)
            stream.flush()

        return tell

    def _ask(self, prepared: Prepared) -> bool:
        self.stdout.write(self.style.WARNING("This loses data:"))
        for step, loss in prepared.needs_consent:
            self.stdout.write(f"  {step} {loss}")
        return input("Type yes to go on: ").strip().lower() == "yes"

    def _print(self, report: Report, form: str) -> None:
        if form == "json":
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
            return
        for warning in report.warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        if form == "sql" and report.plan is not None and report.outcome == "planned":
            self.stdout.write(plan_as_sql(report.plan))
            self._warn_of_python(report.plan)
            return
        if report.outcome == "planned" and report.plan is not None:
            self.stdout.write(describe_plan(report.plan))
        for table, (before, after) in sorted(report.rows.items()):
            self.stdout.write(f"  {table}: {before:,} rows → {after:,}")
        for check in report.checks:
            self.stdout.write(f"  checked: {check}")
        if report.exit_status:
            self.stderr.write(self.style.ERROR(f"{report.outcome}: {report.message}"))
        else:
            self.stdout.write(self.style.SUCCESS(report.message))

    def _warn_of_python(self, prepared: Prepared) -> None:
        for planned in prepared.steps:
            for action in planned.rehearsed.actions:
                if action.kind == "python" and not action.does_nothing:
                    self.stderr.write(f"Not in this SQL: {planned} runs {action.description}")


def _read_target(options: dict[str, Any]) -> Target:
    to = options["to"] or []
    if len(to) > 2:
        raise CommandError(
            f"--to takes one migration, such as prompts.0012 or prompts 0012_name, not "
            f"{len(to)} words.",
            returncode=NOT_ASKED,
        )
    text = options["steps"]
    if text is not None and not STEPS.fullmatch(text):
        raise CommandError(
            f"--steps must be a whole number other than 0, such as 1 or -1, not '{text}'.",
            returncode=NOT_ASKED,
        )
    return Target(
        to=".".join(to), count=int(text) if text else 0, apps=tuple(dict.fromkeys(options["app"]))
    )


def _path(text: str | Path | None) -> Path | None:
    """Return where the backup goes; None: where it usually does."""
    if text is None:
        return None
    if not str(text).strip() or str(text).startswith("s3://"):
        raise CommandError(
            "--backup-to must be a folder or a new file on this machine; to keep backups in S3, "
            "run `manage.py backup_database --output s3://…` before, and add --no-backup.",
            returncode=NOT_ASKED,
        )
    return Path(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_WAIT_SECONDS:  # not for NaN either
        raise CommandError(
            f"--wait must be a number of seconds from 0 to {MAX_WAIT_SECONDS}, not '{text}'.",
            returncode=NOT_ASKED,
        )
    return seconds


def _fill(report: Report, error: MigrationError) -> None:
    report.message = str(error)
    if isinstance(error, AttentionError):
        report.outcome = "needs attention"
    elif isinstance(error, RefusedError):
        report.outcome = "refused"
    elif isinstance(error, StepFailedError) and not report.outcome:
        report.outcome = "failed"
