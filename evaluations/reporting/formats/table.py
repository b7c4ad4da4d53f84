"""A report as a table for the terminal."""

import io
from collections.abc import Iterator
from typing import Final

from evaluations.reporting.figures import SHOWN, figures, flips, titles
from evaluations.reporting.notes import list_notes
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat

__all__ = ["FORMAT"]

WIDTH: Final = 100  # characters; the same in a terminal, a file and a CI log


def _as_table(report: Report) -> Iterator[str]:
    """Yield the run's columns, verdicts and flipped cases."""
    from rich.console import Console  # only where a person reads
    from rich.table import Table

    table = Table(title=report.run.name or None)
    for title in titles():
        table.add_column(title, overflow="fold")
    for column in report.columns:
        table.add_row(column.label, *figures(column.summary))
    stream = io.StringIO()
    console = Console(file=stream, width=WIDTH, no_color=True, highlight=False, markup=False)
    console.print(table)
    for summary in report.verdicts:
        console.print(str(summary.verdict))
        for title, flipped, count in flips(summary):
            names = ", ".join(flipped)
            if names:
                more = f" … (+{count - SHOWN})" if count > SHOWN else ""
                console.print(f"  {title}: {names}{more}")
    for remark in report.remarks:
        console.print(remark)
    for note in list_notes(report):
        console.print(note, soft_wrap=True)
    yield stream.getvalue()


FORMAT: Final = ReportFormat(
    name="table",
    title="Table",
    suffix="txt",
    content_type="text/plain; charset=utf-8",
    write=_as_table,
    is_download=False,
)
