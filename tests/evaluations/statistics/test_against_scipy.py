"""Our figures are scipy's."""

import random

import numpy as np
import pytest
from scipy import stats

from evaluations.engine.statistics import (
    bootstrap_mean,
    holm,
    mcnemar_exact,
    newcombe_paired,
    sign_flip,
    t_mean,
    wilson,
)
from evaluations.engine.statistics.distributions import t_cdf, t_quantile
from evaluations.engine.statistics.intervals import widened_alpha

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
