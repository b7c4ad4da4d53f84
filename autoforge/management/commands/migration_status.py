"""`manage.py migration_status`: what is applied, pending and unknown, and what has drifted."""

import argparse
import fnmatch
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import DatabaseError

from autoforge.operations.migrating.state import MigrationState, read_state
from core.database.drift import Difference
from core.database.explanation import explain
from core.database.outages import database_file, show_path
from core.exit_status import NO, NOT_ASKED


class Command(BaseCommand):
    """Compare; exit 0 nothing to do, 1 pending or drifted, 2 could not ask."""

    help = (
        "Shows the migrations of the database: current, pending, unknown to the code, history; and "
        "drift: where models, migrations and the real schema differ, down to triggers. Exit "
        "status: 0 nothing to do, 1 pending or drifted, 2 could not ask."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument(
            "--history", action="store_true", help="also show when each migration was applied"
        )
        parser.add_argument(
            "--ignore",
            action="append",
            default=[],
            metavar="NAME",
            help=(
                "something in the database that is meant to differ, such as an index of your own; "
                "* fits any characters; can be repeated"
            ),
        )

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Ask, print, and exit."""
        state = _read(options["ignore"])
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_dict(state), ensure_ascii=False, indent=2))
        else:
            self._print(state, with_history=options["history"])
        self.stdout.flush()
        if not state.is_current:
            sys.exit(NO)

    def _print(self, state: MigrationState, *, with_history: bool) -> None:
        width = max((len(app.label) for app in state.apps), default=0)
        for app in state.apps:
            line = f"{app.label:<{width}}  {app.current or '(none)'}"
            if app.pending:
                line += self.style.WARNING(f"  → {app.newest}, {len(app.pending)} pending")
            self.stdout.write(line)
            for name in app.pending:
                self.stdout.write(f"{'':<{width}}    pending  {name}")
            for name in app.unknown:
                self.stdout.write(f"{'':<{width}}    unknown  {name} (not in this code)")
        if with_history:
            self.stdout.write("\nhistory:")
            for item in state.history:
                when = item.applied_at.strftime("%Y-%m-%d %H:%M:%S")
                self.stdout.write(f"  {when} UTC  {item.app}.{item.name}")
        self._print_drift(state)
        self._print_verdict(state)

    def _print_drift(self, state: MigrationState) -> None:
        if state.disorder or state.drift or state.model_changes:
            self.stdout.write("\ndrift:")
        for sentence in state.disorder:
            self.stdout.write(f"  {sentence}")
        for difference in state.drift:
            self.stdout.write(f"  {difference}")
            if difference.state == "other":
                self.stdout.write(f"      should be  {difference.expected}")
                self.stdout.write(f"      is         {difference.actual}")
            if difference.remedy:
                self.stdout.write(f"      → {difference.remedy}")
        for app, changes in state.model_changes.items():
            for change in changes:
                self.stdout.write(f"  models of {app} without a migration: {change}")

    def _print_verdict(self, state: MigrationState) -> None:
        if state.is_current:
            count = len(state.history)
            self.stdout.write(self.style.SUCCESS(f"\nNothing to do: {count} applied, no drift."))
            return
        parts = []
        if state.pending:
            parts.append(f"{len(state.pending)} pending (manage.py migrate_safely)")
        if state.unknown:
            parts.append(f"{len(state.unknown)} unknown (deploy the code that has them)")
        differences = len(state.drift) + len(state.disorder)
        if differences:
            parts.append(f"{differences} differences in the schema")
        if state.model_changes:
            parts.append("models without a migration (manage.py makemigrations)")
        self.stdout.write(self.style.ERROR(f"\n{'; '.join(parts)}."))


def _read(ignored: Sequence[str]) -> MigrationState:
    path = database_file()
    if path is not None and not path.exists():
        raise CommandError(
            f"There is no database at {show_path()}; run `manage.py migrate_safely`, or correct "
            "DATABASE_URL.",
            returncode=NOT_ASKED,
        )
    try:
        state = read_state()
    except DatabaseError as error:
        raise CommandError(
            f"The database cannot be asked: {explain(error) or error}.", returncode=NOT_ASKED
        ) from error
    drift = [each for each in state.drift if not _is_ignored(each, ignored)]
    return replace(state, drift=tuple(drift))


def _is_ignored(difference: Difference, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(difference.name, pattern.lower()) for pattern in patterns)


def _as_dict(state: MigrationState) -> dict[str, object]:
    apps = {}
    for app in state.apps:
        apps[app.label] = {
            "current": app.current or None,
            "newest": app.newest or None,
            "applied": app.applied,
            "pending": list(app.pending),
            "unknown": list(app.unknown),
        }
    history = []
    for item in state.history:
        applied_at = item.applied_at.isoformat()
        history.append({"migration": f"{item.app}.{item.name}", "applied_at": applied_at})
    drift = []
    for each in state.drift:
        drift.append(
            {
                "kind": each.kind,
                "name": each.name,
                "table": each.table,
                "state": each.state,
                "expected": each.expected or None,
                "actual": each.actual or None,
                "remedy": each.remedy or None,
            }
        )
    return {
        "is_current": state.is_current,
        "apps": apps,
        "pending": list(state.pending),
        "unknown": list(state.unknown),
        "history": history,
        "disorder": list(state.disorder),
        "drift": drift,
        "model_changes": {app: list(texts) for app, texts in state.model_changes.items()},
    }
