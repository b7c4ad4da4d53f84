"""Flipped cases are those that the verdict counts, whatever the repeats and the errors."""

from uuid import uuid4

import pytest

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Case
from evaluations.models import RunCase, TestResult
from evaluations.selectors.flips import FLIPS, list_flips
from evaluations.selectors.summaries import compare_columns
from evaluations.services.planning import Plan, PlannedColumn, create_run

pytestmark = pytest.mark.django_db

# One text for each case: + passed, - failed, e an error, s passed without a score.
TABLE = [
    (["-"], ["+"], 1, 0),
    (["+"], ["-"], 0, 1),
    (["+", "-"], ["+", "-"], 0, 0),
    (["+--"], ["-++"], 1, 0),  # the first repeats alone would say broken
    (["-++"], ["+--"], 0, 1),
    (["+-"], ["--"], 0, 1),  # half is enough
    (["--"], ["+-"], 1, 0),
    (["+-"], ["++"], 0, 0),
    (["-+"], ["+-"], 0, 0),  # the first repeats differ, the rates do not
    (["e-"], ["e+"], 1, 0),  # first repeats that could not be scored
    (["ee"], ["++"], 0, 0),
    (["s-"], ["++"], 1, 0),
    (["-", "-", "+"], ["+", "+", "-"], 2, 1),
    ([], ["+"], 0, 0),
]


def columns_of(*columns):
    """Return columns, the answers of each case as TABLE writes them."""
    count = max(map(len, columns))
    planned = [PlannedColumn(spec=ProviderSpec(kind="echo"), text="x") for _ in columns]
    cases = [(None, Case(name=f"case {n}", variables={"x": str(n)})) for n in range(max(count, 1))]
    run = create_run(Plan(columns=planned), cases)
    keys = list(RunCase.objects.filter(run=run).order_by("position"))
    found = list(run.evaluations.order_by("position"))
    for column, answers in zip(found, columns, strict=True):
        TestResult.objects.bulk_create(
            TestResult(
                evaluation=column, run_case=case, repeat=repeat, output=f"{mark}{repeat}",
                passed=None if mark == "e" else mark in "+s",
                score=None if mark in "es" else float(mark == "+"),
            )
            for case, marks in zip(keys, answers, strict=False)
            for repeat, mark in enumerate(marks)
        )  # fmt: skip
    return found


def names(pairs):
    return [pair.name for pair in pairs]


@pytest.mark.parametrize(("before", "after", "fixed", "broken"), TABLE)
def test_flips_are_those_of_the_verdict(before, after, fixed, broken):
    old, new = columns_of(before, after)
    found, compared = list_flips(old, new), compare_columns(old, new)
    assert (found.fixed, found.broken) == (fixed, broken)
    assert [flip.name for flip in found.page if flip.fixed] == names(compared.fixed)
    assert [flip.name for flip in found.page if not flip.fixed] == names(compared.broken)
    for flip in found.page:
        assert (flip.old.passed, flip.new.passed) == (not flip.fixed, flip.fixed)


def test_the_answers_shown_are_the_first_that_came_out_so():
    (flip,) = list_flips(*columns_of(["+--"], ["-++"])).page
    assert (flip.old.output, flip.new.output) == ("-1", "+1")


def test_a_key_twice_in_one_run_is_one_pair_as_in_the_verdict():
    old, new = columns_of(["+", "-", "-"], ["-", "+", "+"])
    RunCase.objects.filter(run=old.run, position__lt=2).update(key="same")
    found, compared = list_flips(old, new), compare_columns(old, new)
    assert (found.fixed, found.broken) == (len(compared.fixed), len(compared.broken)) == (1, 0)


def test_a_page_takes_three_queries_and_holds_no_other_answer(django_assert_num_queries):
    count = 3 * FLIPS
    old, new = columns_of(["-+-"] * count, ["+++"] * count)
    with django_assert_num_queries(3) as queries:
        found = list_flips(old, new, start=FLIPS)
    assert (found.count, len(found.page), found.page[0].name) == (count, FLIPS, f"case {FLIPS}")
    reading = [one["sql"] for one in queries if '"output"' in one["sql"]]
    assert len(reading) == 1
    with django_assert_num_queries(2):
        assert list_flips(old, old).count == 0


def test_columns_of_two_runs_are_paired_by_key():
    (old,), (new,) = columns_of(["-", "+"]), columns_of(["+", "+"])
    assert (list_flips(old, new).fixed, list_flips(old, new).broken) == (1, 0)
    RunCase.objects.filter(run=new.run).update(key=uuid4().hex)
    assert list_flips(old, new).count == 0
