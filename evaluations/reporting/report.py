"""What is said of a run: its columns' figures, comparisons with verdicts, flipped cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from evaluations.models import Evaluation, Run
from evaluations.selectors.comparisons import (
    ColumnComparison,
    ComparisonSummary,
    compare_run,
    judge_run,
    remarks_on,
)
from evaluations.stored import Summary

__all__ = [
    "ERRORS",
    "NOT_CHECKED",
    "ColumnReport",
    "Report",
    "build_report",
    "exit_code",
]

PASS, FAIL, CAP, ERRORS = 0, 1, 3, 4  # 2 is argparse's and manage.py's, for wrong usage
NOT_CHECKED: Final = "not checked: the case has no assertion that can fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnReport:
    """One column."""

    label: str
    evaluation: Evaluation
    summary: Summary


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run; it is compared with its baseline, else within itself."""

    run: Run
    columns: Sequence[ColumnReport]

    @cached_property
    def verdicts(self) -> Sequence[ComparisonSummary]:
        """Its verdicts: those that are stored where it has ended."""
        return judge_run(self.run, self._rows)

    @cached_property
    def comparisons(self) -> Sequence[ColumnComparison]:
        """The same with every figure and every flipped case: all outcomes are read for it."""
        return compare_run(self.run, self._rows)

    @cached_property
    def remarks(self) -> Sequence[str]:
        """What a reader of the figures has to know: what was not checked or not compared."""
        return remarks_on(self.run, self._rows)

    @property
    def _rows(self) -> list[Evaluation]:
        return [column.evaluation for column in self.columns]


def build_report(run: Run) -> Report:
    """Return what is to be said of a run; one query, and what is asked of it reads the rest."""
    rows = run.evaluations.order_by("position")
    columns = [ColumnReport(label=row.label, evaluation=row, summary=row.figures) for row in rows]
    return Report(run=run, columns=columns)


def exit_code(report: Report) -> int:
    """Return how the process ends.

    0: all that was checked passed, and nothing is worse; 1: something failed; 3: stopped at a
    limit; 4: errors, or a column in which nothing was checked.
    """
    if report.run.status == Run.Status.STOPPED:
        return CAP
    if report.run.status != Run.Status.COMPLETED:
        return ERRORS
    if any(column.summary.errors for column in report.columns):
        return ERRORS
    if not all(_is_checked(column.summary) for column in report.columns):
        return ERRORS
    has_failed = any(column.summary.failed for column in report.columns)
    if report.run.baseline is not None or len(report.columns) > 1:
        has_failed = has_failed or any(summary.verdict.worse for summary in report.verdicts)
    return FAIL if has_failed else PASS


def _is_checked(summary: Summary) -> bool:
    """Whether at least one answer was compared; figures of an old version say nothing of it."""
    return summary.pass_rate is not None or summary.answers is None
