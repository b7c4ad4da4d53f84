"""Migrations recorded without being run, where the schema shows that they were applied.

For a database that was restored or copied without its table of migrations, or whose schema was
changed by a script of SQL. Rows cannot show what Python code has done to them: that is said.
"""

from collections.abc import Callable

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from autoforge.operations.migrating import runs
from autoforge.operations.migrating.errors import RefusedError
from autoforge.operations.migrating.plans import choose_steps
from autoforge.operations.migrating.preparing import Target
from autoforge.operations.migrating.rehearsal import rehearse
from autoforge.operations.migrating.reports import Report, StepReport
from autoforge.operations.migrating.state import read_facts
from autoforge.operations.migrating.steps import record_step
from core.database.schemas import compare_schemas

__all__ = ["stamp"]

MAX_LISTED = 5


def stamp(target: Target, report: Report, *, tell: Callable[[str], None]) -> None:
    """Record what the schema has.

    Args:
        target: the state that the schema is in.
        report: is filled.
        tell: told what happens, for people.

    Raises:
        DatabaseError: the database does not answer.
        RefusedError: the schema is in another state, or somebody else migrates.
    """
    loader = MigrationLoader(None)
    facts = read_facts()
    steps = choose_steps(loader, facts, target=target.to, count=target.count, apps=target.apps)
    if not steps:
        report.outcome = "nothing to do"
        report.message = "These migrations are recorded already."
        return
    rehearsed = rehearse(loader, facts, steps)
    differences = compare_schemas(rehearsed[-1].after, facts.schema)
    if differences:
        listed = "; ".join(map(str, differences[:MAX_LISTED]))
        more = (
            f"; and {len(differences) - MAX_LISTED} more" if len(differences) > MAX_LISTED else ""
        )
        raise RefusedError(
            f"The schema is not what {steps[-1]} leaves: {listed}{more}. Nothing was recorded; "
            "without --stamp the migrations are run."
        )
    is_backwards = any(step.is_backwards for step in steps)
    number, before = runs.acquire([str(step) for step in steps], is_backwards=is_backwards)
    try:
        if before is not None and before.unfinished:
            raise RefusedError(
                f"{before.unfinished} was left half done; run this command without --stamp first."
            )
        with transaction.atomic():
            runs.renew(number)
            now = read_facts()
            if (now.history, now.schema) != (facts.history, facts.schema):
                raise RefusedError("Somebody has changed the database meanwhile; try again.")
            recorder = MigrationRecorder(connection)
            recorder.ensure_schema()
            for step in steps:
                record_step(recorder, step)
                report.steps.append(
                    StepReport(migration=str(step), is_backwards=step.is_backwards, seconds=0.0)
                )
                verb = "no longer applied" if step.is_backwards else "applied"
                tell(f"Recorded as {verb}, without running it: {step}")
    finally:
        runs.stop(number, "stamped")
    for each in rehearsed:
        names = [a.description for a in each.actions if a.kind == "python" and not a.does_nothing]
        for name in names:
            report.warnings.append(
                f"{each.step} was recorded without running {name}: check what it does to rows."
            )
    report.outcome = "done"
    noun = "migration" if len(steps) == 1 else "migrations"
    report.message = f"{len(steps)} {noun} recorded; the schema is what they make."
