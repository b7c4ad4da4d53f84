"""Cases whose outcome changed between two columns, with both answers compared."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, Protocol, cast
from uuid import UUID

from django.db.models import Count, F, Min, Q

from core.diffing import Row, compare
from evaluations.models import Evaluation, TestResult

__all__ = ["FLIPS", "Flip", "Flips", "list_flips"]

FLIPS: Final = 20  # flipped cases on a page, with their answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip:
    """A case whose outcome changed, with both answers compared."""

    name: str
    fixed: bool
    old: TestResult
    new: TestResult

    @property
    def rows(self) -> list[Row]:
        """What changed in the answer, line by line."""
        return compare(self.old.output or self.old.error, self.new.output or self.new.error)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flips:
    """A page of flipped cases, and how many there are of each kind."""

    page: Sequence[Flip]
    fixed: int
    broken: int

    @property
    def count(self) -> int:
        """How many cases flipped."""
        return self.fixed + self.broken


@dataclass(kw_only=True, slots=True)
class _Outcome:
    """What a column said of one case over its repeats, and where an answer of each kind stands."""

    answers: int = 0
    passes: int = 0
    passing: tuple[int, int] | None = None
    """Case of the run and repeat of the first answer that passed."""
    failing: tuple[int, int] | None = None
    """The same of the first that failed."""

    @property
    def good(self) -> bool:
        """Whether half of the answers or more passed: what verdicts count by."""
        return 2 * self.passes >= self.answers

    @property
    def shown(self) -> tuple[int, int]:
        """The first answer that is as the case came out."""
        first = self.passing if self.good else self.failing
        assert first is not None  # noqa: S101  # nosec B101 (the larger half is not empty)
        return first


def list_flips(old: Evaluation, new: Evaluation, *, start: int = 0) -> Flips:
    """Return a page of flipped cases, and how many there are; three queries.

    Cases are paired, and their repeats averaged, as `engine.statistics.compare` does it.
    """
    before, after = _outcomes(old), _outcomes(new)
    keys = [
        key
        for key, outcome in after.items()
        if key in before and before[key].good is not outcome.good
    ]
    fixed = sum(after[key].good for key in keys)
    page = keys[start : start + FLIPS]
    answers = _answers(
        [(old, before[key].shown) for key in page] + [(new, after[key].shown) for key in page]
    )
    flips = [
        Flip(
            name=_case_name(answers[new.pk, after[key].shown]),
            fixed=after[key].good,
            old=answers[old.pk, before[key].shown],
            new=answers[new.pk, after[key].shown],
        )
        for key in page
    ]
    return Flips(page=flips, fixed=fixed, broken=len(keys) - fixed)


def _case_name(result: TestResult) -> str:
    return result.run_case.name if result.run_case else str(result)


class _CaseOutcome(Protocol):
    """A row of `_outcomes`: what a column's answers to one case of the run came to."""

    run_case: int
    key: str
    answers: int
    passes: int
    first_pass: int | None
    """The repeat of the first answer that passed."""
    first_failure: int | None


def _outcomes(column: Evaluation) -> dict[str, _Outcome]:
    """Return what became of each case by its key, in the run's order; no answer is held."""
    passed = Q(passed=True)
    rows = (
        TestResult.objects.filter(
            evaluation=column, run_case__isnull=False, passed__isnull=False, score__isnull=False
        )
        .values("run_case", "run_case__position", key=F("run_case__key"))
        .annotate(
            answers=Count("pk"),
            passes=Count("pk", filter=passed),
            first_pass=Min("repeat", filter=passed),
            first_failure=Min("repeat", filter=~passed),
        )
        .order_by("run_case__position")
        .values_list(
            "run_case", "key", "answers", "passes", "first_pass", "first_failure", named=True
        )
    )
    outcomes: dict[str, _Outcome] = defaultdict(_Outcome)
    for row in cast("Iterable[_CaseOutcome]", rows):
        outcome = outcomes[row.key]
        outcome.answers += row.answers
        outcome.passes += row.passes
        if outcome.passing is None and row.first_pass is not None:
            outcome.passing = row.run_case, row.first_pass
        if outcome.failing is None and row.first_failure is not None:
            outcome.failing = row.run_case, row.first_failure
    return outcomes


def _answers(
    answers: Sequence[tuple[Evaluation, tuple[int, int]]],
) -> dict[tuple[UUID, tuple[int | None, int]], TestResult]:
    """Return answers by column, case and repeat; one query."""
    conditions = [
        Q(evaluation=column, run_case=case, repeat=repeat) for column, (case, repeat) in answers
    ]
    if not conditions:
        return {}
    rows = TestResult.objects.filter(reduce(or_, conditions)).select_related("run_case")
    return {(row.evaluation_id, (row.run_case_id, row.repeat)): row for row in rows}
