"""A plan, tried on an empty copy of the schema: what each migration does, in the end and in SQL.

A migration that fails there would fail on the real database, and is refused before anything is
changed. What Python code does to rows cannot be seen on an empty copy; it is shown by its name and
the first line of its docstring.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import Error
from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from autoforge.operations.migrating.errors import RefusedError
from autoforge.operations.migrating.scratch import Scratch, open_scratch
from autoforge.operations.migrating.state import Facts
from autoforge.operations.migrating.steps import Step, build_state, run_step
from core.database.applied import Key
from core.database.schemas import Schema

__all__ = ["Action", "Rehearsed", "rehearse"]

QUIET: Final = (
    "begin",
    "commit",
    "explain",
    "pragma",
    "release",
    "rollback",
    "savepoint",
    "select",
)
"""First words of statements that change nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """An operation of a migration."""

    description: str
    """What it is for, as Django says it, or a Python function with its docstring."""
    kind: str
    """model (Django wrote the SQL), sql (somebody wrote it) or python."""
    statements: tuple[str, ...]
    """The SQL that it runs, on a database without rows; empty for Python."""
    is_irreversible: bool = False
    """Whether there is no way back."""
    does_nothing: bool = False
    """Of Python: whether nothing is called in this direction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """A step and what it does."""

    step: Step
    """The step."""
    actions: tuple[Action, ...]
    """Its operations in the order in which they are run."""
    before: Schema
    """What is there before it."""
    after: Schema
    """What is there after it."""


@dataclass(slots=True)
class _Log:
    """Takes down the statements of the operation that is running."""

    statements: list[str] = field(default_factory=list)

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 (Django's signature)
        context: Any,
    ) -> Any:
        words = sql.split(None, 1)
        is_own = MigrationRecorder.Migration._meta.db_table in sql
        if words and words[0].lower() not in QUIET and not is_own:
            self.statements.append(_with_values(context["connection"], sql, params, many=many))
        return execute(sql, params, many, context)

    def take(self) -> tuple[str, ...]:
        """Return what was taken down since the last time."""
        statements = tuple(self.statements)
        self.statements.clear()
        return statements


class _Watched:
    """An operation whose statements are taken down."""

    def __init__(self, operation: Any, log: _Log, actions: list[Action]) -> None:
        self._operation = operation
        self._log = log
        self._actions = actions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operation, name)

    def database_forwards(self, *arguments: Any) -> None:
        self._operation.database_forwards(*arguments)
        self._actions.append(_describe(self._operation, self._log.take(), is_backwards=False))

    def database_backwards(self, *arguments: Any) -> None:
        self._operation.database_backwards(*arguments)
        self._actions.append(_describe(self._operation, self._log.take(), is_backwards=True))


def rehearse(loader: MigrationLoader, facts: Facts, steps: Sequence[Step]) -> tuple[Rehearsed, ...]:
    """Run the steps on an empty copy of the schema.

    Args:
        loader: the migrations of the code.
        facts: what the database has.
        steps: what is to be run.

    Raises:
        RefusedError: one cannot be taken back, or fails.
    """
    rehearsed = []
    applied = set(facts.applied)
    with open_scratch() as scratch:
        state = scratch.apply_all(loader, applied)
        for step in steps:
            if step.is_backwards:
                state = build_state(loader, applied, until=step.migration)
            before = scratch.read_schema()
            watched, actions = _run_watched(scratch, step, state)
            state = watched
            rehearsed.append(
                Rehearsed(step=step, actions=actions, before=before, after=scratch.read_schema())
            )
            _move(applied, step.key, is_backwards=step.is_backwards)
    return tuple(rehearsed)


def _move(applied: set[Key], key: Key, *, is_backwards: bool) -> None:
    if is_backwards:
        applied.discard(key)
    else:
        applied.add(key)


def _run_watched(scratch: Scratch, step: Step, state: Any) -> tuple[Any, tuple[Action, ...]]:
    log = _Log()
    actions: list[Action] = []
    copy: Any = Migration(step.migration.name, step.migration.app_label)
    copy.atomic = step.migration.atomic
    copy.replaces = step.migration.replaces
    copy.operations = [_Watched(each, log, actions) for each in step.migration.operations]
    try:
        with _logging(scratch, log):
            state = run_step(
                scratch.wrapper, Step(migration=copy, is_backwards=step.is_backwards), state
            )
    except IrreversibleError as error:
        names = [each.describe() for each in step.migration.operations if not each.reversible]
        raise RefusedError(
            f"{step} cannot be taken back: there is no way back from “{names[0]}”; restore a "
            "backup instead."
        ) from error
    except Exception as error:
        # Whatever the code of a migration raises: it would do the same on the real database.
        raise RefusedError(
            f"{step} fails on an empty copy of the schema: {_sentence(error)}; nothing was changed."
        ) from error
    last = log.take()
    if last:
        actions.append(
            Action(
                description="Indexes and constraints of the above", kind="model", statements=last
            )
        )
    return state, tuple(actions)


@contextmanager
def _logging(scratch: Scratch, log: _Log) -> Iterator[None]:
    with scratch.wrapper.execute_wrapper(log):
        yield


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text if isinstance(error, Error) else f"{type(error).__name__}: {text}"


def _with_values(connection: Any, sql: str, params: Any, *, many: bool) -> str:
    """Return a statement with its values in it."""
    if params is None or many:
        return sql.strip()
    editor = connection.SchemaEditorClass(connection, collect_sql=True, atomic=False)
    if isinstance(params, Mapping):
        return str(
            sql % {name: editor.quote_value(value) for name, value in params.items()}
        ).strip()
    return str(sql % tuple(editor.quote_value(value) for value in params)).strip()


def _describe(operation: Any, statements: tuple[str, ...], *, is_backwards: bool) -> Action:
    python = _find_python(operation)
    if python is not None:
        code = python.reverse_code if is_backwards else python.code
        return Action(
            description=_describe_function(code),
            kind="python",
            statements=(),
            is_irreversible=not operation.reversible,
            does_nothing=code is RunPython.noop,
        )
    return Action(
        description=operation.describe(),
        kind="sql" if _has_sql(operation) else "model",
        statements=statements,
        is_irreversible=not operation.reversible,
    )


def _find_python(operation: Any) -> RunPython | None:
    """Return the Python in an operation, also inside of one that separates state and database."""
    if isinstance(operation, RunPython):
        return operation
    if isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            python = _find_python(inner)
            if python is not None:
                return python
    return None


def _has_sql(operation: Any) -> bool:
    if isinstance(operation, SeparateDatabaseAndState):
        return any(_has_sql(inner) for inner in operation.database_operations)
    return isinstance(operation, RunSQL)


def _describe_function(code: Any) -> str:
    name = f"{code.__module__}.{code.__qualname__}" if hasattr(code, "__qualname__") else repr(code)
    lines = (inspect.getdoc(code) or "").splitlines()
    return f"{name}: {lines[0]}" if lines else name
