"""What is said of a run: its columns' figures, comparisons with verdicts, flipped cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluations.engine.statistics import Comparison, Verdict, holm, judge_comparison
from evaluations.models import Evaluation, Run
from evaluations.summaries import compare_columns

__all__ = ["FORMATS", "ColumnReport", "Comparing", "Report", "build_report", "exit_code"]

FORMATS: Final = ("table", "json", "junit", "html", "promptfoo")
PASS, FAIL, CAP, ERRORS = 0, 1, 3, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnReport:
    """One column."""

    label: str
    evaluation: Evaluation
    summary: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparing:
    """Two columns."""

    old: str
    new: str
    comparison: Comparison
    verdict: Verdict
    adjusted_p: float | None


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
    pairs = _pairs(run, rows)
    compared = [(old, new, compare_columns(old, new)) for old, new in pairs]
    p_values = {
        place: found.p_value
        for place, (_, _, found) in enumerate(compared)
        if found.p_value is not None
    }
    adjusted = holm(p_values)
    return Report(
        run=run,
        columns=columns,
        comparisons=[
            Comparing(
                old=_name(old, run),
                new=new.label,
                comparison=found,
                verdict=judge_comparison(
                    found, old=_name(old, run), new=new.label, p_value=adjusted.get(place)
                ),
                adjusted_p=adjusted.get(place),
            )
            for place, (old, new, found) in enumerate(compared)
        ],
    )


def _name(row: Evaluation, run: Run) -> str:
    return row.label if row.run_id == run.pk else f"{row.label} (baseline)"


def _pairs(run: Run, rows: Sequence[Evaluation]) -> list[tuple[Evaluation, Evaluation]]:
    """Return (old, new): each column with the baseline's like it, else with the first one."""
    if run.baseline is None:
        return [(rows[0], row) for row in rows[1:]]
    before = list(run.baseline.evaluations.order_by("position"))
    found = []
    for row in rows:
        same = [one for one in before if (one.provider, one.model) == (row.provider, row.model)]
        by_place = same[row.position :] or same or before[row.position :] or before
        found += [(by_place[0], row)] if by_place else []
    return found


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
