"""A report as one HTML page: its head, its rows as they are read, its foot."""

from collections.abc import Iterator
from typing import Final
from uuid import uuid4

from django.template.loader import get_template, render_to_string

from evaluations.reporting.figures import list_metrics
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import result_as_json, results

__all__ = ["FORMAT"]


def _as_html(report: Report) -> Iterator[str]:
    """Yield the page."""
    here = uuid4().hex  # in no name and in no label
    summaries = [column.summary for column in report.columns]
    context = {"report": report, "rows": here, "metrics": list_metrics(summaries)}
    page = render_to_string("evaluations/report.html", context)
    head, foot = page.split(here)
    row_template = get_template("evaluations/report_row.html")
    yield head
    for position, row in results(report):
        named = result_as_json(position, row) | {"label": report.columns[position].label}
        yield row_template.render({"row": named})
    yield foot


FORMAT: Final = ReportFormat(
    name="html",
    title="HTML",
    suffix="html",
    content_type="text/html; charset=utf-8",
    write=_as_html,
)
