"""What runs that did not end well had done, for whoever runs the next one."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from autoforge.operations.migrating.runs import RunRow, read_unfinished
from autoforge.operations.migrating.state import Facts
from core.database.schemas import MIGRATION_RUNS

__all__ = ["EarlierRun", "list_earlier"]

VERBS: Final = {"failed": "failed", "needs attention": "ended with exit status 3"}
"""Outcome in the journal → what happened; all others were interrupted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierRun:
    """A run that was interrupted or failed, and what is left of it."""

    row: RunRow
    """As the journal has it."""
    done: tuple[str, ...]
    """The migrations that it, or somebody after it, has carried out."""
    left: tuple[str, ...]
    """Those that nobody has."""

    def __str__(self) -> str:
        row = self.row
        since = row.began_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        verb = VERBS.get(row.outcome, "was interrupted")
        done = "taken back" if row.is_backwards else "applied"
        progress = f"{len(self.done)} of its {len(row.migrations)} migrations are {done}"
        if self.done:
            progress += f" ({', '.join(self.done)})"
        remains = f"left: {', '.join(self.left)}" if self.left else "nothing is left of it"
        return (
            f"An earlier run, by {row.holder_name} since {since} (number {row.id} in "
            f"{MIGRATION_RUNS}), {verb}: {progress}; {remains}. {_describe_backup(row.backup)}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "run": self.row.id,
            "by": self.row.holder_name,
            "began_at": self.row.began_at.isoformat(),
            "outcome": VERBS.get(self.row.outcome, "interrupted"),
            "done": list(self.done),
            "left": list(self.left),
            "backup": self.row.backup or None,
        }


def list_earlier(facts: Facts, *, take_over: bool = False) -> list[EarlierRun]:
    """Return the runs since the last one that ended well; none that is still at work.

    Args:
        facts: what the database has.
        take_over: whether somebody knows that the holder of the lock is gone.
    """
    if not facts.has_runs:
        return []
    applied = {".".join(key) for key in facts.applied}
    earlier = []
    for row in read_unfinished():
        if row.is_open and not (row.is_abandoned or take_over):
            continue
        earlier.append(_compare(row, applied))
    return earlier


def _compare(row: RunRow, applied: Collection[str]) -> EarlierRun:
    done: list[str] = []
    left: list[str] = []
    for name in row.migrations:
        is_done = (name in applied) != row.is_backwards
        (done if is_done else left).append(name)
    return EarlierRun(row=row, done=tuple(done), left=tuple(left))


def _describe_backup(backup: str) -> str:
    if not backup:
        return "It has noted no backup."
    if not Path(backup).is_file():
        return f"Its backup was {backup}, which is not on this machine."
    return f"Its backup of before is {backup}."
