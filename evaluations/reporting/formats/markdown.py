"""A report as Markdown, for a page or a comment: verdicts, columns, flipped cases."""

import itertools
from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from evaluations.engine.statistics import Verdict
from evaluations.reporting.figures import figures, flips, list_metrics, titles
from evaluations.reporting.notes import list_notes
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat

__all__ = ["FORMAT"]


def _as_markdown(report: Report) -> Iterator[str]:
    """Yield verdicts, columns, flipped cases."""
    head = titles()
    lines = [f"### {_cell(str(report.run))}", ""]
    for summary in report.verdicts:
        verdict = summary.verdict
        lines += [f"{_find_mark(verdict)} {_cell(str(verdict))}", ""]
    lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for column in report.columns:
        cells = [_cell(text) for text in (column.label, *figures(column.summary))]
        lines.append(f"| {' | '.join(cells)} |")
    lines += _write_metrics(report)
    for title, flipped, count in itertools.chain(*map(flips, report.verdicts)):
        if flipped:
            lines += ["", f"**{title}** ({count}): {', '.join(map(_cell, flipped))}"]
    for remark in report.remarks:
        lines += ["", f"⚠️ {_cell(remark)}"]
    notes = [f"- {_cell(note)}" for note in list_notes(report)]
    if notes:
        lines += ["", *notes]
    yield "\n".join([*lines, ""])


def _write_metrics(report: Report) -> Iterator[str]:
    """Yield a table of the named scores and derived metrics, and what changed in them."""
    rows = list_metrics([column.summary for column in report.columns])
    if not rows:
        return
    labels = [_cell(column.label) for column in report.columns]
    yield ""
    yield f"| {_('Metric')} | {' | '.join(labels)} |"
    yield f"|{'---|' * (len(labels) + 1)}"
    for row in rows:
        yield f"| {' | '.join([_cell(row.name), *row.values])} |"
    for change in report.metric_changes:
        yield ""
        yield _cell(change)


def _find_mark(verdict: Verdict) -> str:
    if verdict.better:
        return "✅"
    return "❌" if verdict.worse else "➖"


def _cell(text: str) -> str:
    """Return a text that ends no cell, begins no tag and mentions nobody."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("<", "&lt;").replace("@", "&#64;").replace("`", "&#96;")


FORMAT: Final = ReportFormat(
    name="markdown",
    title="Markdown",
    suffix="md",
    content_type="text/markdown; charset=utf-8",
    write=_as_markdown,
)
