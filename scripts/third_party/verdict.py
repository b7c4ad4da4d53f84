"""What two runs of a suite, on libSQL and on SQLite, mean. No processes here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from conformance.outcomes import Outcome

__all__ = ["Verdict", "judge"]

DID_NOT_RUN: Final = Outcome(outcome="did not run")
# An unexpected success fails nothing: these suites do not mark tests strictly.
PASSES: Final = frozenset({"passed", "unexpected success"})
PAIRS: Final = ("passed", "skipped", "failed")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What two runs mean."""

    passed: int
    """How many tests pass on both."""
    skipped: int
    """How many are skipped, or expected to fail, on both."""
    failed: int
    """How many fail on both: the machine's or the suite's affair, not the backend's."""
    better: int
    """How many pass here, and not on SQLite."""
    differing: Mapping[str, str]
    """Tests that do not run here as on SQLite, each with the reason that was declared."""
    complaints: tuple[str, ...]
    """Why the run is not good, a line each; empty where it is."""

    @property
    def total(self) -> int:
        """How many tests there are."""
        return self.passed + self.skipped + self.failed + self.better + len(self.differing)


def judge(
    ours: Mapping[str, Outcome], sqlite: Mapping[str, Outcome], reasons: Mapping[str, str]
) -> Verdict:
    """Compare two runs of the same tests.

    Args:
        ours: outcomes on libSQL, by test.
        sqlite: outcomes on SQLite, by test.
        reasons: why a test is declared to fail here, by the end of its name.
    """
    counts = dict.fromkeys((*PAIRS, "better"), 0)
    differing: dict[str, str] = {}
    complaints: list[str] = []
    used: set[str] = set()
    for name in sorted(set(ours) | set(sqlite)):
        here, there = ours.get(name, DID_NOT_RUN), sqlite.get(name, DID_NOT_RUN)
        kind = _kind(here)
        if kind == _kind(there):
            counts[kind] += 1
        elif kind == "passed":
            counts["better"] += 1
        else:
            declared = next((end for end in reasons if name.endswith(end)), "")
            used.add(declared)
            differing[name] = reasons.get(declared, "")
            if not declared:
                reason = f": {here.reason}" if here.reason else ""
                complaints.append(
                    f"{here.outcome} on libSQL, {there.outcome} on SQLite: {name}{reason}"
                )
    if not ours:
        complaints.append("no test was run")
    complaints += _unused(reasons, used)
    return Verdict(
        passed=counts["passed"],
        skipped=counts["skipped"],
        failed=counts["failed"],
        better=counts["better"],
        differing=differing,
        complaints=tuple(complaints),
    )


def _kind(outcome: Outcome) -> str:
    if outcome.outcome in PASSES:
        return "passed"
    if outcome.outcome in {"skipped", "expected failure"}:
        return "skipped"
    return "missing" if outcome == DID_NOT_RUN else "failed"


def _unused(reasons: Iterable[str], used: set[str]) -> list[str]:
    unused = sorted(set(reasons) - used)
    return [f"is declared to differ, but does not: {name}" for name in unused]
