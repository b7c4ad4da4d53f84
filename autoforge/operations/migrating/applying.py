"""The steps of a plan on the real database, each checked before it is committed."""

import time
from collections.abc import Callable
from typing import Final

from django.db import DatabaseError, Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from autoforge.operations.migrating import runs
from autoforge.operations.migrating.errors import RefusedError, StepFailedError
from autoforge.operations.migrating.preparing import PlannedStep
from autoforge.operations.migrating.steps import Step, build_state, run_step
from autoforge.operations.migrating.verifying import (
    count_rows,
    find_deviations,
    find_lost_rows,
    may_shrink,
)
from core.database.applied import Key, read_history
from core.database.outages import OutageKind, find_outage
from core.database.schemas import SCHEMA, Schema, read_schema

__all__ = ["Applier", "describe_error", "read_current_schema"]

ATTEMPTS: Final = 3
"""How often a migration is begun whose transaction others have taken away."""
RECONNECT_SECONDS: Final = 10.0
"""How long to ask a server, that went away at a COMMIT, what it did."""
LOST: Final = frozenset({OutageKind.BUSY, OutageKind.TRANSACTION_LOST})


class Applier:
    """Runs steps one after the other."""

    def __init__(
        self,
        loader: MigrationLoader,
        applied: frozenset[Key],
        *,
        number: int,
        heartbeat: runs.Heartbeat,
        tell: Callable[[str], None],
    ) -> None:
        """Nothing is run yet.

        Args:
            loader: the migrations of the code.
            applied: what the database has.
            number: of the run that holds the lock.
            heartbeat: renews the lock.
            tell: told what happens, for people.
        """
        self._loader = loader
        self._applied = set(applied)
        self._number = number
        self._heartbeat = heartbeat
        self._tell = tell
        self._state: ProjectState | None = None

    def run(self, planned: PlannedStep) -> float:
        """Run a step; return how many seconds it took.

        Raises:
            StepFailedError: it failed; an atomic migration has left nothing.
        """
        step = planned.rehearsed.step
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._run_once(planned)
                break
            except StepFailedError as error:
                if not self._may_retry(step, error) or attempt == ATTEMPTS:
                    raise
                self._tell(f"  others write, and the server gave them the lock: {step} once more")
        if step.is_backwards:
            self._applied.discard(step.key)
        else:
            self._applied.add(step.key)
        return time.monotonic() - began

    def _may_retry(self, step: Step, error: StepFailedError) -> bool:
        outage = find_outage(error)
        return step.is_atomic and outage is not None and outage.kind in LOST

    def _run_once(self, planned: PlannedStep) -> None:
        step = planned.rehearsed.step
        state = self._state
        if state is None or step.is_backwards:
            until = step.migration if step.is_backwards else None
            state = build_state(self._loader, self._applied, until=until)
        self._state = None  # what a failed attempt has left in it is of no use
        checks = _Checks(planned, self._number)
        try:
            with self._heartbeat.pause():
                if not step.is_atomic:
                    runs.note_step(self._number, str(step))
                state = run_step(connection, step, state, before=checks.before, after=checks.after)
        except RefusedError:  # the lock is gone
            raise
        except Exception as error:
            if not self._has_happened(step, error):
                raise StepFailedError(f"{step} failed: {describe_error(error)}") from error
            state = None
        self._state = None if step.is_backwards else state

    def _has_happened(self, step: Step, error: Exception) -> bool:
        """Whether a step whose COMMIT got no answer is there all the same."""
        outage = find_outage(error)
        if outage is None or outage.kind != OutageKind.OUTCOME_UNKNOWN:
            return False
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                applied = {migration.key for migration in read_history()}
            except DatabaseError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.2)
            else:
                return (step.key in applied) != step.is_backwards


class _Checks:
    """What is compared before a step and after it, within its transaction."""

    def __init__(self, planned: PlannedStep, number: int) -> None:
        self._planned = planned
        self._number = number
        self._schema: Schema = {}
        self._counts: dict[str, int] = {}

    def before(self) -> None:
        """Take down what is there; the first write takes the write lock."""
        runs.renew(self._number, runs.STEP_LEASE_SECONDS)
        self._schema = read_current_schema()
        self._counts = count_rows(self._schema)

    def after(self) -> None:
        """Compare.

        Raises:
            StepFailedError: the schema is not what the plan says, or rows are missing.
        """
        rehearsed = self._planned.rehearsed
        schema = read_current_schema()
        differences = find_deviations(rehearsed, self._schema, schema)
        if differences:
            raise StepFailedError(
                f"it does something else here than on an empty copy of the schema: "
                f"{'; '.join(map(str, differences[:5]))}; see `manage.py migration_status`"
            )
        lost = find_lost_rows(
            self._counts,
            count_rows(schema),
            may_shrink(each.loss for each in self._planned.losses),
        )
        if lost:
            raise StepFailedError(f"it takes rows away, which its plan does not say: {lost}")
        if not rehearsed.step.is_atomic:
            runs.note_step(self._number, "")
        runs.renew(self._number)


def read_current_schema() -> Schema:
    """Return what is in the database now."""
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        return read_schema(cursor.fetchall())


def describe_error(error: BaseException) -> str:
    """Return what went wrong, without a full stop."""
    outage = find_outage(error)
    if outage is not None:
        return outage.sentence
    text = str(error).rstrip(".")
    if isinstance(error, Error | StepFailedError):
        return text
    return f"{type(error).__name__}: {text}"
