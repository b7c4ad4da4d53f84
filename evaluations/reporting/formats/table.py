"""A report as a table for the terminal: a row for each case, then the figures and the verdicts."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from core.terminal_text import make_visible
from evaluations.reporting.case_table import TableStyle, write_cases
from evaluations.reporting.figures import SHOWN, figures, flips, list_metrics, titles
from evaluations.reporting.notes import list_notes
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["FORMAT", "write_table"]


def _as_table(report: Report) -> Iterator[str]:
    """Yield it as it is in a file: the same width everywhere, no colours."""
    return write_table(report, TableStyle())


def write_table(report: Report, style: TableStyle) -> Iterator[str]:
    """Yield the run's cases, columns, verdicts and flipped cases.

    Args:
        report: the run.
        style: how wide the table is, and how many cases it shows.
    """
    yield from write_cases(report, style)
    yield _write_figures(report, style)


def _write_figures(report: Report, style: TableStyle) -> str:
    from rich.console import Console  # only where a person reads
    from rich.table import Table

    table = Table(title=make_visible(report.run.name) or None)
    for title in titles():
        table.add_column(title, overflow="fold")
    for column in report.columns:
        table.add_row(make_visible(column.label), *figures(column.summary))
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=style.width,
        no_color=not style.has_colour,
        force_terminal=style.has_colour,
        highlight=False,
        markup=False,
        emoji=False,  # of rich, which reads one in “bedrock:x: no answer”
    )
    console.print(table)
    _print_metrics(console, report)
    for summary in report.verdicts:
        console.print(make_visible(str(summary.verdict)))
        for title, flipped, count in flips(summary):
            names = ", ".join(map(make_visible, flipped))
            if names:
                more = f" … (+{count - SHOWN})" if count > SHOWN else ""
                console.print(f"  {title}: {names}{more}")
    for remark in report.remarks:
        console.print(make_visible(remark))
    for note in list_notes(report):
        console.print(make_visible(note), soft_wrap=True)
    return stream.getvalue()


def _print_metrics(console: "Console", report: Report) -> None:
    """Print the named scores and derived metrics, and what changed in them."""
    from rich.table import Table

    rows = list_metrics([column.summary for column in report.columns])
    if not rows:
        return
    table = Table()
    table.add_column(_("Metric"), overflow="fold")
    for column in report.columns:
        table.add_column(make_visible(column.label), overflow="fold")
    for row in rows:
        table.add_row(make_visible(row.name), *row.values)
    console.print(table)
    for change in report.metric_changes:
        console.print(make_visible(change))


FORMAT: Final = ReportFormat(
    name="table",
    title="Table",
    suffix="txt",
    content_type="text/plain; charset=utf-8",
    write=_as_table,
    is_download=False,
)
