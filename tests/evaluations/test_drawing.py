"""Where marks of plots stand, and texts that may break."""

from datetime import UTC, datetime, timedelta

import pytest

from evaluations.models import Evaluation, TestSuite
from evaluations.selectors.charts import build_plots, build_trend
from evaluations.templatetags.evaluation_texts import breakable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def column(label="a", minutes=0, suite=None, model="m", **summary) -> Evaluation:
    return Evaluation(
        label=label, model=model, suite=suite, summary=summary,
        created_at=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def test_columns_are_drawn_on_the_same_scales():
    slow = column(
        histogram=[4, 0], latency_ms_box=[100, 200, 300, 400, 1141], cost_usd=0.4, answers=4,
        pass_rate=0.5, pass_interval=[0.25, 0.75],
    )  # fmt: skip
    fast = column(histogram=[0, 2], latency_ms_box=[10, 10, 10, 10, 10], grading_cost_usd=0.1)
    first, second = build_plots([slow, fast, column()])  # the third has not ended
    assert first["rate"] == {"x": "120.0", "low": "60.0", "high": "180.0"}
    assert [bar["height"] for bar in second["bars"]] == ["0.0", "32.0"]
    assert first["latency"]["end_ms"] == second["latency"]["end_ms"] == 1500
    assert (first["cost"]["width"], second["cost"]["width"]) == ("240.0", "60.0")
    assert (first["cost"]["each_usd"], second["cost"]["each_usd"]) == (0.1, None)
    assert second["rate"] is None


@pytest.mark.parametrize("summary", [{"errors": 3}, {"latency_ms_box": [0.0] * 5}])
def test_a_column_of_nothing_is_drawn_as_nothing(summary):
    (plot,) = build_plots([column(**summary)])
    assert plot["bars"] == []
    assert plot["cost"] is None


def test_a_trend_never_joins_suites_or_models():
    one, other = TestSuite(name="One"), TestSuite(name="Other")
    rows = [
        column(minutes=2, suite=one, pass_rate=1.0),
        column(minutes=1, suite=one, pass_rate=0.5, pass_interval=[0.25, 0.75]),
        column(minutes=3, suite=one, model="n", pass_rate=0.1),
        column(minutes=4, suite=other, pass_rate=0.2),
        column(minutes=5, suite=one),
    ]
    (line,) = build_trend(rows)
    assert line["title"] == "One · m"
    assert line["newest"] == "100.0%"
    assert line["line"] == "0.0,32.0 240.0,0.0"
    assert (line["points"][0]["low"], line["points"][0]["high"]) == ("48.0", "16.0")


TEXTS = [
    ("<b>", "&lt;b&gt;"),
    ("短" * 400, "短" * 400),
    ("a " * 400, "a " * 400),
    ("&" * 250, "&amp;" * 250),
    (f"x {'W' * 301}", f"x {'W' * 100}<wbr>{'W' * 100}<wbr>{'W' * 100}<wbr>W"),
    (12, "12"),
    ("", ""),
]


@pytest.mark.parametrize(("given", "expected"), TEXTS)
def test_only_very_long_words_get_places_to_break(given, expected):
    assert breakable(given) == expected
