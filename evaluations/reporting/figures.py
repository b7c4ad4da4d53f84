"""What tables of a report show: titles, a column's figures, flipped cases."""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from evaluations.selectors.comparisons import ComparisonSummary

__all__ = ["SHOWN", "figures", "flips", "titles"]

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


def flips(summary: ComparisonSummary) -> list[tuple[str, Sequence[str], int]]:
    """Return fixed and broken cases: a title, the first names, and how many there are."""
    params = summary.verdict.params
    return [
        (_("Fixed"), summary.fixed[:SHOWN], params["fixed"]),
        (_("Broken"), summary.broken[:SHOWN], params["broken"]),
    ]


def figures(summary: dict[str, Any]) -> list[str]:
    """Return the cells of one column of a run, without its name; a dash for what is not known."""
    rate, interval = summary.get("pass_rate"), summary.get("pass_interval")
    # The rate is of answers that were scored: neither errors nor unchecked ones are in it.
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
