"""One migration, applied or taken back: wholly, together with the row that records it, or not.

Django's own executor records a migration after its transaction, wherever indexes are made at its
end or it is taken back: a process that dies in between leaves a database whose next `migrate` fails
with "table already exists". Here the record is a part of the transaction, and so are the checks.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from core.database.applied import Key

__all__ = ["Step", "build_state", "list_in_order", "record_step", "run_step"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A migration and the direction in which it is run."""

    migration: Migration
    """The migration."""
    is_backwards: bool
    """Whether it is taken back."""

    @property
    def key(self) -> Key:
        """App and name."""
        return self.migration.app_label, self.migration.name

    @property
    def is_atomic(self) -> bool:
        """Whether the database undoes it by itself when it does not end."""
        return bool(self.migration.atomic)

    def __str__(self) -> str:
        return f"{self.migration.app_label}.{self.migration.name}"


def list_in_order(loader: MigrationLoader) -> list[Migration]:
    """Return all migrations of the code, each after those that it depends on."""
    keys: dict[Key, None] = {}
    for leaf in loader.graph.leaf_nodes():
        keys |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return [loader.graph.nodes[key] for key in keys]


def build_state(
    loader: MigrationLoader, applied: Collection[Key], *, until: Migration | None = None
) -> ProjectState:
    """Return the models as migrations leave them.

    Args:
        loader: the migrations of the code.
        applied: those that count.
        until: the first one, in order, that does not count any more.
    """
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for migration in list_in_order(loader):
        if migration is until:
            break
        if (migration.app_label, migration.name) in applied:
            migration.mutate_state(state, preserve=False)
    return state


def run_step(
    connection: Any,
    step: Step,
    state: ProjectState,
    *,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
) -> ProjectState:
    """Run a migration.

    Args:
        connection: outside of a transaction.
        step: what to run.
        state: the models before the migration, in both directions.
        before: called first, in the transaction of an atomic migration.
        after: called last, in the transaction that records the migration; what it raises undoes an
            atomic migration, and keeps another one from being recorded.

    Returns:
        The models after it was applied; taken back, nothing that is of use.

    Raises:
        IntegrityError: a row refers to one that is not there.
    """
    recorder = MigrationRecorder(connection)
    with _edit_schema(connection, is_atomic=step.is_atomic) as editor:
        before()
        if step.is_backwards:
            state = step.migration.unapply(state, editor)
        else:
            state = step.migration.apply(state, editor)
        # Django would run these when the editor is left, behind the record and the checks.
        for statement in editor.deferred_sql:
            editor.execute(statement, None)
        editor.deferred_sql.clear()
        with _transaction(connection, step):
            record_step(recorder, step)
            connection.check_constraints()
            after()
    return state


def _transaction(connection: Any, step: Step) -> AbstractContextManager[Any]:
    """Return the transaction of the record; an atomic migration is in one already."""
    return nullcontext() if step.is_atomic else transaction.atomic(connection.alias)


def record_step(recorder: MigrationRecorder, step: Step) -> None:
    """Write down that a migration is applied, or no longer."""
    keys = [*step.migration.replaces]
    if step.is_backwards or not keys:
        keys.append(step.key)
    for app, name in keys:
        if step.is_backwards:
            recorder.record_unapplied(app, name)
        else:
            recorder.record_applied(app, name)


@contextmanager
def _edit_schema(connection: Any, *, is_atomic: bool) -> Iterator[Any]:
    """Give a schema editor; whatever is raised, its transaction ends.

    Django's own leaves the transaction open when the check of the foreign keys fails.
    """
    editor = connection.schema_editor(atomic=is_atomic)
    editor.__enter__()
    error: tuple[Any, Any, Any] = NO_ERROR
    try:
        yield editor
    except BaseException:
        error = sys.exc_info()
        raise
    finally:
        if is_atomic:
            editor.atomic.__exit__(*error)
        connection.enable_constraint_checking()


NO_ERROR: Final = (None, None, None)
