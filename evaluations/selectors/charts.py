"""Plots of runs and trends of prompts as plain values: where each mark stands, in units of a plot.

The templates draw them as SVG; nothing here asks the database.
"""

from collections.abc import Iterable, Sequence
from math import floor, log10
from typing import Final, NamedTuple, TypedDict
from uuid import UUID

from evaluations.models import Evaluation
from evaluations.stored import Summary

__all__ = ["build_plots", "build_trend", "find_cost"]

WIDTH: Final = 240
HEIGHT: Final = 64
NAMED: Final = 12  # points of a trend that have room for a name each


class RatePlot(TypedDict):
    """A pass rate with its interval, along x."""

    x: str
    low: str
    high: str


class Bar(TypedDict):
    """One bar of a histogram of scores."""

    x: str
    width: str
    y: str
    height: str
    count: int
    low: str
    """Where its scores begin."""
    high: str


class LatencyPlot(TypedDict):
    """A box plot of latencies."""

    box: list[str]
    """Minimum, quartiles and maximum, along x."""
    width: str
    """From the first quartile to the third."""
    median_ms: float
    slow_ms: float | None
    half_ms: float
    """The middle of the axis."""
    end_ms: float


class CostPlot(TypedDict):
    """What a column cost, beside the dearest one."""

    usd: float
    each_usd: float | None
    """Of one answer."""
    width: str
    dearest_usd: float


class Plot(TypedDict):
    """What is drawn of one column; None where its figures do not say it."""

    label: str
    rate: RatePlot | None
    bars: list[Bar]
    most: int
    """The highest bar of all columns."""
    latency: LatencyPlot | None
    cost: CostPlot | None


class Point(TypedDict):
    """One column of a trend."""

    x: str
    y: str
    low: str
    high: str
    label: str
    name: str
    """Of the version; empty where there is no room for it."""


class Trend(TypedDict):
    """Pass rates of one suite and model over time."""

    title: str
    newest: str
    points: list[Point]
    line: str
    """The points as SVG has them."""


class _Rated(NamedTuple):
    """A column with a pass rate and its interval."""

    row: Evaluation
    rate: float
    low: float
    high: float


class _Asked(NamedTuple):
    """What the points of one trend have in common."""

    suite: UUID | None
    provider: str
    model: str


def build_plots(columns: Sequence[Evaluation]) -> list[Plot]:
    """Return what is drawn of each column that has ended, all on the same scales."""
    ended = [(column.label, column.figures) for column in columns if column.summary]
    summaries = [summary for _label, summary in ended]
    most = max((max(summary.histogram or [0]) for summary in summaries), default=0)
    boxes = [summary.latency_ms_box for summary in summaries]
    slowest = _round_up(max((box[-1] for box in boxes if box), default=0))
    dearest = max((find_cost(summary) or 0 for summary in summaries), default=0)
    return [
        {
            "label": label,
            "rate": _rate(summary),
            "bars": _bars(summary.histogram or [], most),
            "most": most,
            "latency": _latency(summary, slowest),
            "cost": _cost(summary, dearest),
        }
        for label, summary in ended
    ]


def find_cost(summary: Summary) -> float | None:
    """Return what a column cost in USD, its judge included; None where no price is known."""
    costs = (summary.cost_usd, summary.grading_cost_usd)
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _round_up(value: float) -> float:
    """Return the end of an axis: the next half of the value's power of ten."""
    if value <= 0:
        return 1
    step = 10 ** floor(log10(value)) / 2
    return float(-(-value // step) * step)


def _rate(summary: Summary) -> RatePlot | None:
    rate = summary.pass_rate
    if rate is None:
        return None
    low, high = summary.pass_interval or (rate, rate)
    return {"x": _at(rate), "low": _at(low), "high": _at(high)}


def _bars(counts: Sequence[int], most: int) -> list[Bar]:
    width = WIDTH / max(1, len(counts))
    return [
        {
            "x": _unit(place * width + 1),
            "width": _unit(width - 2),
            "y": _unit(HEIGHT * (1 - count / (most or 1))),
            "height": _unit(HEIGHT * count / (most or 1)),
            "count": count,
            "low": f"{place / len(counts):.1f}",
            "high": f"{(place + 1) / len(counts):.1f}",
        }
        for place, count in enumerate(counts)
    ]


def _latency(summary: Summary, end: float) -> LatencyPlot | None:
    box = summary.latency_ms_box
    if not box:
        return None
    _fastest, first_quartile, median, third_quartile, _slowest = box
    return {
        "box": [_at(value / end) for value in box],
        "width": _at((third_quartile - first_quartile) / end),
        "median_ms": median,
        "slow_ms": summary.latency_ms_95,
        "half_ms": end / 2,
        "end_ms": end,
    }


def _cost(summary: Summary, dearest: float) -> CostPlot | None:
    cost = find_cost(summary)
    if cost is None:
        return None
    answers = summary.answers or 0
    return {
        "usd": cost,
        "each_usd": cost / answers if answers else None,
        "width": _at(cost / dearest if dearest else 0),
        "dearest_usd": dearest,
    }


def build_trend(rows: Iterable[Evaluation]) -> list[Trend]:
    """Return pass rates over time, a line for each suite and model, the oldest point first.

    What is asked differs between suites, and who answers between models: they are never joined.
    """
    lines: dict[_Asked, list[_Rated]] = {}
    for row in sorted(rows, key=lambda one: (one.created_at, one.position)):
        figures = row.figures
        if figures.pass_rate is not None:
            low, high = figures.pass_interval or (figures.pass_rate, figures.pass_rate)
            rated = _Rated(row=row, rate=figures.pass_rate, low=low, high=high)
            asked = _Asked(suite=row.suite_id, provider=row.provider, model=row.model)
            lines.setdefault(asked, []).append(rated)
    return [_line(line) for line in lines.values() if len(line) > 1]


def _line(line: Sequence[_Rated]) -> Trend:
    step = WIDTH / (len(line) - 1)
    points = [
        _point(rated, position, position * step, len(line)) for position, rated in enumerate(line)
    ]
    rows = [rated.row for rated in line]
    suite = rows[-1].suite.name if rows[-1].suite else ""
    asked = " ".join(filter(None, (rows[-1].provider, rows[-1].model)))
    return {
        "title": " · ".join(filter(None, (suite, asked))),
        "newest": rows[-1].percent_passed,
        "points": points,
        "line": " ".join(f"{one['x']},{one['y']}" for one in points),
    }


def _point(rated: _Rated, position: int, x: float, count: int) -> Point:
    row, rate, low, high = rated
    named = row.version is not None and (count <= NAMED or position in (0, count - 1))
    return {
        "x": _unit(x),
        "y": _unit(HEIGHT * (1 - rate)),
        "low": _unit(HEIGHT * (1 - low)),
        "high": _unit(HEIGHT * (1 - high)),
        "label": f"{row.label}: {row.percent_passed} ({row.percent_interval})",
        "name": f"v{row.version.number}" if named and row.version else "",
    }


def _at(share: float) -> str:
    return _unit(WIDTH * share)


def _unit(value: float) -> str:
    """Return a coordinate as SVG reads it in every language."""
    return f"{value:.1f}"
