"""What became of a test, as `recording` wrote it down. No processes and no Django here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Outcome", "is_finished", "module_of", "read_outcomes"]

WORST_FIRST: Final = (
    *("no such test", "failed", "unexpected success"),
    *("expected failure", "skipped", "passed"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a test."""

    outcome: str
    """passed, failed, skipped, expected failure, unexpected success or no such test."""
    reason: str = ""
    """Why it was skipped or failed."""
    declared_as: str = ""
    """For an expectation to fail: the name it was declared under, which may be a base class's."""


def read_outcomes(paths: Iterable[Path]) -> dict[str, Outcome]:
    """Return the worst outcome of each test: one failed subtest makes a failed test."""
    outcomes: dict[str, Outcome] = {}
    for row in _rows(paths):
        if "id" not in row:
            continue
        outcome = Outcome(
            outcome=row["outcome"],
            reason=row.get("reason", ""),
            declared_as=row.get("declared_as", ""),
        )
        known = outcomes.get(row["id"])
        if known is None or _rank(outcome) < _rank(known):
            outcomes[row["id"]] = outcome
    return outcomes


def is_finished(path: Path) -> bool:
    """Whether the run that wrote this file came to its end."""
    return any("finished" in row for row in _rows([path]))


def module_of(name: str) -> str:
    """Return Django's test module of a test; also of `setUpClass (basic.tests.ModelTest)`."""
    inner = name.partition("(")[2] or name
    return inner.partition(".")[0]


def _rows(paths: Iterable[Path]) -> Iterable[Mapping[str, str]]:
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # the last line of a run that was killed may be half a line
                yield json.loads(line)


def _rank(outcome: Outcome) -> int:
    return WORST_FIRST.index(outcome.outcome)
