"""What a run says of its columns: which verdicts, under which names, in whose language."""

import pytest
from django.utils import translation

from evaluations.engine.statistics import holm
from evaluations.models import Evaluation, Run, RunCase, TestResult
from evaluations.selectors.comparisons import (
    as_stored,
    compare_run,
    judge_run,
    remarks_on,
    verdict_text,
)
from evaluations.stored import StoredComparison, Summary

pytestmark = pytest.mark.django_db


def run_of(*columns, status="completed", baseline=None):
    """Write a run whose columns passed (+) and failed (-) their cases."""
    run = Run.objects.create(status=status, baseline=baseline)
    cases = [
        RunCase.objects.create(run=run, position=place, key=str(place), name=f"case {place}")
        for place in range(max(map(len, columns)))
    ]
    for place, marks in enumerate(columns):
        column = Evaluation.objects.create(
            run=run, position=place, label=f"column {place}", prompt_text=f"text {place}",
            provider="p", model="m", status="completed",
        )  # fmt: skip
        TestResult.objects.bulk_create(
            TestResult(evaluation=column, run_case=case, passed=mark == "+", score=mark == "+")
            for case, mark in zip(cases, marks, strict=False)
        )
    return run


def rows_of(run):
    return list(run.evaluations.order_by("position"))


def store(run):
    """Keep the verdicts, as a run does when it ends."""
    rows = rows_of(run)
    for one in compare_run(run, rows):
        one.new_column.summary = Summary(comparison=as_stored(one)).as_json()
        one.new_column.save()
    return rows_of(run)


BAD, GOOD, BETTER = "-" * 12, "++++++++++--", "+" * 12


def test_every_column_is_compared_with_the_first_and_the_tests_are_corrected_together():
    run = run_of(BAD, GOOD, "", "--++++++----", BAD)
    rows = rows_of(run)
    compared = compare_run(run, rows)
    assert [(one.old, one.new) for one in compared] == [
        ("column 0", f"column {place}") for place in (1, 2, 3, 4)
    ]
    assert [(one.old_column, one.new_column) for one in compared] == [
        (rows[0], row) for row in rows[1:]
    ]
    # the second was answered nowhere: there is no test, and nothing to correct for
    assert [one.verdict.code for one in compared] == ["better", "nothing", "same", "same"]
    expected = holm({1: 0.001953125, 3: 0.03125, 4: 1.0})
    assert [one.adjusted_p for one in compared] == pytest.approx(
        [expected[1], None, expected[3], expected[4]]
    )
    alone = compare_run(run, [rows[0], rows[3]])
    assert [one.verdict.code for one in alone] == ["better"]  # as the only one it would be
    assert str(compared[0].verdict).startswith("column 1 is better than column 0: +83.3 points")


def test_a_baseline_s_column_is_called_one():
    baseline = run_of(BAD)
    (one,) = compare_run(run := run_of(GOOD, baseline=baseline), rows_of(run))
    assert (one.old, one.new) == ("column 0 (baseline)", "column 0")
    assert (one.old_column, one.new_column) == (rows_of(baseline)[0], rows_of(run)[0])
    assert one.verdict.params["old"] == "column 0 (baseline)"


def test_what_is_kept_of_a_comparison():
    run = run_of("-" * 51 + "++", "+" * 51 + "--")
    (one,) = compare_run(run, rows := rows_of(run))
    kept = as_stored(one)
    assert kept.old == str(rows[0].pk)
    assert (kept.code, kept.params) == ("better", dict(one.verdict.params))
    assert kept.params["fixed"] == 51
    assert kept.difference == pytest.approx(49 / 53)
    assert kept.interval == (one.comparison.interval.low, one.comparison.interval.high)
    assert kept.interval[0] < kept.difference < kept.interval[1]
    assert kept.p_value == one.adjusted_p < 0.001
    assert kept.fixed == [f"case {place}" for place in range(50)]  # the first 50 by name
    assert kept.broken == ["case 51", "case 52"]
    (nothing,) = compare_run(empty := run_of("", ""), rows_of(empty))
    assert (as_stored(nothing).interval, as_stored(nothing).p_value) == (None, None)
    assert as_stored(nothing).code == "nothing"


def test_a_run_that_ended_is_judged_by_what_it_kept():
    run = run_of("-" * 12 + "++", "+" * 12 + "--")
    rows = store(run)
    (before,) = judge_run(run, rows)
    assert (before.verdict.code, len(before.fixed)) == ("better", 12)
    assert list(before.broken) == ["case 12", "case 13"]
    TestResult.objects.all().delete()
    assert judge_run(run, rows) == [before]


@pytest.mark.parametrize("why", ["it is open", "nothing is kept", "another one's is kept"])
def test_else_it_is_compared_now(why):
    run = run_of(BAD, GOOD, BETTER)
    rows = store(run)
    TestResult.objects.filter(evaluation=rows[1]).update(passed=False, score=0)
    if why == "it is open":
        Run.objects.filter(pk=run.pk).update(status="running")
        run.refresh_from_db()
    elif why == "nothing is kept":
        rows[2].summary = {}
    else:
        rows[2].summary["comparison"]["old"] = str(rows[1].pk)
    judged = judge_run(run, rows)
    assert [one.verdict.code for one in judged] == ["same", "better"]
    assert [len(one.fixed) for one in judged] == [0, 12]


def test_a_run_without_columns_says_nothing():
    run = Run.objects.create(status="completed")
    assert judge_run(run, []) == []


def test_a_sentence_is_in_its_reader_s_language():
    kept = StoredComparison(code="nothing", params={"old": "A", "new": "B"})
    assert verdict_text(kept) == "B and A cannot be compared: no case was scored in both."
    with translation.override("ja"):
        said = verdict_text(kept)
    assert "cannot" not in said
    assert {"A", "B"} <= set(said)


NOTHING = (
    "“column 0”: nothing was checked, so there is no pass rate. Add assertions to the cases, or "
    "import the suite again with --assert."
)
SOME = "“column 0”: 1 of 2 answers were not checked and count neither as passed nor as failed."
REMARKS = [
    ({"answers": 2, "unchecked": 0}, "completed", []),
    ({"answers": 2, "unchecked": 1}, "completed", [SOME]),
    ({"answers": 2, "unchecked": 2}, "completed", [NOTHING]),
    ({"answers": 2, "unchecked": 2}, "stopped", [NOTHING]),
    ({"answers": 0, "unchecked": 0}, "completed", [NOTHING]),
    ({"answers": 0, "unchecked": 0}, "stopped", []),
    ({"answers": 2}, "completed", []),  # of a version that did not count them
    ({}, "running", []),
]


@pytest.mark.parametrize(("summary", "status", "remarks"), REMARKS)
def test_what_was_not_checked_is_said(summary, status, remarks):
    run = run_of("")
    (row,) = rows_of(run)
    row.summary, row.status = summary, status
    assert remarks_on(run, [row]) == remarks


def test_columns_without_a_partner_are_said():
    baseline = run_of("+", "+", "+")
    run = run_of("+", "+", baseline=baseline)
    assert remarks_on(run, rows_of(run)) == [
        "“column 2” of the baseline run has no matching column in this run."
    ]
    other = run_of("+", "+", "+", "+", baseline=baseline)
    assert remarks_on(other, rows_of(other)) == [
        "“column 3” has no matching column in the baseline run and is not compared."
    ]
