"""What is said of a run: its columns' figures, comparisons with verdicts, flipped cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluations.comparing import Comparing, compare_run
from evaluations.models import Evaluation, Run

__all__ = ["ERRORS", "FORMATS", "ColumnReport", "Report", "build_report", "exit_code"]

FORMATS: Final = ("table", "json", "csv", "markdown", "junit", "html", "promptfoo")
PASS, FAIL, CAP, ERRORS = 0, 1, 3, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnReport:
    """One column."""

    label: str
    evaluation: Evaluation
    summary: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A run with its comparisons."""

    run: Run
    columns: Sequence[ColumnReport]
    comparisons: Sequence[Comparing]


def build_report(run: Run) -> Report:
    """Return what is to be said of a run; it is compared with its baseline, else within itself."""
    rows = list(run.evaluations.order_by("position"))
    columns = [ColumnReport(label=row.label, evaluation=row, summary=row.summary) for row in rows]
    return Report(run=run, columns=columns, comparisons=compare_run(run, rows))


def exit_code(report: Report) -> int:
    """Return 0 all passed and none is worse, 1 something failed, 3 stopped at a limit, 4 errors."""
    if report.run.status == Run.Status.STOPPED:
        return CAP
    if report.run.status != Run.Status.COMPLETED:
        return ERRORS
    if any(column.summary.get("errors") for column in report.columns):
        return ERRORS
    if report.run.baseline is not None or len(report.columns) > 1:
        # Compared: what counts is whether the new one is worse.
        return FAIL if any(one.verdict.worse for one in report.comparisons) else _failures(report)
    return _failures(report)


def _failures(report: Report) -> int:
    return FAIL if any(column.summary.get("failed") for column in report.columns) else PASS
