"""Plots of runs and trends of prompts as plain values: where each mark stands, in units of a plot.

The templates draw them as SVG; nothing here asks the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import Any, Final

from evaluations.models import Evaluation

__all__ = ["build_plots", "build_trend", "find_cost"]

WIDTH: Final = 240
HEIGHT: Final = 64
NAMED: Final = 12  # points of a trend that have room for a name each


def build_plots(columns: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Return what is drawn of each column that has ended, all on the same scales."""
    ended = [column for column in columns if column.summary]
    summaries = [column.summary for column in ended]
    boxes = [summary.get("latency_ms_box") for summary in summaries]
    most = max((max(one.get("histogram") or [0]) for one in summaries), default=0)
    slowest = _round_up(max((box[-1] for box in boxes if box), default=0))
    dearest = max((find_cost(one) or 0 for one in summaries), default=0)
    return [
        {
            "label": column.label,
            "rate": _rate(column.summary),
            "bars": _bars(column.summary.get("histogram") or [], most),
            "most": most,
            "latency": _latency(column.summary, box, slowest),
            "cost": _cost(column.summary, dearest),
        }
        for column, box in zip(ended, boxes, strict=True)
    ]


def find_cost(summary: Mapping[str, Any]) -> float | None:
    """Return what a column cost in USD, its judge included; None where no price is known."""
    known = [summary.get(name) for name in ("cost_usd", "grading_cost_usd")]
    found = [value for value in known if value is not None]
    return sum(found) if found else None


def _round_up(value: float) -> float:
    """Return the end of an axis: the next half of the value's power of ten."""
    if value <= 0:
        return 1
    step = 10 ** floor(log10(value)) / 2
    return float(-(-value // step) * step)


def _rate(summary: Mapping[str, Any]) -> dict[str, str] | None:
    rate = summary.get("pass_rate")
    if rate is None:
        return None
    low, high = summary.get("pass_interval") or (rate, rate)
    return {"x": _at(rate), "low": _at(low), "high": _at(high)}


def _bars(counts: Sequence[int], most: int) -> list[dict[str, Any]]:
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


def _latency(
    summary: Mapping[str, Any], box: Sequence[float] | None, end: float
) -> dict[str, Any] | None:
    if not box:
        return None
    return {
        "box": [_at(value / end) for value in box],
        "width": _at((box[3] - box[1]) / end),
        "median_ms": box[2],
        "slow_ms": summary.get("latency_ms_95"),
        "half_ms": end / 2,
        "end_ms": end,
    }


def _cost(summary: Mapping[str, Any], dearest: float) -> dict[str, Any] | None:
    cost = find_cost(summary)
    if cost is None:
        return None
    answers = summary.get("answers") or 0
    return {
        "usd": cost,
        "each_usd": cost / answers if answers else None,
        "width": _at(cost / dearest if dearest else 0),
        "dearest_usd": dearest,
    }


def build_trend(rows: Iterable[Evaluation]) -> list[dict[str, Any]]:
    """Return pass rates over time, a line for each suite and model, the oldest point first.

    What is asked differs between suites, and who answers between models: they are never joined.
    """
    lines: dict[tuple[Any, ...], list[Evaluation]] = {}
    for row in sorted(rows, key=lambda one: (one.created_at, one.position)):
        if row.summary.get("pass_rate") is not None:
            lines.setdefault((row.suite_id, row.provider, row.model), []).append(row)
    return [_line(found) for found in lines.values() if len(found) > 1]


def _line(rows: Sequence[Evaluation]) -> dict[str, Any]:
    step = WIDTH / (len(rows) - 1)
    points = [_point(row, place, place * step, len(rows)) for place, row in enumerate(rows)]
    suite = rows[-1].suite.name if rows[-1].suite else ""
    asked = " ".join(filter(None, (rows[-1].provider, rows[-1].model)))
    return {
        "title": " · ".join(filter(None, (suite, asked))),
        "newest": rows[-1].percent_passed,
        "points": points,
        "line": " ".join(f"{one['x']},{one['y']}" for one in points),
    }


def _point(row: Evaluation, place: int, x: float, count: int) -> dict[str, Any]:
    rate = row.summary["pass_rate"]
    low, high = row.summary.get("pass_interval") or (rate, rate)
    named = row.version is not None and (count <= NAMED or place in (0, count - 1))
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
