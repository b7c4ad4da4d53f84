"""A report as JSON: figures, comparisons, every answer."""

from collections.abc import Iterator
from typing import Final

from core.json import JSONObject
from evaluations.named_scores import find_changes
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import json_with_results, result_as_json, results
from evaluations.selectors.comparisons import ColumnComparison

__all__ = ["FORMAT"]


def _as_json(report: Report) -> Iterator[str]:
    run = report.run
    document = {
        "run": str(run.pk),
        "name": run.name,
        "status": run.status,
        "message": run.message,
        "estimate": run.estimate,
        "columns": [
            {
                "label": column.label,
                "evaluation": str(column.evaluation.pk),
                **column.evaluation.summary,  # as it is stored
                "metrics": column.summary.metrics,
            }
            for column in report.columns
        ],
        "comparisons": [_comparison_as_json(column) for column in report.comparisons],
        "remarks": list(report.remarks),
        "results": [],
    }
    rows = (result_as_json(position, row) for position, row in results(report))
    yield from json_with_results(document, rows)


def _comparison_as_json(column: ColumnComparison) -> JSONObject:
    comparison = column.comparison
    interval = comparison.interval
    return {
        "old": column.old,
        "new": column.new,
        "verdict": column.verdict.code,
        "sentence": str(column.verdict),
        "pairs": comparison.pairs,
        "difference": comparison.difference,
        "interval": None if interval is None else [interval.low, interval.high],
        "p_value": comparison.p_value,
        "adjusted_p_value": column.adjusted_p,
        "test": comparison.test,
        "score_difference": comparison.score_difference,
        "score_p_value": comparison.score_p_value,
        "effect_size": comparison.effect_size,
        "metrics": {
            name: {"old": before, "new": after}
            for name, (before, after) in find_changes(
                column.old_column.figures.metrics, column.new_column.figures.metrics
            ).items()
        },
        "fixed": [pair.name for pair in comparison.fixed],
        "broken": [pair.name for pair in comparison.broken],
    }


FORMAT: Final = ReportFormat(
    name="json",
    title="JSON",
    suffix="json",
    content_type="application/json",
    write=_as_json,
)
