"""The tests reject as often as they say: a thousand comparisons of nothing each."""

import math
import random

import pytest

from evaluations.engine.statistics import (
    bootstrap_mean,
    compare,
    deciding_p,
    holm,
    judge_comparison,
    mcnemar_exact,
    newcombe_paired,
    sign_flip,
    t_mean,
)
from evaluations.engine.statistics.summary import Observation

# The share of 5 in 100 has then a standard error of 0.7; the seeds are fixed.
TIMES = 1000


@pytest.fixture
def quick(monkeypatch):
    """Fewer rounds and resamples: these tests are about how often a test rejects."""
    monkeypatch.setattr("evaluations.engine.statistics.paired.ROUNDS", 399)
    monkeypatch.setattr("evaluations.engine.statistics.paired.EXACT_UP_TO", 8)
    monkeypatch.setattr("evaluations.engine.statistics.intervals.RESAMPLES", 5)


def _null_pairs(source: random.Random, count: int, kind: str) -> list[tuple[float, float]]:
    if kind == "binary":
        return [(float(source.random() < 0.6), float(source.random() < 0.6)) for _ in range(count)]
    if kind == "graded":
        ease = [source.random() for _ in range(count)]
        return [
            (min(1, max(0, source.gauss(one, 0.2))), min(1, max(0, source.gauss(one, 0.2))))
            for one in ease
        ]
    return [
        (
            sum(source.random() < 0.5 for _ in range(3)) / 3,
            sum(source.random() < 0.5 for _ in range(3)) / 3,
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("count", [30, 60])
@pytest.mark.parametrize("kind", ["binary", "graded", "repeats"])
def test_many_comparisons_of_nothing(kind, count, quick):
    source = random.Random(f"{kind}{count}")
    rejected = {"mcnemar": 0, "sign-flip": 0, "interval": 0, "newcombe": 0}
    for _ in range(TIMES):
        pairs = _null_pairs(source, count, kind)
        differences = [new - old for old, new in pairs]
        rejected["sign-flip"] += sign_flip(differences) <= 0.05
        found = t_mean(differences)
        rejected["interval"] += found is not None and not found.holds(0)
        if kind == "binary":
            both = sum(old == new == 1 for old, new in pairs)
            fixed = sum(new > old for old, new in pairs)
            broken = sum(old > new for old, new in pairs)
            rejected["mcnemar"] += mcnemar_exact(fixed, broken) <= 0.05
            interval = newcombe_paired(both, fixed, broken, count - both - fixed - broken)
            rejected["newcombe"] += interval is not None and not interval.holds(0)
    rates = {name: times / TIMES for name, times in rejected.items()}
    assert 0.01 <= rates["sign-flip"] <= 0.07, rates
    assert 0.01 <= rates["interval"] <= 0.07, rates
    if kind == "binary":
        assert 0.01 <= rates["mcnemar"] <= 0.05, rates
        assert 0.01 <= rates["newcombe"] <= 0.07, rates


def test_bootstrap_intervals_of_nothing(monkeypatch):
    monkeypatch.setattr("evaluations.engine.statistics.intervals.RESAMPLES", 300)
    source = random.Random(5)
    missed = 0
    for _ in range(TIMES):
        values = [source.gauss(0, 0.3) for _ in range(25)]
        found = bootstrap_mean(values)
        missed += found is not None and not found.holds(0)
    assert 0.01 <= missed / TIMES <= 0.07


@pytest.mark.parametrize("kind", ["binary", "graded", "repeats"])
def test_verdicts_on_nothing_are_wrong_in_at_most_seven_percent(kind, quick):
    source = random.Random(kind)
    wrong = 0
    for _ in range(TIMES):
        pairs = _null_pairs(source, 25, kind)
        old, new = (
            [
                Observation(case=str(number), passed=pair[side] >= 0.5, score=pair[side])
                for number, pair in enumerate(pairs)
            ]
            for side in (0, 1)
        )
        verdict = judge_comparison(compare(old, new), old="a", new="b")
        wrong += verdict.better or verdict.worse
    assert wrong / TIMES <= 0.07
    assert not math.isnan(wrong)


def test_many_columns_of_nothing_are_together_wrong_in_at_most_seven_percent(quick):
    """Few cases change, so the scores decide: they are corrected for their number as well."""
    source = random.Random("columns")
    wrong = 0
    for _ in range(400):
        compared = []
        for _column in range(5):
            old, new = (
                [
                    Observation(case=str(n), passed=True, score=source.uniform(0.6, 1))
                    for n in range(12)
                ]
                for _side in (0, 1)
            )
            compared.append(compare(old, new))
        adjusted = holm({place: deciding_p(one) for place, one in enumerate(compared)})
        verdicts = [
            judge_comparison(one, old="a", new="b", p_value=adjusted[place])
            for place, one in enumerate(compared)
        ]
        wrong += any(one.better or one.worse for one in verdicts)
    assert 0 < wrong / 400 <= 0.07
