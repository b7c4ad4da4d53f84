"""What tables of a report show: titles, a column's figures, flipped cases."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.utils.translation import gettext as _

from evaluations.selectors.comparisons import ComparisonSummary
from evaluations.stored import Parameter, Summary

__all__ = ["SHOWN", "MetricRow", "figures", "flips", "list_metrics", "titles"]

SHOWN: Final = 10  # flipped cases that are named


def titles() -> tuple[str, ...]:
    """Return the titles of the columns of such a table, in the reader's language."""
    return (
        _("Column"),
        _("Passed"),
        _("95% CI"),
        _("Score"),
        _("Errors"),
        _("Not checked"),
        _("Cost"),
        "ms",
    )


class Flipped(NamedTuple):
    """Cases whose outcome changed in one direction."""

    title: str
    names: Sequence[str]
    """Of the first SHOWN."""
    total: int


def flips(summary: ComparisonSummary) -> list[Flipped]:
    """Return fixed and broken cases."""
    params = summary.verdict.params
    return [
        Flipped(_("Fixed"), summary.fixed[:SHOWN], _count(params["fixed"])),
        Flipped(_("Broken"), summary.broken[:SHOWN], _count(params["broken"])),
    ]


class MetricRow(NamedTuple):
    """A metric, and what each column and each comparison has of it."""

    name: str
    values: Sequence[str]
    """One for each column; a dash where it has none."""


def list_metrics(summaries: Sequence[Summary]) -> list[MetricRow]:
    """Return named scores and derived metrics, a row for each, as the first column has them."""
    names: dict[str, None] = {}
    for summary in summaries:
        names |= dict.fromkeys(summary.metrics)
    return [MetricRow(name, [_show(summary, name) for summary in summaries]) for name in names]


def _show(summary: Summary, name: str) -> str:
    value = summary.metrics.get(name)
    return "–" if value is None else f"{value:.3f}"


def _count(parameter: Parameter) -> int:
    return parameter if isinstance(parameter, int) else 0


def figures(summary: Summary) -> list[str]:
    """Return the cells of one column of a run, without its name; a dash for what is not known."""
    rate, interval = summary.pass_rate, summary.pass_interval
    passed = summary.passed or 0
    # The rate is of answers that were scored: neither errors nor unchecked ones are in it.
    scored = passed + (summary.failed or 0)
    score, cost, median = summary.mean_score, summary.cost_usd, summary.latency_ms_median
    return [
        "–" if rate is None else f"{passed}/{scored} ({rate:.1%})",
        "–" if not interval else f"{interval[0]:.1%}–{interval[1]:.1%}",
        "–" if score is None else f"{score:.3f}",
        str(summary.errors or 0),
        str(summary.unchecked or 0),
        "–" if cost is None else f"${cost:.4f}",
        "–" if median is None else f"{median:.0f}",
    ]
