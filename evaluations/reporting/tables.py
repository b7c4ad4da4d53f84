"""A report as a table for the terminal."""

import io
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from evaluations.engine.statistics import SENTENCES
from evaluations.reporting.notes import notes_of
from evaluations.reporting.report import Report
from evaluations.selectors.comparisons import Judged

__all__ = ["as_markdown", "as_table"]

SHOWN = 10  # flipped cases that are named


def as_table(report: Report, *, width: int) -> str:
    """Return the run's columns, verdicts and flipped cases."""
    from rich.console import Console  # noqa: PLC0415 (only where a person reads)
    from rich.table import Table  # noqa: PLC0415 (as above)

    table = Table(title=report.run.name or None)
    for title in _titles():
        table.add_column(title, overflow="fold")
    for column in report.columns:
        table.add_row(column.label, *_figures(column.summary))
    stream = io.StringIO()
    console = Console(file=stream, width=width, no_color=True, highlight=False, markup=False)
    console.print(table)
    for one in report.verdicts:
        console.print(_(SENTENCES[one.verdict.code]) % one.verdict.params)
        for title, flipped, count in _flips(one):
            names = ", ".join(flipped)
            if names:
                more = f" … (+{count - SHOWN})" if count > SHOWN else ""
                console.print(f"  {title}: {names}{more}")
    for remark in report.remarks:
        console.print(remark)
    for note in notes_of(report):
        console.print(note, soft_wrap=True)
    return stream.getvalue()


def as_markdown(report: Report) -> str:
    """Return the same for a page or a comment: verdicts, columns, flipped cases."""
    titles = _titles()
    lines = [f"### {_cell(str(report.run))}", ""]
    for one in report.verdicts:
        mark = "✅" if one.verdict.better else "❌" if one.verdict.worse else "➖"
        lines += [f"{mark} {_cell(_(SENTENCES[one.verdict.code]) % one.verdict.params)}", ""]
    lines += [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    for column in report.columns:
        cells = (column.label, *_figures(column.summary))
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    for one in report.verdicts:
        for title, flipped, count in _flips(one):
            names = ", ".join(map(_cell, flipped))
            lines += ["", f"**{title}** ({count}): {names}"] if names else []
    for remark in report.remarks:
        lines += ["", f"⚠️ {_cell(remark)}"]
    notes = [f"- {_cell(note)}" for note in notes_of(report)]
    lines += ["", *notes] if notes else []
    return "\n".join([*lines, ""])


def _titles() -> tuple[str, ...]:
    return (
        _("Column"),
        _("Passed"),
        _("95 % CI"),
        _("Score"),
        _("Errors"),
        _("Not checked"),
        _("Cost"),
        "ms",
    )


def _flips(one: Judged) -> list[tuple[str, Sequence[str], int]]:
    """Return fixed and broken cases: a title, the first names, and how many there are."""
    params = one.verdict.params
    return [
        (_("Fixed"), one.fixed[:SHOWN], params["fixed"]),
        (_("Broken"), one.broken[:SHOWN], params["broken"]),
    ]


def _cell(text: str) -> str:
    """Return a text that ends no cell, begins no tag and mentions nobody."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("<", "&lt;").replace("@", "&#64;").replace("`", "&#96;")


def _figures(summary: dict[str, Any]) -> list[str]:
    rate, interval = summary.get("pass_rate"), summary.get("pass_interval")
    scored = (summary.get("passed") or 0) + (summary.get("failed") or 0)
    score, cost = summary.get("mean_score"), summary.get("cost_usd")
    median = summary.get("latency_ms_median")
    return [
        "–" if rate is None else f"{summary['passed']}/{scored} ({rate:.1%})",
        "–" if not interval else f"{interval[0]:.1%}–{interval[1]:.1%}",
        "–" if score is None else f"{score:.3f}",
        str(summary.get("errors", 0)),
        str(summary.get("unchecked", 0)),
        "–" if cost is None else f"${cost:.4f}",
        "–" if median is None else f"{median:.0f}",
    ]
