"""Figures worked out by the database are those worked out in memory."""

import random

import pytest

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Case
from evaluations.models import Evaluation, RunCase, TestResult
from evaluations.selectors.sql_summaries import large_figures
from evaluations.selectors.summaries import small_figures
from evaluations.services.planning import Plan, PlannedColumn, create_run

pytestmark = pytest.mark.django_db


def column(cases: int, repeats: int, weights: tuple[float, ...], errors: float) -> Evaluation:
    chance = random.Random(3)
    spec = ProviderSpec(kind="echo")
    given = [
        (None, Case(name=str(n), variables={"x": n}, weight=chance.choice(weights)))
        for n in range(cases)
    ]
    run = create_run(Plan(columns=[PlannedColumn(spec=spec, text="x")], repeats=repeats), given)
    made = run.evaluations.get()
    rows = []
    for case in RunCase.objects.filter(run=run):
        for repeat in range(repeats):
            wrong = chance.random() < errors
            score = None if wrong else chance.choice([0.0, 0.25, 0.9, 1.0, chance.random()])
            rows.append(
                TestResult(
                    evaluation=made, run_case=case, repeat=repeat, score=score,
                    passed=None if wrong else score > 0.5, error="e" if wrong else "",
                )
            )  # fmt: skip
    TestResult.objects.bulk_create(rows)
    return made


@pytest.mark.parametrize(
    ("cases", "repeats", "weights", "errors"),
    [(2500, 1, (1.0,), 0.1), (2100, 3, (1.0,), 0.2), (300, 1, (1.0, 2.5), 0.0), (40, 2, (1.0,), 1)],
)
def test_both_ways_give_the_same_figures(cases, repeats, weights, errors):
    made = column(cases, repeats, weights, errors)
    exact, large = small_figures(made).as_json(), large_figures(made).as_json()
    if cases < 2000:  # there the small way draws resamples, the large one asks Student
        for name in ("pass_interval", "score_interval"):
            del exact[name], large[name]
    assert set(exact) == set(large)
    for name, value in exact.items():
        assert large[name] == (value if value is None else pytest.approx(value)), name
