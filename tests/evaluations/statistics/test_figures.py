"""Every figure of a summary, a comparison and a verdict, on cases that are worked out by hand."""

import math

import pytest
from scipy import stats

from evaluations.engine.statistics import (
    Agreement,
    Comparison,
    Observation,
    bootstrap_mean,
    cases_needed,
    cohen_kappa,
    compare,
    deciding_p,
    histogram,
    holm,
    judge_comparison,
    mcnemar_exact,
    newcombe_paired,
    pass_hat,
    quantile,
    quantile_from_counts,
    sign_flip,
    smallest_difference,
    summarise,
    t_mean,
    t_of_sums,
    wilson,
)
from evaluations.engine.statistics.intervals import Interval, percentile, widened_alpha
from evaluations.engine.statistics.verdict import format_p_value


def seen(text, *, prefix="c", **fields):
    """Return a case for each letter: + passed, - failed, ! an error, ? unchecked."""
    rows = []
    for number, letter in enumerate(text):
        passed = {"+": True, "-": False}.get(letter)
        score = None if passed is None else float(passed)
        rows.append(
            Observation(
                case=f"{prefix}{number}", passed=passed, score=score, name=f"case {number}",
                checked=letter != "?", **fields,
            )
        )  # fmt: skip
    return rows


def scored(*scores, weights=None, passes=0.5):
    return [
        Observation(
            case=str(number), passed=score >= passes, score=score,
            weight=weights[number] if weights else 1.0,
        )
        for number, score in enumerate(scores)
    ]  # fmt: skip


# --- comparisons


def test_every_kind_of_pair_is_counted_where_it_belongs():
    #          both  fixed  broken  neither  error  unchecked  old alone  new alone
    old = seen("++++---++-----!+?++")
    new = seen("+++++++-------+!+?") + seen("+-", prefix="new")
    found = compare(old, new)
    assert (found.pairs, found.changed) == (14, 5)
    assert (found.only_old, found.only_new) == (3, 4)
    assert [pair.name for pair in found.fixed] == ["case 4", "case 5", "case 6"]
    assert [pair.name for pair in found.broken] == ["case 7", "case 8"]
    assert (found.old_rate, found.new_rate) == (pytest.approx(6 / 14), pytest.approx(7 / 14))
    assert found.difference == pytest.approx(1 / 14)
    assert found.score_difference == pytest.approx(1 / 14)
    assert found.interval == newcombe_paired(4, 3, 2, 5)
    assert found.interval != newcombe_paired(4, 3, 2, 4)
    assert (found.p_value, found.test) == (mcnemar_exact(3, 2), "mcnemar")
    assert found.odds_ratio == 1.5
    differences = [1.0] * 3 + [-1.0] * 2 + [0.0] * 9
    assert found.score_interval == bootstrap_mean([0.0] * 4 + [1.0] * 3 + [-1.0] * 2 + [0.0] * 5)
    assert found.score_p_value == sign_flip(differences)
    assert found.effect_size == pytest.approx(
        stats.tmean(differences) / stats.tstd(differences), rel=1e-12
    )
    assert found.smallest_difference == smallest_difference(14, 5 / 14)


def test_nothing_to_compare():
    found = compare(seen("+!"), seen("?+"))
    assert found == Comparison(
        pairs=0, changed=0, only_old=1, only_new=1, old_rate=None, new_rate=None, difference=None,
        interval=None, p_value=None, test="mcnemar", score_difference=None, score_interval=None,
        score_p_value=None, effect_size=None, odds_ratio=None, fixed=(), broken=(),
        smallest_difference=None,
    )  # fmt: skip


def test_one_half_and_more_counts_as_passed_where_cases_are_repeated():
    def repeated(*rates):
        return [
            Observation(case=str(case), passed=answer < passes, score=float(answer < passes))
            for case, passes in enumerate(rates)
            for answer in range(4)
        ]

    found = compare(repeated(1, 2, 2, 1, 3), repeated(2, 1, 3, 1, 3))
    assert ([pair.case for pair in found.fixed], [pair.case for pair in found.broken]) == (
        ["0"], ["1"],
    )  # fmt: skip
    assert (found.pairs, found.changed, found.test) == (5, 3, "sign-flip")
    rates = [0.25, -0.25, 0.25, 0.0, 0.0]
    assert (found.p_value, found.interval) == (sign_flip(rates), bootstrap_mean(rates))
    assert (found.old_rate, found.new_rate) == (pytest.approx(0.45), pytest.approx(0.5))


def test_one_repeated_case_makes_it_a_test_over_cases():
    once = scored(1.0, 0.0, 1.0)
    assert compare(once, once).test == "mcnemar"
    assert compare(once, [*once, once[0]]).test == "sign-flip"
    assert compare([*once, once[0]], once).test == "sign-flip"
    assert compare([*once, once[0]], [*once, once[0]]).test == "sign-flip"


def test_pairs_keep_names_weights_and_means():
    old = [Observation(case="a", passed=True, score=0.5, name="old name", weight=2.0)]
    new = [Observation(case="a", passed=False, score=0.25, name="", weight=3.0)]
    (pair,) = compare(old, new).broken
    assert (pair.case, pair.name, pair.weight) == ("a", "old name", 3.0)
    assert (pair.old_score, pair.new_score, pair.old_rate, pair.new_rate) == (0.5, 0.25, 1.0, 0.0)
    (renamed,) = compare(old, [Observation(case="a", passed=False, score=0, name="new")]).broken
    assert renamed.name == "new"
    bare = Observation(case="a", passed=True, score=1.0)
    (nameless,) = compare([Observation(case="a", passed=False, score=0)], [bare]).fixed
    assert nameless.name == "a"


EFFECTS = [
    ([0.5], [0.9], None),  # one pair has no deviation
    ([0.5, 0.5], [0.7, 0.7], None),  # nothing varies
    ([0.0, 0.0], [0.1, 0.3], 0.2 / stats.tstd([0.1, 0.3])),
    ([1.0, 1.0, 1.0], [0.0, 0.5, 1.0], -0.5 / stats.tstd([-1.0, -0.5, 0.0])),
]


@pytest.mark.parametrize(("old", "new", "effect"), EFFECTS)
def test_effect_size_is_cohen_s_d_of_the_pairs(old, new, effect):
    found = compare(scored(*old), scored(*new)).effect_size
    assert found == (None if effect is None else pytest.approx(effect, rel=1e-9))


def test_few_flips_say_nothing_of_how_many_there_could_be():
    base = "+" * 50
    four = compare(seen(base), seen("-" * 4 + base[4:]))
    five = compare(seen(base), seen("-" * 5 + base[5:]))
    assert four.smallest_difference == smallest_difference(50, 0.2)
    assert five.smallest_difference == smallest_difference(50, 0.1)
    assert four.odds_ratio == 0.0
    assert compare(seen("-"), seen("+")).odds_ratio is None


# --- verdicts


def verdict_of(old, new, **options):
    return judge_comparison(compare(seen(old), seen(new)), old="old", new="new", **options)


VERDICTS = [
    ("-" * 6, "+" * 6, "better"),  # p = 2 · 0.5⁶ = 0.03125
    ("+" * 6, "-" * 6, "worse"),
    ("-" * 5 + "+", "+" * 6, "same"),  # five flips decide nothing, nor do their scores
    ("-" * 5, "+" * 5, "too-few"),
    ("+" * 5, "+" * 5, "too-few"),
    ("+" * 6, "+" * 6, "same"),
    ("-" * 7 + "+", "+" * 7 + "-", "same"),  # seven against one: p = 0.0703
    ("-" * 8 + "+", "+" * 8 + "-", "better"),  # eight against one: p = 0.0391
    ("!", "+", "nothing"),
    ("?", "+", "nothing"),
]


@pytest.mark.parametrize(("old", "new", "code"), VERDICTS)
def test_a_verdict(old, new, code):
    verdict = verdict_of(old, new)
    assert verdict.code == code
    assert (verdict.better, verdict.worse) == (code == "better", code == "worse")
    assert str(verdict)


def test_scores_decide_where_fewer_than_six_cases_changed():
    old = scored(*[0.6] * 12)
    for scores, code in (([0.8] * 12, "score-better"), ([0.55] * 12, "score-worse")):
        comparison = compare(old, scored(*scores))
        verdict = judge_comparison(comparison, old="old", new="new")
        assert verdict.code == code
        assert (verdict.better, verdict.worse) == (code == "score-better", code == "score-worse")
        assert deciding_p(comparison) == comparison.score_p_value
    five = compare(scored(*[0.4] * 5 + [0.9] * 7), scored(*[0.9] * 12))
    six = compare(scored(*[0.4] * 6 + [0.9] * 6), scored(*[0.9] * 12))
    assert (five.changed, deciding_p(five)) == (5, five.score_p_value)
    assert (six.changed, deciding_p(six)) == (6, six.p_value)


def test_rates_decide_from_six_changed_cases_on_whatever_the_scores_say():
    old = scored(*[0.45] * 9, *[1.0] * 6)
    new = scored(*[0.55] * 9, *[0.6] * 6)
    comparison = compare(old, new)
    assert comparison.score_difference < 0 < comparison.difference
    assert deciding_p(comparison) == comparison.p_value == mcnemar_exact(9, 0)
    assert comparison.p_value != comparison.score_p_value
    verdict = judge_comparison(comparison, old="old", new="new")
    assert verdict.code == "better"
    assert verdict.params["score_p"] == format_p_value(comparison.score_p_value)
    assert verdict.params["p"] == format_p_value(comparison.p_value)
    interval = comparison.score_interval
    shown = [f"{100 * end:+.1f}".replace("-", "−") for end in (interval.low, interval.high)]
    assert [verdict.params["score_low"], verdict.params["score_high"]] == shown


def test_a_corrected_p_value_decides_and_is_shown():
    assert verdict_of("-" * 6, "+" * 6, p_value=0.05).code == "better"
    corrected = verdict_of("-" * 6, "+" * 6, p_value=0.0501)
    assert (corrected.code, corrected.params["p"]) == ("same", "0.050")
    scores = compare(scored(*[0.6] * 12), scored(*[0.8] * 12))
    verdict = judge_comparison(scores, old="o", new="n", p_value=0.04)
    assert (verdict.params["score_p"], verdict.params["p"]) == ("0.040", "1.000")


def test_what_a_sentence_is_filled_with():
    params = verdict_of("+-------" + "+" * 12, "-+++++++" + "+" * 12).params
    low, high = newcombe_by_hand(12, 7, 1, 0)
    assert params == {
        "old": "old", "new": "new", "difference": "+30.0",
        "low": f"{100 * low:+.1f}", "high": f"{100 * high:+.1f}",
        "p": "0.070", "score": "+30.0", "score_low": params["score_low"],
        "score_high": params["score_high"], "score_p": format_p_value(mcnemar_exact(7, 1)),
        "fixed": 7, "broken": 1, "pairs": 20,
        "smallest": f"{100 * smallest_difference(20, 0.4):.1f}",
    }  # fmt: skip
    worse = verdict_of("+" * 10, "-" * 10).params
    assert (worse["difference"], worse["p"]) == ("−100.0", "0.002")
    assert verdict_of("+", "+").params["difference"] == "0.0"
    empty = verdict_of("!", "!").params
    names = ("difference", "low", "high", "p", "score", "score_low", "score_p", "smallest")
    assert [empty[name] for name in names] == ["–"] * 8


P_TEXTS = [(None, "–"), (0.0, "< 0.001"), (0.00099, "< 0.001"), (0.001, "0.001"), (1.0, "1.000")]


@pytest.mark.parametrize(("value", "text"), P_TEXTS)
def test_a_p_value_as_people_write_it(value, text):
    assert format_p_value(value) == text


# --- summaries


def test_a_summary_by_hand():
    rows = seen("+++-!??", weight=2.0)
    found = summarise(rows)
    assert (found.answers, found.cases, found.repeats) == (7, 4, 1)
    assert (found.passed, found.failed, found.errors, found.unchecked) == (3, 1, 1, 2)
    assert (found.pass_rate, found.mean_score) == (0.75, 0.75)
    assert found.pass_interval == wilson(3, 4)
    clipped = found.score_interval
    assert (clipped.low >= 0.0, clipped.high, clipped.method) == (True, 1.0, "bootstrap")
    assert (found.pass_hat_k, found.score_variance) == (None, None)
    assert found.smallest_difference is None
    assert summarise(seen("+" * 6)).smallest_difference == 1.0


def test_an_interval_of_scores_ends_at_0_and_1():
    nearly_all, nearly_none = seen("+" * 999 + "-"), seen("-" * 999 + "+")
    assert summarise(nearly_all).score_interval.method == "t"  # which knows no ends
    assert summarise(nearly_all).score_interval.high == 1.0
    assert summarise(nearly_none).score_interval.low == 0.0


def test_a_verdict_without_a_score_is_an_error():
    found = summarise([*seen("+"), Observation(case="x", passed=True, score=None)])
    assert (found.answers, found.passed, found.errors, found.cases) == (2, 1, 1, 1)
    other = [*seen("+"), Observation(case="x", passed=None, score=0.5)]
    assert (summarise(other).passed, summarise(other).errors) == (1, 1)
    assert compare(other, [*seen("+"), *scored(1.0)]).pairs == 1


def test_a_case_that_was_answered_once_among_repeats_has_no_variance():
    once = Observation(case="once", passed=True, score=1.0)
    twice = [Observation(case="twice", passed=score > 0, score=score) for score in (0.0, 1.0)]
    assert summarise([once, *twice]).score_variance == 0.5


def test_a_summary_of_nothing():
    for rows in ([], seen("!?")):
        found = summarise(rows)
        assert (found.pass_rate, found.pass_interval, found.mean_score) == (None, None, None)
        assert (found.cases, found.repeats, found.pass_hat_k) == (0, 0, None)


def test_scores_count_by_weight_and_then_have_no_interval():
    found = summarise(scored(1.0, 0.0, 0.5, weights=[3.0, 1.0, 0.0]))
    assert (found.mean_score, found.score_interval) == (0.75, None)
    assert summarise(scored(1.0, 0.0, weights=[0.0, 0.0])).mean_score is None
    assert summarise(scored(1.0, 0.0, 1.0, weights=[2.0, 2.0, 2.0])).score_interval is not None
    assert summarise(scored(1.0, 0.0, 1.0, weights=[2.0, 1.0, 2.0])).score_interval is None


def test_two_answers_to_each_case_are_repeats():
    rates = {"a": "+-", "b": "++", "c": "--", "d": "+-"}
    rows = [
        Observation(case=case, passed=letter == "+", score=float(letter == "+"))
        for case, letters in rates.items()
        for letter in letters
    ]
    found = summarise(rows)
    means = bootstrap_mean([0.5, 1.0, 0.0, 0.5])
    assert (found.pass_interval.low, found.pass_interval.high) == (means.low, means.high)
    assert found.pass_interval.method == "bootstrap"
    assert found.score_variance == pytest.approx((0.5 + 0 + 0 + 0.5) / 4)
    assert (found.repeats, found.pass_hat_k) == (2, 0.25)


def test_repeats_are_means_of_their_case():
    rows = [
        Observation(case=case, passed=score >= 0.5, score=score)
        for case, scores in {"a": [1.0, 0.0, 1.0], "b": [1.0, 1.0, 1.0], "c": [0.0, 0.25]}.items()
        for score in scores
    ]
    found = summarise(rows)
    assert (found.repeats, found.cases, found.answers) == (3, 3, 8)
    assert found.pass_rate == 5 / 8
    assert found.mean_score == pytest.approx((2 / 3 + 1 + 0.125) / 3)
    rates = bootstrap_mean([2 / 3, 1.0, 0.0])
    assert found.pass_interval == Interval(
        low=max(0.0, rates.low), high=min(1.0, rates.high), method="bootstrap"
    )
    assert found.pass_hat_k == pytest.approx((0 + 1) / 2)  # c was asked too rarely
    variances = [stats.tvar([1, 0, 1]), 0.0, stats.tvar([0, 0.25])]
    assert found.score_variance == pytest.approx(sum(variances) / 3)
    twice = summarise([*rows[:2], *rows[3:5]])
    assert twice.repeats == 2
    assert twice.pass_hat_k == 0.5


HATS = [
    ("+-", 1, 0.5), ("++-", 2, 1 / 3), ("+++", 3, 1.0), ("++", 3, None), ("+--", 2, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "times", "expected"), HATS)
def test_pass_hat_is_unbiased(answers, times, expected):
    found = pass_hat([seen(answers)], times)
    assert found == (None if expected is None else pytest.approx(expected))


def test_quantiles():
    values = [30.0, 10.0, 20.0, 40.0]
    assert [quantile(values, part) for part in (0, 0.25, 0.5, 0.9, 1)] == [
        10.0, 17.5, 25.0, pytest.approx(37.0), 40.0,
    ]  # fmt: skip
    assert quantile([], 0.5) is None
    assert percentile([7.0], 0.5) == 7.0
    counts = [(10, 2), (20, 1), (40, 2), (50, 1)]
    spread = [10, 10, 20, 40, 40, 50]
    for part in (0, 0.1, 0.25, 0.3, 0.5, 0.55, 0.6, 0.9, 1):
        assert quantile_from_counts(counts, part) == pytest.approx(quantile(spread, part))
    assert quantile_from_counts([], 0.5) is None
    assert quantile_from_counts([(5, 0)], 0.5) is None


def test_a_histogram_has_ten_parts_and_1_is_in_the_last():
    assert histogram([0.0, 0.09, 0.1, 0.55, 0.99, 1.0]) == [2, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    assert histogram([0.5], bins=2) == [0, 1]
    assert histogram([]) == [0] * 10


# --- intervals, tests, power


def test_intervals_say_what_they_are():
    assert wilson(0, 0) is None
    assert (wilson(0, 5).low, wilson(5, 5).high) == (0.0, 1.0)
    assert wilson(1, 5).low > 0.0
    assert wilson(4, 5).high < 1.0
    assert (wilson(1, 5).method, wilson(1, 5).confidence) == ("wilson", 0.95)
    assert wilson(1, 5, 0.8).confidence == 0.8
    paired = newcombe_paired(3, 2, 1, 4, 0.9)
    assert (paired.method, paired.confidence) == ("newcombe", 0.9)
    assert newcombe_paired(0, 0, 0, 0) is None
    ends = newcombe_paired(0, 5, 0, 0)
    assert (ends.low > 0, ends.high) == (True, 1.0)
    other = newcombe_paired(0, 0, 5, 0)
    assert (other.low, other.high < 0) == (-1.0, True)
    held = Interval(low=0.25, high=0.75, method="t")
    assert [held.holds(value) for value in (0.2, 0.25, 0.5, 0.75, 0.8)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def newcombe_by_hand(both, fixed, broken, neither):
    """Work out method 10 step by step, as in Newcombe 1998."""
    total = both + fixed + broken + neither
    first, second = (both + fixed) / total, (both + broken) / total
    (l1, u1), (l2, u2) = (
        stats.binomtest(round(rate * total), total).proportion_ci(method="wilson")
        for rate in (first, second)
    )
    product = (both + fixed) * (broken + neither) * (both + broken) * (fixed + neither)
    a = both * neither - fixed * broken
    if a > 0:
        a = max(0, a - total / 2)
    phi = a / math.sqrt(product) if product else 0.0
    d1, d2, e1, e2 = first - l1, u2 - second, u1 - first, second - l2
    low = first - second - math.sqrt(d1 * d1 - 2 * phi * d1 * d2 + d2 * d2)
    high = first - second + math.sqrt(e1 * e1 - 2 * phi * e1 * e2 + e2 * e2)
    return low, high


@pytest.mark.parametrize(
    "table",
    [(36, 12, 2, 0), (5, 4, 3, 2), (20, 3, 7, 15), (1, 9, 8, 2), (4, 1, 1, 1), (9, 0, 0, 9)],
)
def test_newcombe_step_by_step(table):
    found = newcombe_paired(*table)
    assert (found.low, found.high) == pytest.approx(newcombe_by_hand(*table), abs=1e-9)


def test_means_of_few_and_of_many_values():
    assert t_mean([1.0]) is None
    assert bootstrap_mean([0.5]) is None
    assert t_of_sums(1, 1.0, 1.0) is None
    assert bootstrap_mean([0.0, 1.0]).method == "bootstrap"
    assert t_of_sums(2, 1.0, 1.0) == t_mean([0.0, 1.0])
    pair = t_mean([0.0, 1.0])
    reach = stats.t.ppf(0.975, 1) * stats.sem([0.0, 1.0])
    assert (pair.low, pair.high) == pytest.approx((0.5 - reach, 0.5 + reach))
    values = [0.1, 0.4, 0.4, 0.9]
    sums = t_of_sums(4, sum(values), sum(value * value for value in values), 0.9)
    expected = t_mean(values, 0.9)
    assert (sums.low, sums.high) == pytest.approx((expected.low, expected.high))
    assert (sums.method, sums.confidence) == (expected.method, expected.confidence) == ("t", 0.9)
    assert t_of_sums(3, 3.0, 2.9).low == 1.0  # rounding makes no negative variance
    same = bootstrap_mean([0.25] * 5)
    assert (same.low, same.high, same.method) == (0.25, 0.25, "t")
    alternating = [0.0, 1.0] * 500
    assert bootstrap_mean(alternating) == t_mean(alternating)
    assert bootstrap_mean(alternating[:999]).method == "bootstrap"
    assert bootstrap_mean([0.0, 1.0], 0.9).confidence == 0.9
    assert bootstrap_mean([0.0, 0.3, 1.0]) == bootstrap_mean([0.0, 0.3, 1.0])  # seeded
    for count, confidence in ((2, 0.95), (10, 0.9), (300, 0.95)):
        student = stats.t.ppf((1 + confidence) / 2, count - 1)
        expected_tail = stats.norm.cdf(-math.sqrt(count / (count - 1)) * student)
        assert widened_alpha(count, confidence) == pytest.approx(expected_tail, abs=1e-9)


def test_sign_flips_of_sixteen_are_counted_and_of_seventeen_drawn():
    assert sign_flip([]) == sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([1.0] * 16) == 2 / 2**16
    assert sign_flip([1.0] * 17) == pytest.approx(1 / 10_000)
    assert sign_flip([1.0, 0.0, 2.0]) == 0.5
    assert sign_flip([0.1, 0.2, -0.3]) == 1.0  # their sum is 0 but for rounding
    drawn = sign_flip([1.0, -1.0] * 10 + [1.0])
    assert drawn == 1.0
    exact = stats.binomtest(13, 20).pvalue
    assert sign_flip([1.0] * 13 + [-1.0] * 7) == pytest.approx(exact, abs=0.015)


def test_holm_never_exceeds_one_and_never_falls():
    assert holm({"a": 0.5, "b": 0.6}) == {"a": 1.0, "b": 1.0}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({"a": 0.01, "b": 0.011}) == {"a": 0.02, "b": 0.02}
    assert holm({"a": 0.3}) == {"a": 0.3}


def test_power_is_connor_s_formula():
    for difference, share, power in ((0.1, 0.2, 0.8), (0.05, 0.2, 0.9), (0.3, 0.2, 0.8)):
        pairs = max(share, difference)
        alpha, beta = stats.norm.ppf(0.975), stats.norm.ppf(power)
        root = alpha * math.sqrt(pairs) + beta * math.sqrt(pairs - difference**2)
        assert cases_needed(difference, share, power) == pytest.approx((root / difference) ** 2)
    assert cases_needed(0.1) == cases_needed(0.1, 0.2, 0.8)
    assert cases_needed(0.0) == cases_needed(-0.1) == math.inf
    assert cases_needed(0.001) > cases_needed(0.01) > cases_needed(1.0)


def test_the_smallest_difference_is_where_the_cases_suffice():
    assert smallest_difference(5) is None
    assert smallest_difference(6) == 1.0
    assert smallest_difference(7) == 6 / 7
    for cases in (100, 1000, 5000):
        found = smallest_difference(cases)
        assert cases_needed(found) == pytest.approx(cases, rel=1e-6)
        assert found == pytest.approx(smallest_difference(cases, 0.2, 0.8))
    assert smallest_difference(100, 0.4) > smallest_difference(100, 0.2)
    assert smallest_difference(100, 0.2, 0.9) > smallest_difference(100, 0.2, 0.8)


AGREEMENTS = [
    ([], None),
    ([(True, True), (False, False)], Agreement(count=2, agreed=1.0, kappa=1.0)),
    ([(True, False), (False, True)], Agreement(count=2, agreed=0.0, kappa=-1.0)),
    ([(True, True)] * 3, Agreement(count=3, agreed=1.0, kappa=None)),
    ([(True, True)] * 2 + [(True, False), (False, False)],
     Agreement(count=4, agreed=0.75, kappa=0.5)),
    ([(True, False)] * 2, Agreement(count=2, agreed=0.0, kappa=0.0)),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "expected"), AGREEMENTS)
def test_agreement_beyond_chance(pairs, expected):
    assert cohen_kappa(pairs) == expected


def test_agreement_as_people_read_it():
    found = Agreement(count=3, agreed=2 / 3, kappa=0.456)
    assert (found.percent, found.kappa_text) == ("67%", "0.46")
    assert Agreement(count=1, agreed=1.0, kappa=None).kappa_text == "–"
