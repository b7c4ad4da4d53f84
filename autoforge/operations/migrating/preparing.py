"""What a run would do: its steps, their SQL, what they lose and whom they disturb."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.migrations.loader import MigrationLoader

from autoforge.operations.migrating.effects import Loss, list_conflicts, list_losses
from autoforge.operations.migrating.obstacles import check_real_schema
from autoforge.operations.migrating.plans import choose_steps
from autoforge.operations.migrating.rehearsal import Rehearsed, rehearse
from autoforge.operations.migrating.state import Facts, read_facts
from autoforge.operations.migrating.verifying import count_rows
from core.database.outages import database_file
from core.database.schemas import Schema

__all__ = [
    "PlannedLoss",
    "PlannedStep",
    "Prepared",
    "Target",
    "check_obstacles",
    "list_all_conflicts",
    "prepare",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where to go."""

    to: str = ""
    """A migration, such as prompts.0012; empty: everything that is pending."""
    count: int = 0
    """At most so many steps forwards; below 0 so many back; 0: all."""
    apps: tuple[str, ...] = ()
    """Only these apps, and what they depend on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedLoss:
    """A loss, with what it concerns now."""

    loss: Loss
    """What happens."""
    rows: int | None
    """How many rows the table has now; None where no table is known."""

    @property
    def needs_consent(self) -> bool:
        """Whether there is something to lose."""
        return self.rows is None or self.rows > 0

    def __str__(self) -> str:
        if self.rows is None:
            return self.loss.sentence
        noun = "row" if self.rows == 1 else "rows"
        return f"{self.loss.sentence} ({self.rows:,} {noun})"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedStep:
    """A step with its consequences."""

    rehearsed: Rehearsed
    """What it does."""
    losses: tuple[PlannedLoss, ...]
    """What it loses, or may lose."""
    conflicts: tuple[str, ...]
    """Where the code that is running now fails after it, each about "it"."""

    def __str__(self) -> str:
        return str(self.rehearsed.step)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A plan."""

    facts: Facts
    """What the database had when the plan was made."""
    steps: tuple[PlannedStep, ...]
    """What is to be run, in order."""
    notes: tuple[str, ...] = ()
    """What could not be tried before, each as a sentence."""

    @property
    def is_first(self) -> bool:
        """Whether the database is empty: nothing can be lost, and no code uses it."""
        return not self.facts.schema

    @property
    def needs_consent(self) -> tuple[tuple[PlannedStep, PlannedLoss], ...]:
        """What somebody has to agree to."""
        losses = [(step, loss) for step in self.steps for loss in step.losses]
        return tuple(pair for pair in losses if pair[1].needs_consent)

    @property
    def not_atomic(self) -> tuple[str, ...]:
        """Migrations that can be left half done."""
        return tuple(str(step) for step in self.steps if not step.rehearsed.step.is_atomic)


def prepare(loader: MigrationLoader, target: Target) -> Prepared:
    """Ask the database and make the plan.

    Raises:
        DatabaseError: the database does not answer.
        RefusedError: there is no such plan, or a migration in it fails.
    """
    facts = _read_facts()
    steps = choose_steps(loader, facts, target=target.to, count=target.count, apps=target.apps)
    rehearsed = rehearse(loader, facts, steps) if steps else ()
    losses = [list_losses(each) if facts.schema else () for each in rehearsed]
    counts = _count_concerned(facts.schema, losses)
    return Prepared(
        facts=facts,
        steps=tuple(
            PlannedStep(
                rehearsed=each,
                losses=_with_rows(found, counts),
                conflicts=list_conflicts(each) if facts.schema else (),
            )
            for each, found in zip(rehearsed, losses, strict=True)
        ),
    )


def check_obstacles(loader: MigrationLoader, prepared: Prepared) -> Prepared:
    """Try a plan on the schema that is really there, without its rows; return it with notes.

    What an interrupted migration has left half done is to be undone before.

    Raises:
        RefusedError: something that was made by hand is in its way.
    """
    rehearsed = [planned.rehearsed for planned in prepared.steps]
    return replace(prepared, notes=check_real_schema(loader, prepared.facts, rehearsed))


def list_all_conflicts(prepared: Prepared) -> list[str]:
    """Return where the code that is running fails after a plan, each with its first migration."""
    steps: dict[str, str] = {}
    for planned in prepared.steps:
        for conflict in planned.conflicts:
            steps.setdefault(conflict, str(planned))
    return [f"{conflict} ({step})" for conflict, step in steps.items()]


def _read_facts() -> Facts:
    path = database_file()
    if path is not None and path.parent.is_dir() and not path.exists():
        return Facts(history=(), schema={}, has_runs=False)
    return read_facts()


def _count_concerned(schema: Schema, losses: Sequence[Collection[Loss]]) -> Mapping[str, int]:
    """Return table → rows, of the tables that something is lost from."""
    names = {loss.table for each in losses for loss in each}
    concerned = {key: sql for key, sql in schema.items() if key[1] in names}
    return count_rows(concerned)


def _with_rows(losses: Collection[Loss], counts: Mapping[str, int]) -> tuple[PlannedLoss, ...]:
    planned = []
    for loss in losses:
        rows = counts.get(loss.table, 0) if loss.table else None
        planned.append(PlannedLoss(loss=loss, rows=rows))
    return tuple(planned)
