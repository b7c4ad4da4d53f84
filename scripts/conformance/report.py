"""The document: what was run, every exception with its reason, each module's numbers."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from conformance.outcomes import Outcome, module_of
from conformance.verdict import MAX_EXCEPTIONS, Verdict

__all__ = ["documented_exceptions", "write_report"]

SHOWN: Final = ("passed", "skipped", "expected failure", "failed")
EXCEPTIONS: Final = "## Not as on SQLite"
LEGEND: Final = (
    "Each cell: SQLite / libSQL. A test with subtests counts once. What is expected to fail on "
    "SQLite is declared so by Django."
)
ROW: Final = re.compile(r"^\| `(?P<name>[^`]+)` \|", re.MULTILINE)


def write_report(
    facts: Mapping[str, str],
    ours: Mapping[str, Outcome],
    sqlite: Mapping[str, Outcome],
    verdict: Verdict,
) -> str:
    """Return the document as Markdown.

    Args:
        facts: what was run, by name.
        ours: outcomes on libSQL, by test.
        sqlite: outcomes on SQLite, by test.
        verdict: what they mean.
    """
    lines = [
        "# Django's own tests on libSQL",
        "",
        "Written by the command below; do not edit it by hand.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in facts.items()),
        "",
        *_exceptions(verdict),
        *_failures(verdict),
        *_modules(ours, sqlite),
    ]
    return "\n".join(lines)


def documented_exceptions(document: str) -> set[str]:
    """Return the tests that a document of `write_report` lists as exceptions."""
    section = document.partition(EXCEPTIONS)[2].partition("\n## ")[0]
    return {match["name"] for match in ROW.finditer(section)}


def _exceptions(verdict: Verdict) -> list[str]:
    count = len(verdict.exceptions)
    return [
        EXCEPTIONS,
        "",
        f"Skipped or expected to fail here, not on SQLite: {count} ({MAX_EXCEPTIONS} are allowed).",
        "",
        "| test | why |",
        "|---|---|",
        *(f"| `{name}` | {_cell(reason)} |" for name, reason in verdict.exceptions.items()),
        "",
    ]


def _failures(verdict: Verdict) -> list[str]:
    lines: list[str] = []
    if verdict.complaints:
        lines += ["## What is wrong", "", *(f"- {text}" for text in verdict.complaints), ""]
    if verdict.failed_on_both:
        lines += ["## Fails on SQLite too, on the machine of this run", ""]
        lines += [*(f"- `{name}`" for name in verdict.failed_on_both), ""]
    return lines


def _modules(ours: Mapping[str, Outcome], sqlite: Mapping[str, Outcome]) -> list[str]:
    counts = [_by_module(sqlite), _by_module(ours)]
    modules = sorted(set(counts[0]) | set(counts[1]))
    total = [sum(count.values(), Counter()) for count in counts]
    return [
        "## By module",
        "",
        LEGEND,
        "",
        f"| module | run | {' | '.join(SHOWN)} |",
        f"|---|{'---:|' * (len(SHOWN) + 1)}",
        *(_row(name, *(count.get(name, Counter()) for count in counts)) for name in modules),
        _row("**all**", *total),
        "",
    ]


def _by_module(outcomes: Mapping[str, Outcome]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for name, outcome in outcomes.items():
        if outcome.outcome != "no such test":
            counts.setdefault(module_of(name), Counter())[outcome.outcome] += 1
    return counts


def _row(module: str, sqlite: Counter[str], ours: Counter[str]) -> str:
    cells = [f"{sqlite.total()} / {ours.total()}"]
    cells += [f"{_count(sqlite, outcome)} / {_count(ours, outcome)}" for outcome in SHOWN]
    return f"| {module} | {' | '.join(cells)} |"


def _count(counts: Counter[str], outcome: str) -> int:
    """Count; a test that passes in spite of being declared to fail is a failure."""
    return counts[outcome] + (counts["unexpected success"] if outcome == "failed" else 0)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
