"""From recorded outcomes to a verdict and a report. No processes and no Django here."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MAX_EXCEPTIONS", "Outcome", "Verdict", "judge", "read_record", "report"]

MAX_EXCEPTIONS: Final = 20
SHOWN: Final = ("passed", "skipped", "expected failure", "failed")
WORST_FIRST: Final = ("failed", "unexpected success", "expected failure", "skipped", "passed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a test."""

    outcome: str
    """passed, failed, skipped, expected failure or unexpected success."""
    reason: str = ""
    """Why it was skipped or failed."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a run means."""

    exceptions: Mapping[str, str]
    """Tests that pass on SQLite and are skipped or expected to fail here, each with its reason."""
    failed: Mapping[str, str]
    """Tests that fail here and not on SQLite, with the first line of the error."""
    unexpected: tuple[str, ...]
    """Tests that were expected to fail and pass."""
    unknown: tuple[str, ...]
    """Tests that are expected to fail and do not exist."""

    @property
    def complaints(self) -> list[str]:
        """Why the run is not good; empty where it is."""
        found = [f"FAILED {name}: {reason}" for name, reason in sorted(self.failed.items())]
        found += [f"passes, but is expected to fail: {name}" for name in self.unexpected]
        found += [f"is expected to fail, but does not exist: {name}" for name in self.unknown]
        if len(self.exceptions) > MAX_EXCEPTIONS:
            found.append(f"{len(self.exceptions)} exceptions; {MAX_EXCEPTIONS} are allowed")
        return found


def read_record(path: Path) -> dict[str, Outcome]:
    """Return the worst outcome of each test: one failed subtest makes a failed test."""
    outcomes: dict[str, Outcome] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        outcome = Outcome(outcome=row["outcome"], reason=row["reason"])
        known = outcomes.get(row["id"])
        if known is None or _rank(outcome) < _rank(known):
            outcomes[row["id"]] = outcome
    return outcomes


def _rank(outcome: Outcome) -> int:
    return WORST_FIRST.index(outcome.outcome)


def judge(
    ours: Mapping[str, Outcome],
    sqlite: Mapping[str, Outcome] | None,
    reasons: Mapping[str, Iterable[str]],
    *,
    is_whole: bool,
) -> Verdict:
    """Compare two runs.

    Args:
        ours: outcomes on libSQL.
        sqlite: outcomes on SQLite; None where it was not run: then every test counts as passing.
        reasons: tests that are expected to fail, by reason.
        is_whole: the whole suite was run, so that each expected failure must have come up.
    """
    reason_of = {test: reason for reason, tests in reasons.items() for test in tests}
    exceptions, failed = {}, {}
    for name, outcome in ours.items():
        if sqlite is not None and not _passes(sqlite.get(name)):
            continue
        if outcome.outcome == "failed":
            failed[name] = outcome.reason
        elif outcome.outcome == "expected failure" and name in reason_of:
            exceptions[name] = reason_of[name]
        elif outcome.outcome == "skipped" and sqlite is not None:
            exceptions[name] = outcome.reason
    unexpected = [name for name, one in ours.items() if one.outcome == "unexpected success"]
    unknown = sorted(set(reason_of) - set(ours)) if is_whole else []
    return Verdict(
        exceptions=exceptions,
        failed=failed,
        unexpected=tuple(sorted(unexpected)),
        unknown=tuple(unknown),
    )


def _passes(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.outcome == "passed"


def report(
    facts: Mapping[str, str],
    ours: Mapping[str, Outcome],
    sqlite: Mapping[str, Outcome],
    verdict: Verdict,
) -> str:
    """Return the document: what was run, the exceptions, and each module's numbers."""
    lines = [
        "# Django's own tests on libSQL",
        "",
        "Written by `make conformance`; do not edit it by hand.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        *_exceptions(verdict),
        *_on_sqlite_too(ours, sqlite),
        "## By module",
        "",
        "Each cell: SQLite / libSQL. An expected failure on SQLite is Django's own.",
        "",
        f"| module | run | {' | '.join(SHOWN)} |",
        f"|---|{'---:|' * (len(SHOWN) + 1)}",
        *_table(ours, sqlite),
        "",
    ]
    return "\n".join(lines)


def _exceptions(verdict: Verdict) -> list[str]:
    lines = [
        f"## The {len(verdict.exceptions)} tests that pass on SQLite and not here",
        "",
        "| test | why |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {reason} |" for name, reason in sorted(verdict.exceptions.items())]
    lines += [f"| `{name}` | **fails**: {why} |" for name, why in sorted(verdict.failed.items())]
    return [*lines, ""]


def _on_sqlite_too(ours: Mapping[str, Outcome], sqlite: Mapping[str, Outcome]) -> list[str]:
    both = sorted(
        name
        for name, outcome in ours.items()
        if outcome.outcome == "failed" and sqlite.get(name, outcome).outcome == "failed"
    )
    if not both:
        return []
    return [
        "## Tests that fail on SQLite as well, on the machine of this run",
        "",
        *(f"- `{name}`" for name in both),
        "",
    ]


def _table(ours: Mapping[str, Outcome], sqlite: Mapping[str, Outcome]) -> list[str]:
    counts = [_by_module(sqlite), _by_module(ours)]
    modules = sorted(set(counts[0]) | set(counts[1]))
    total = [sum(count.values(), Counter()) for count in counts]
    rows = [_row(module, *(count.get(module, Counter()) for count in counts)) for module in modules]
    return [*rows, _row("**all**", *total)]


def _by_module(outcomes: Mapping[str, Outcome]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for name, outcome in outcomes.items():
        module = name.partition("(")[2] or name  # setUpClass (module.Class)
        counts.setdefault(module.partition(".")[0], Counter())[outcome.outcome] += 1
    return counts


def _row(module: str, sqlite: Counter[str], ours: Counter[str]) -> str:
    cells = [f"{sqlite.total()} / {ours.total()}"]
    cells += [f"{sqlite[outcome]} / {ours[outcome]}" for outcome in SHOWN]
    return f"| {module} | {' | '.join(cells)} |"
