"""What is said of a run: its columns' figures, comparisons with verdicts, flipped cases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from evaluations.models import Evaluation, Run
from evaluations.selectors.comparisons import (
    ColumnComparison,
    ComparisonSummary,
    compare_run,
    judge_run,
    list_metric_changes,
    remarks_on,
)
from evaluations.stored import Summary

__all__ = [
    "ERRORS",
    "NOT_CHECKED",
    "ColumnReport",
    "Ending",
    "Report",
    "build_report",
    "exit_code",
    "explain_exit",
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

    @property
    def named(self) -> Sequence[str]:
        """The names of the named scores alone, which single answers have as well."""
        names: dict[str, None] = {}
        for column in self.columns:
            names |= dict.fromkeys(column.summary.named_scores)
        return list(names)

    @cached_property
    def metric_changes(self) -> Sequence[str]:
        """A sentence for each metric that is not the same in two columns that are compared."""
        return list_metric_changes(self.run, self._rows)

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How the process ends, and why."""

    status: int
    """Its exit status."""
    reason: str
    """One clause in English, for a terminal and a log."""


def exit_code(report: Report) -> int:
    """Return how the process ends.

    0: all that was checked passed, and nothing is worse; 1: something failed; 3: stopped at a
    limit; 4: errors, or a column in which nothing was checked.
    """
    return explain_exit(report).status


def explain_exit(report: Report) -> Ending:
    """Return the exit status as `exit_code` does, with the reason that decided."""
    run = report.run
    if run.status == Run.Status.STOPPED:
        return Ending(status=CAP, reason=f"the run was stopped: {run.message or 'a limit'}")
    if run.status != Run.Status.COMPLETED:
        why = f": {run.message}" if run.message else ""
        return Ending(status=ERRORS, reason=f"the run is {run.status}, not completed{why}")
    why = _find_missing(report)
    if why:
        return Ending(status=ERRORS, reason=why)
    why = _find_failure(report)
    if why:
        return Ending(status=FAIL, reason=why)
    answers = _sum(column.summary.answers for column in report.columns)
    return Ending(status=PASS, reason=f"none of {_count(answers)} failed")


def _find_missing(report: Report) -> str:
    """Return what could not be asked, scored or checked; "" where that is nothing."""
    summaries = [column.summary for column in report.columns]
    errors = _sum(summary.errors for summary in summaries)
    if errors:
        answers = _sum(summary.answers for summary in summaries)
        failed = _sum(summary.failed for summary in summaries)
        also = f"; {failed:,} failed" if failed else ""
        return f"{errors:,} of {_count(answers)} could not be asked for or scored{also}"
    for column in report.columns:
        if not _is_checked(column.summary):
            return f"nothing was checked in the column “{column.label}”"
    return ""


def _find_failure(report: Report) -> str:
    """Return what failed or is worse; "" where that is nothing."""
    failed = _sum(column.summary.failed for column in report.columns)
    if failed:
        answers = _sum(column.summary.answers for column in report.columns)
        return f"{failed:,} of {_count(answers)} failed"
    if report.run.baseline is None and len(report.columns) == 1:
        return ""
    worse = [summary.verdict for summary in report.verdicts if summary.verdict.worse]
    return str(worse[0]).rstrip(".") if worse else ""


def _sum(counts: Iterable[int | None]) -> int:
    return sum(count or 0 for count in counts)


def _count(answers: int) -> str:
    return "1 answer" if answers == 1 else f"{answers:,} answers"


def _is_checked(summary: Summary) -> bool:
    """Whether at least one answer was compared; figures of an old version say nothing of it."""
    return summary.pass_rate is not None or summary.answers is None
