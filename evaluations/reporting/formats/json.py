"""A report as JSON: figures, comparisons, every answer."""

from collections.abc import Iterator
from typing import Any, Final

from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import json_with_results, result_as_json, results

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
            {"label": column.label, "evaluation": str(column.evaluation.pk), **column.summary}
            for column in report.columns
        ],
        "comparisons": [_comparison(one) for one in report.comparisons],
        "remarks": list(report.remarks),
        "results": [],
    }
    rows = results(report)
    yield from json_with_results(document, (result_as_json(place, row) for place, row in rows))


def _comparison(one: Any) -> dict[str, Any]:
    found = one.comparison
    return {
        "old": one.old,
        "new": one.new,
        "verdict": one.verdict.code,
        "sentence": str(one.verdict),
        "pairs": found.pairs,
        "difference": found.difference,
        "interval": None if found.interval is None else [found.interval.low, found.interval.high],
        "p_value": found.p_value,
        "adjusted_p_value": one.adjusted_p,
        "test": found.test,
        "score_difference": found.score_difference,
        "score_p_value": found.score_p_value,
        "effect_size": found.effect_size,
        "fixed": [pair.name for pair in found.fixed],
        "broken": [pair.name for pair in found.broken],
    }


FORMAT: Final = ReportFormat(
    name="json",
    title="JSON",
    suffix="json",
    content_type="application/json",
    write=_as_json,
)
