"""A report as CSV: a line for each answer."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import named_scores, plain_cells, results
from evaluations.stored import read_components

__all__ = ["FORMAT"]

CSV_COLUMNS: Final = (
    "column", "case", "repeat", "state", "passed", "score", "output", "error", "cached",
    "latency_ms", "input_tokens", "output_tokens", "cost_usd", "finish_reason", "note", "reasons",
)  # fmt: skip
METRIC: Final = "metric "  # before a metric's name in the header
# What spreadsheets take for the beginning of a formula, which could run a command or fetch a page.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _as_csv(report: Report) -> Iterator[str]:
    stream = io.StringIO()
    # A column for each metric; one that is called as another column cannot take its place.
    names = {name: f"{METRIC}{name}" for name in report.named}
    columns = (*CSV_COLUMNS, *names.values())
    writer = csv.DictWriter(stream, columns, extrasaction="ignore")
    writer.writerow({name: _harmless(name) for name in columns})
    for position, row in results(report):
        reasons = [f"{part.type}: {part.reason}" for part in read_components(row.components_text)]
        cells = plain_cells(position, row)
        cells["column"] = report.columns[position].label
        cells["reasons"] = "\n".join(reasons)
        for name, value in named_scores(row).items():
            cells[names.get(name, name)] = value
        writer.writerow({name: _harmless(value) for name, value in cells.items()})
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()
    yield stream.getvalue()


def _harmless(value: object) -> object:
    """Return a cell that a spreadsheet takes for text, not for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


FORMAT: Final = ReportFormat(
    name="csv",
    title="CSV",
    suffix="csv",
    content_type="text/csv; charset=utf-8",
    write=_as_csv,
)
