"""What a run has done, for people and for machines."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.migrations.recorder import MigrationRecorder

from autoforge.operations.backups.locations import find_location
from autoforge.operations.migrating.earlier import EarlierRun
from autoforge.operations.migrating.preparing import PlannedStep, Prepared
from core.exit_status import (
    INTERRUPTED,
    NO,
    NOT_ASKED,
    PERSON_NEEDED,
    TERMINATED,
    describe_error,
)

__all__ = [
    "EXIT_STATUS",
    "Report",
    "StepReport",
    "describe_plan",
    "how_to_restore",
    "plan_as_dict",
    "plan_as_sql",
]

EXIT_STATUS: Final[Mapping[str, int]] = {
    "nothing to do": 0,
    "planned": 0,
    "done": 0,
    "failed": NO,
    "restored": NO,
    "refused": NOT_ASKED,
    "needs attention": PERSON_NEEDED,
    "interrupted": INTERRUPTED,
    "terminated": TERMINATED,
}
"""Outcome → exit status."""


RECORD: Final = (
    "INSERT INTO {table} (app, name, applied) "
    "VALUES ('{app}', '{name}', strftime('%Y-%m-%d %H:%M:%f', 'now'));"
)
RECORD_BACKWARDS: Final = "DELETE FROM {table} WHERE app = '{app}' AND name = '{name}';"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """A step that was run."""

    migration: str
    """App and name."""
    is_backwards: bool
    """Whether it was taken back."""
    seconds: float
    """How long it took."""


@dataclass(kw_only=True, slots=True)
class Report:
    """A run; it is filled while the run goes on."""

    outcome: str = ""
    """One of `EXIT_STATUS`."""
    message: str = ""
    """What happened, a sentence."""
    plan: Prepared | None = None
    """What was planned."""
    earlier: list[EarlierRun] = field(default_factory=list)
    """Runs before this one that were interrupted or failed."""
    steps: list[StepReport] = field(default_factory=list)
    """What was run."""
    backup: str = ""
    """Where the backup of before is."""
    checks: list[str] = field(default_factory=list)
    """What was checked, a sentence each."""
    warnings: list[str] = field(default_factory=list)
    """What somebody should know."""
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Tables with another number of rows than before → before, after."""
    seconds: float = 0.0
    """How long the run took."""

    @property
    def exit_status(self) -> int:
        """What the command exits with."""
        return EXIT_STATUS[self.outcome]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        rows = {}
        for table, (before, after) in sorted(self.rows.items()):
            rows[table] = {"before": before, "after": after}
        status = self.exit_status
        error = None
        if status:
            kind = self.outcome.replace(" ", "-")
            error = describe_error(f"migration.{kind}", self.message, status)
        return {
            "outcome": self.outcome,
            "exit_status": status,
            "error": error,
            "message": self.message,
            "plan": plan_as_dict(self.plan) if self.plan else [],
            "earlier_runs": [earlier.as_dict() for earlier in self.earlier],
            "steps": [
                {
                    "migration": step.migration,
                    "direction": _direction(is_backwards=step.is_backwards),
                    "seconds": round(step.seconds, 3),
                }
                for step in self.steps
            ],
            "backup": self.backup or None,
            "restore": how_to_restore(self.backup) if self.backup else None,
            "checks": self.checks,
            "warnings": self.warnings,
            "rows": rows,
            "seconds": round(self.seconds, 3),
        }


def how_to_restore(backup: str) -> str:
    """Return the command that puts a backup in the place of the database in use."""
    name = shlex.quote(find_location().name)
    return f"manage.py restore_database {shlex.quote(backup)} --replace {name}"


def _direction(*, is_backwards: bool) -> str:
    return "backwards" if is_backwards else "forwards"


def plan_as_dict(prepared: Prepared) -> list[dict[str, Any]]:
    """Return a plan for JSON."""
    plan = []
    for planned in prepared.steps:
        step = planned.rehearsed.step
        plan.append(
            {
                "migration": str(step),
                "direction": _direction(is_backwards=step.is_backwards),
                "atomic": step.is_atomic,
                "operations": _operations_as_dicts(planned),
                "losses": [
                    {
                        "what": each.loss.sentence,
                        "table": each.loss.table or None,
                        "rows": each.rows,
                        "needs_consent": each.needs_consent,
                    }
                    for each in planned.losses
                ],
                "conflicts": list(planned.conflicts),
            }
        )
    return plan


def _operations_as_dicts(planned: PlannedStep) -> list[dict[str, Any]]:
    operations = []
    for action in planned.rehearsed.actions:
        operations.append(
            {
                "description": action.description,
                "kind": action.kind,
                "reversible": not action.is_irreversible,
                "sql": list(action.statements),
            }
        )
    return operations


def describe_plan(prepared: Prepared) -> str:
    """Return a plan for people: each step with what it loses, then its SQL."""
    lines = []
    for number, planned in enumerate(prepared.steps, start=1):
        step = planned.rehearsed.step
        verb = "take back" if step.is_backwards else "apply"
        lines += ["", f"-- {number} of {len(prepared.steps)}: {verb} {step}"]
        lines += _describe_consequences(planned)
        for action in planned.rehearsed.actions:
            if action.does_nothing:
                continue
            kind = "Python: " if action.kind == "python" else ""
            lines.append(f"--   {kind}{action.description}")
            lines += map(_terminated, action.statements)
    return "\n".join(lines).lstrip("\n")


def _describe_consequences(planned: PlannedStep) -> list[str]:
    lines = []
    if not planned.rehearsed.step.is_atomic:
        lines.append("--   not atomic: if it fails, the backup is restored")
    for loss in planned.losses:
        kind = "LOSES DATA" if loss.needs_consent else "nothing to lose now"
        lines.append(f"--   {kind}: it {loss}")
    for conflict in planned.conflicts:
        lines.append(f"--   running code does not fit: {conflict}")
    return lines


def _terminated(statement: str) -> str:
    return f"{statement.rstrip(';')};"


def plan_as_sql(prepared: Prepared) -> str:
    """Return a plan as SQL that a shell can run, each migration with its record in a transaction.

    What Python code does to rows is not in it; a comment says where it would be.
    """
    table = MigrationRecorder.Migration._meta.db_table
    lines = ["PRAGMA foreign_keys = OFF;"]
    if prepared.is_first:
        lines.append(_terminated(prepared.steps[0].rehearsed.before["table", table]))
    for planned in prepared.steps:
        step = planned.rehearsed.step
        app, name = step.key
        lines += ["", f"-- {step}", "BEGIN;"]
        for action in planned.rehearsed.actions:
            if action.kind == "python" and not action.does_nothing:
                lines.append(f"-- Python, which is not run here: {action.description}")
            lines += map(_terminated, action.statements)
        record = RECORD_BACKWARDS if step.is_backwards else RECORD
        lines += [record.format(table=table, app=app, name=name), "COMMIT;"]
    lines += ["", "PRAGMA foreign_keys = ON;"]
    return "\n".join(lines)
