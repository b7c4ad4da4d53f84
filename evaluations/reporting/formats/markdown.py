"""A report as Markdown, for a page or a comment: verdicts, columns, flipped cases."""

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from evaluations.engine.statistics import SENTENCES
from evaluations.reporting.figures import figures, flips, titles
from evaluations.reporting.notes import list_notes
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat

__all__ = ["FORMAT"]


def _as_markdown(report: Report) -> Iterator[str]:
    """Yield verdicts, columns, flipped cases."""
    head = titles()
    lines = [f"### {_cell(str(report.run))}", ""]
    for one in report.verdicts:
        mark = "✅" if one.verdict.better else "❌" if one.verdict.worse else "➖"
        lines += [f"{mark} {_cell(_(SENTENCES[one.verdict.code]) % one.verdict.params)}", ""]
    lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for column in report.columns:
        cells = (column.label, *figures(column.summary))
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    for one in report.verdicts:
        for title, flipped, count in flips(one):
            names = ", ".join(map(_cell, flipped))
            lines += ["", f"**{title}** ({count}): {names}"] if names else []
    for remark in report.remarks:
        lines += ["", f"⚠️ {_cell(remark)}"]
    notes = [f"- {_cell(note)}" for note in list_notes(report)]
    lines += ["", *notes] if notes else []
    yield "\n".join([*lines, ""])


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
