"""Our figures are scipy's, and the tests reject as often as they say."""

import math
import random

import numpy as np
import pytest
from scipy import stats

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
    wilson,
)
from evaluations.engine.statistics.distributions import t_cdf, t_quantile
from evaluations.engine.statistics.intervals import widened_alpha
from evaluations.engine.statistics.summary import Observation

CLOSE = 1e-6


@pytest.mark.parametrize("degrees", [1, 2, 3.5, 9, 30, 1999])
@pytest.mark.parametrize("probability", [1e-6, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999])
def test_student(degrees, probability):
    expected = stats.t.ppf(probability, degrees)
    assert t_quantile(probability, degrees) == pytest.approx(expected, rel=CLOSE, abs=CLOSE)
    assert t_cdf(expected, degrees) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize(
    ("passed", "total"), [(0, 1), (1, 1), (0, 20), (7, 20), (20, 20), (450, 1000)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson(passed, total, confidence):
    found = wilson(passed, total, confidence)
    expected = stats.binomtest(passed, total).proportion_ci(confidence, method="wilson")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=CLOSE)


@pytest.mark.parametrize(
    ("fixed", "broken"), [(0, 0), (1, 0), (6, 0), (12, 3), (40, 41), (900, 800)]
)
def test_mcnemar(fixed, broken):
    expected = stats.binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert mcnemar_exact(fixed, broken) == pytest.approx(expected, abs=CLOSE)


def test_mcnemar_of_thousands_of_pairs():
    assert mcnemar_exact(3000, 2800) == pytest.approx(stats.binomtest(3000, 5800).pvalue, abs=CLOSE)


@pytest.mark.parametrize("seed", range(12))
def test_sign_flip_is_the_exact_permutation_test(seed):
    source = random.Random(seed)
    values = [round(source.uniform(-1, 1), source.choice([1, 6])) for _ in range(3 + seed)]
    expected = stats.permutation_test(
        (values,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip(values) == pytest.approx(expected.pvalue, abs=CLOSE)


def test_sign_flip_of_many_values_is_close_to_the_normal_limit():
    source = random.Random(1)
    values = [source.gauss(0.02, 0.3) for _ in range(400)]
    assert sign_flip(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


def test_student_interval_of_a_mean():
    values = [0.1, 0.5, 0.9, 0.4, 1.0]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    found = t_mean(values)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=CLOSE)


@pytest.mark.parametrize("count", [2, 5, 40, 300])
def test_bootstrap_on_the_same_resamples(count):
    values = np.random.default_rng(count).random(count)
    draws = np.random.default_rng(7)
    found = bootstrap_mean(
        list(values), draw=lambda rows: values[draws.integers(0, len(rows), len(rows))]
    )
    rounds = 4000
    expected = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=rounds,
        batch=1,
        confidence_level=1 - 2 * widened_alpha(count, 0.95),
        method="percentile",
        rng=np.random.default_rng(7),
    ).confidence_interval
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=CLOSE)


def test_holm_is_that_of_the_paper():
    # Reference: stats.false_discovery_control has no Holm; these are worked by hand from Holm 1979.
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({}) == {}


def test_newcombe_gives_the_published_interval():
    # Newcombe 1998 (Statistics in Medicine 17, 2635), table II, method 10.
    found = newcombe_paired(36, 12, 2, 0)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=5e-4)


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
def test_two_thousand_comparisons_of_nothing(kind, count, quick):
    source = random.Random(f"{kind}{count}")
    rejected = {"mcnemar": 0, "sign-flip": 0, "interval": 0, "newcombe": 0}
    for _ in range(2000):
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
    rates = {name: times / 2000 for name, times in rejected.items()}
    assert 0.01 <= rates["sign-flip"] <= 0.07, rates
    assert 0.01 <= rates["interval"] <= 0.07, rates
    if kind == "binary":
        assert 0.01 <= rates["mcnemar"] <= 0.05, rates
        assert 0.01 <= rates["newcombe"] <= 0.07, rates


def test_bootstrap_intervals_of_nothing(monkeypatch):
    monkeypatch.setattr("evaluations.engine.statistics.intervals.RESAMPLES", 300)
    source = random.Random(5)
    missed = 0
    for _ in range(2000):
        values = [source.gauss(0, 0.3) for _ in range(25)]
        found = bootstrap_mean(values)
        missed += found is not None and not found.holds(0)
    assert 0.01 <= missed / 2000 <= 0.07


@pytest.mark.parametrize("kind", ["binary", "graded", "repeats"])
def test_verdicts_on_nothing_are_wrong_in_at_most_seven_percent(kind, quick):
    source = random.Random(kind)
    wrong = 0
    for _ in range(2000):
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
    assert wrong / 2000 <= 0.07
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
