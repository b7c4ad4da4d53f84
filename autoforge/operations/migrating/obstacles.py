"""What stands in the way of a plan: a table, index, trigger or view that somebody made by hand.

Where the real schema is not what its migrations made, the plan is run once more, on an empty copy
of the real one, before anything is written. Which thing is in the way is found out by trying: the
one without which the migration goes through. The text of no error is interpreted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Final

from django.db import Error
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from autoforge.operations.migrating.copies import Thing, find_things, imitate, put
from autoforge.operations.migrating.errors import RefusedError
from autoforge.operations.migrating.rehearsal import Rehearsed
from autoforge.operations.migrating.scratch import Scratch, open_scratch
from autoforge.operations.migrating.state import Facts
from autoforge.operations.migrating.steps import build_state, run_step
from autoforge.operations.migrating.verifying import find_deviations
from core.database.drift import Difference
from core.database.schemas import Schema, compare_schemas

__all__ = ["check_real_schema"]

MAX_TRIED: Final = 60
MAX_NAMED: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Obstacle:
    """A thing that is in the way."""

    differences: tuple[Difference, ...]
    """How it differs from what migrations made; empty where nothing was found out."""
    rehearsed: Rehearsed
    """The migration that it stops."""
    fault: str
    """What happens then, without a full stop."""


def check_real_schema(
    loader: MigrationLoader, facts: Facts, rehearsed: Sequence[Rehearsed]
) -> tuple[str, ...]:
    """Run a plan on an empty copy of the schema that is really there.

    Args:
        loader: the migrations of the code.
        facts: what the database has.
        rehearsed: the plan, which goes through on what the migrations made.

    Returns:
        What could not be tried, each as a sentence.

    Raises:
        RefusedError: something is in the way; the sentence says what, and how to go on.
    """
    if not rehearsed or not facts.schema:
        return ()
    if not compare_schemas(rehearsed[0].before, facts.schema):
        return ()  # it was tried already, on the same
    with open_scratch() as scratch:
        state = scratch.apply_all(loader, facts.applied)
        left_out = imitate(scratch, facts.schema)
        trial = _Trial(scratch, loader, set(facts.applied), state)
        for each in rehearsed:
            if not trial.run(each):
                break
    obstacles = [*_find_namesakes(rehearsed, list(left_out)), *trial.obstacles]
    if obstacles:
        raise RefusedError(_describe_all(obstacles, facts.schema))
    notes = []
    for (kind, name), reason in left_out.items():
        notes.append(f"The plan was tried without the {kind} {name}, made by hand: {reason}.")
    return tuple(notes)


class _Trial:
    """A plan on the copy, one migration after the other; what is in the way is put aside."""

    def __init__(
        self, scratch: Scratch, loader: MigrationLoader, applied: set[Any], state: ProjectState
    ) -> None:
        self.obstacles: list[_Obstacle] = []
        self._scratch = scratch
        self._loader = loader
        self._applied = applied
        self._state = state

    def run(self, rehearsed: Rehearsed) -> bool:
        """Run a migration; return whether the ones behind it can be tried."""
        step = rehearsed.step
        if step.is_backwards:
            self._state = build_state(self._loader, self._applied, until=step.migration)
        image = self._scratch.copy()
        fault = self._attempt(rehearsed, image)
        while fault:
            differences, image, next_fault = self._find_cause(rehearsed, image, fault)
            self.obstacles.append(
                _Obstacle(differences=differences, rehearsed=rehearsed, fault=fault)
            )
            if not differences:
                return False
            fault = next_fault
        self._attempt(rehearsed, image, keep_state=True)
        if step.is_backwards:
            self._applied.discard(step.key)
        else:
            self._applied.add(step.key)
        return True

    def _attempt(self, rehearsed: Rehearsed, image: Connection, *, keep_state: bool = False) -> str:
        """Run a migration on a copy; return what goes wrong, empty where nothing does."""
        self._scratch.take_copy(image)
        before = self._scratch.read_schema()
        try:
            # A migration changes the state that it is given, also one that fails.
            state = run_step(self._scratch.wrapper, rehearsed.step, self._state.clone())
        except Exception as error:  # noqa: BLE001 (whatever the code of a migration raises)
            text = str(error).rstrip(".")
            return text if isinstance(error, Error) else f"{type(error).__name__}: {text}"
        deviations = find_deviations(rehearsed, before, self._scratch.read_schema())
        if keep_state:
            self._state = state
        return "; ".join(f"{each} afterwards" for each in deviations[:MAX_NAMED])

    def _find_cause(
        self, rehearsed: Rehearsed, image: Connection, fault: str
    ) -> tuple[tuple[Difference, ...], Connection, str]:
        """Return what is in the way, the copy without it, and what goes wrong then."""
        self._scratch.take_copy(image)
        things = find_things(rehearsed.before, self._scratch.read_schema())
        second: tuple[tuple[Difference, ...], Connection, str] = ((), image, fault)
        for thing in sorted(things, key=lambda thing: thing[1] not in fault)[:MAX_TRIED]:
            self._scratch.take_copy(image)
            put(self._scratch, thing, rehearsed.before)
            without = self._scratch.copy()
            next_fault = self._attempt(rehearsed, without)
            if not next_fault:
                return things[thing], without, ""
            if next_fault != fault and not second[0]:  # it is the first one in the way of several
                second = things[thing], without, next_fault
        return second


def _find_namesakes(
    rehearsed: Sequence[Rehearsed], left_out: Sequence[Thing]
) -> Iterator[_Obstacle]:
    """Find what could not be tried, and has the name of something that a migration makes."""
    for each in rehearsed:
        made = {name for _kind, name in each.after.keys() - each.before.keys()}
        for kind, name in left_out:
            if name in made:
                difference = Difference(kind=kind, name=name, table=name, state="unexpected")
                yield _Obstacle(
                    differences=(difference,), rehearsed=each, fault="the name is taken"
                )


# --- words


def _describe_all(obstacles: Sequence[_Obstacle], actual: Schema) -> str:
    sentences = [_describe(each, actual) for each in obstacles[:MAX_NAMED]]
    text = "; ".join(sentences)
    if len(obstacles) > MAX_NAMED:
        text += f"; and {len(obstacles) - MAX_NAMED} more"
    if text.startswith("the "):
        text = f"T{text[1:]}"  # the name of a migration stays as it is
    return f"{text}. Nothing was changed."


def _describe(obstacle: _Obstacle, actual: Schema) -> str:
    step = obstacle.rehearsed.step
    if not obstacle.differences:
        return (
            f"{step} fails on an empty copy of the schema that is really there ({obstacle.fault}), "
            "and goes through on what the migrations made: see `manage.py migration_status`"
        )
    first = obstacle.differences[0]
    name = _name(first)
    if len(obstacle.differences) > 1:
        name += f" (and {len(obstacle.differences) - 1} more of it)"
    if first.state == "missing":
        return (
            f"{step} needs {name}, which is missing ({obstacle.fault}): make it again, as "
            "`manage.py migration_status` shows"
        )
    if first.state == "other":
        return (
            f"{name} is in the way of {step} ({obstacle.fault}), since it is not as the migrations "
            "made it: make it what `manage.py migration_status` shows"
        )
    if _is_done(obstacle.rehearsed, actual):
        return (
            f"{name} is in the way of {step} ({obstacle.fault}): the database has what it makes "
            f"already; record it, after those before it, with {_how_to_record(obstacle, actual)}"
        )
    remedy = "rename or drop it"
    if first.kind in ("column", "constraint"):  # its table is made anew, under any name of it
        remedy = "drop it, or keep what is in it in a table of its own"
    return (
        f"{name}, which no migration has made, is in the way of {step} ({obstacle.fault}): "
        f"{remedy}, and run this again"
    )


def _name(difference: Difference) -> str:
    if difference.kind in ("table", "view"):
        return f"the {difference.kind} {difference.name}"
    return f"the {difference.kind} {difference.name} of {difference.table}"


def _is_done(rehearsed: Rehearsed, actual: Schema) -> bool:
    """Whether a schema has all that a migration changes already."""
    changes = compare_schemas(rehearsed.before, rehearsed.after)
    left = {(each.kind, each.table, each.name) for each in compare_schemas(rehearsed.after, actual)}
    is_missing = any((each.kind, each.table, each.name) in left for each in changes)
    return bool(changes) and not is_missing and not rehearsed.step.is_backwards


def _how_to_record(obstacle: _Obstacle, actual: Schema) -> str:
    app, name = obstacle.rehearsed.step.key
    if not compare_schemas(obstacle.rehearsed.after, actual):
        return f"`manage.py migrate_safely --stamp --to {app}.{name}`"
    # A stamp wants the whole schema to be right; this one is looked at here.
    return f"`manage.py migrate --fake {app} {name}`"
