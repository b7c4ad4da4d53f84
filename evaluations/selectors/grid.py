"""What the pages of runs show, as plain values: progress, the grid, flipped cases, answers.

Each function says how many queries it makes: a remote database takes tens of milliseconds for each.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any, Final, TypedDict
from uuid import UUID

from django.db import models
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Left
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.diffing import Row, compare
from evaluations.engine.statistics import Agreement, cohen_kappa, judge_comparison
from evaluations.engine.types import UNFINISHED, Direction
from evaluations.finish_reasons import explain_finish
from evaluations.models import (
    ERRORS,
    UNCHECKED,
    Evaluation,
    Rating,
    ResultState,
    Run,
    RunCase,
    TestResult,
    completed_outcome,
    result_state,
)
from evaluations.selectors.comparisons import verdict_text
from evaluations.selectors.summaries import compare_columns
from evaluations.stored import Component, read_components

__all__ = [
    "FLIPS",
    "PAGE",
    "Cell",
    "CellState",
    "Flip",
    "Flips",
    "Grid",
    "GridFilter",
    "GridRow",
    "build_answers",
    "build_grid",
    "build_progress",
    "describe_outcome",
    "find_neighbours",
    "list_columns",
    "list_flips",
    "list_verdicts",
    "measure_agreement",
    "verdict_between",
]

PAGE: Final = 50  # cases on a page of the grid
SHOWN: Final = 160  # characters of an answer in the grid
FLIPS: Final = 20  # flipped cases on a page, with their answers
LIMITS: Final[Mapping[str, object]] = {
    Direction.HIGHER: gettext_lazy("at least %(limit)s"),
    Direction.LOWER: gettext_lazy("at most %(limit)s"),
}


class GridFilter(models.TextChoices):
    """Which cases a page of the grid shows: those with such an answer."""

    ALL = "all", gettext_lazy("All cases")
    FAILED = "failed", gettext_lazy("Failed")
    ERRORS = "errors", gettext_lazy("Errors")
    UNCHECKED = "unchecked", gettext_lazy("Not checked")
    DIFFERENT = "different", gettext_lazy("Differing between columns")


class CellState(StrEnum):
    """What became of a column's answers to one case, which may be several; a page's class."""

    PASS = ResultState.PASS.value
    FAIL = ResultState.FAIL.value
    ERROR = ResultState.ERROR.value
    UNCHECKED = ResultState.UNCHECKED.value
    MIXED = "mixed"
    """Repeats differ."""
    WAITING = "waiting"
    """There is no answer yet."""


def list_columns(run_id: UUID) -> list[Evaluation]:
    """Return a run's columns with the run itself, its suite and its baseline; one query."""
    rows = Evaluation.objects.filter(run=run_id).order_by("position")
    return list(rows.select_related("run__suite", "run__baseline", "prompt", "version"))


def describe_outcome(run: Run, columns: Iterable[Evaluation]) -> tuple[str, str]:
    """Return how a run stands: a code for its colour, and the words for it; no query."""
    if run.status == Run.Status.COMPLETED:
        outcome = completed_outcome([column.figures for column in columns])
        if outcome is not None:
            return outcome.value, str(outcome.label)
    return run.status, run.get_status_display()


def build_progress(run: Run) -> dict[str, Any]:
    """Return how far a run is, as JSON for the page that watches it; one query."""
    rows = (
        TestResult.objects.filter(evaluation__run=run, run_case__isnull=False)
        .order_by()
        .values("evaluation")
        .annotate(
            done=Count("pk"),
            passes=Count("pk", filter=Q(passed=True)),
            failures=Count("pk", filter=Q(passed=False)),
            wrong=Count("pk", filter=ERRORS),
            open=Count("pk", filter=UNCHECKED),
            known=Count("pk", filter=Q(cached=True)),
            cost=Sum("cost_usd"),
            grading=Sum("grading_cost_usd"),
        )
    )
    columns = {str(row["evaluation"]): _numbers(dict(row)) for row in rows}
    total = {
        name: sum(column[name] for column in columns.values())
        for name in ("done", "passed", "failed", "errors", "unchecked", "cached", "cost")
    }
    seconds = run.seconds_used
    rate = (total["done"] - total["cached"]) / seconds if seconds > 0 else None
    left = run.planned - total["done"]
    return total | {
        "status": run.status,
        "status_text": str(run.get_status_display()),
        "message": run.message,
        "planned": run.planned,
        "rate": rate,
        "seconds": seconds,
        "seconds_left": left / rate if rate else None,
        "active": run.is_open,
        "columns": columns,
    }


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    cost = float(row["cost"] or 0) + float(row["grading"] or 0)
    # Annotations may not be called like the table's own columns.
    return {
        "done": row["done"],
        "passed": row["passes"],
        "failed": row["failures"],
        "errors": row["wrong"],
        "unchecked": row["open"],
        "cached": row["known"],
        "cost": cost,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What one column says of one case, its repeats together."""

    results: tuple[Mapping[str, Any], ...] = ()
    """id, passed, score, output, error, cached, latency of each repeat."""

    @property
    def state(self) -> CellState:
        """What became of its answers; an error or an unchecked one says more than the others."""
        states = {result_state(row["passed"], row["wrong"]) for row in self.results}
        if not states:
            return CellState.WAITING
        for state in (ResultState.ERROR, ResultState.UNCHECKED):
            if state in states:
                return CellState(state)
        return CellState.MIXED if len(states) > 1 else CellState(states.pop())

    @property
    def text(self) -> str:
        """How the first answer, or its error, begins."""
        text = str(self.results[0]["shown"] or self.results[0]["wrong"]) if self.results else ""
        return text + ("…" if len(text) == SHOWN else "")

    @property
    def score(self) -> float | None:
        """The mean score, None where nothing was scored."""
        scores = [row["score"] for row in self.results if row["score"] is not None]
        return sum(scores) / len(scores) if scores else None

    @property
    def unfinished(self) -> str:
        """Why the first answer that is not whole ended: length, content_filter, error; else ""."""
        reasons = (row["finish_reason"] for row in self.results)
        return next((reason for reason in reasons if reason in UNFINISHED), "")

    @property
    def passes(self) -> str:
        """Such as 2/3, where a case was asked more than once."""
        passed = sum(row["passed"] is True for row in self.results)
        return f"{passed}/{len(self.results)}" if len(self.results) > 1 else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridRow:
    """One case with a cell for each column."""

    case: RunCase
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A page of cases."""

    rows: Sequence[GridRow]
    start: int
    """Where the page begins, from 0."""
    has_next: bool
    chosen: str
    """A value of `GridFilter`; any other shows all cases."""
    text: str = ""
    """What a case's name or one of its answers holds."""

    @property
    def before(self) -> int:
        """Where the page before begins."""
        return max(0, self.start - PAGE)

    @property
    def after(self) -> int:
        """Where the next page begins."""
        return self.start + PAGE


def build_grid(
    run: Run,
    columns: Sequence[Evaluation],
    *,
    chosen: str = GridFilter.ALL,
    text: str = "",
    start: int = 0,
) -> Grid:
    """Return a page of the results; two queries."""
    cases = _filtered(RunCase.objects.filter(run=run), columns, chosen)
    if text:
        answers = TestResult.objects.filter(
            run_case=OuterRef("pk"), evaluation__in=columns, output__icontains=text
        )
        cases = cases.filter(Q(name__icontains=text) | Q(Exists(answers)))
    found = list(cases.order_by("position").defer("document")[start : start + PAGE + 1])
    cells = _cells(columns, found[:PAGE])
    return Grid(
        rows=[
            GridRow(case=case, cells=[cells[case.pk, column.pk] for column in columns])
            for case in found[:PAGE]
        ],
        start=start,
        has_next=len(found) > PAGE,
        chosen=chosen,
        text=text,
    )


def _filtered(
    cases: QuerySet[RunCase], columns: Sequence[Evaluation], chosen: str
) -> QuerySet[RunCase]:
    results = TestResult.objects.filter(run_case=OuterRef("pk"), evaluation__in=columns)
    passed, failed = Exists(results.filter(passed=True)), Exists(results.filter(passed=False))
    conditions: dict[str, Q | Exists] = {
        GridFilter.FAILED: failed,
        GridFilter.ERRORS: Exists(results.filter(ERRORS)),
        GridFilter.UNCHECKED: Exists(results.filter(UNCHECKED)),
        GridFilter.DIFFERENT: Q(passed) & Q(failed),
    }
    return cases.filter(conditions[chosen]) if chosen in conditions else cases


def _cells(columns: Sequence[Evaluation], cases: Sequence[RunCase]) -> dict[Any, Cell]:
    rows = (
        TestResult.objects.filter(evaluation__in=columns, run_case__in=[case.pk for case in cases])
        .order_by("repeat")
        .values(
            "id", "evaluation_id", "run_case_id", "passed", "score", "cached", "latency_ms",
            "finish_reason",
            shown=Left("output", SHOWN), wrong=Left("error", SHOWN),
        )
    )  # fmt: skip
    found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["run_case_id"], row["evaluation_id"]].append(row)
    return defaultdict(Cell, {key: Cell(results=tuple(group)) for key, group in found.items()})


def measure_agreement(run: Run) -> Agreement | None:
    """Return how far people agree with the scores; one query."""
    pairs = Rating.objects.filter(result__evaluation__run=run, result__passed__isnull=False)
    rows = pairs.values_list("passed", "result__passed")
    return cohen_kappa((person, scored is True) for person, scored in rows)


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
        found = self.passing if self.good else self.failing
        assert found is not None  # noqa: S101  # nosec B101 (the larger half is not empty)
        return found


def list_flips(old: Evaluation, new: Evaluation, *, start: int = 0) -> Flips:
    """Return a page of flipped cases, and how many there are; three queries.

    Cases are paired, and their repeats averaged, as `engine.statistics.compare` does it.
    """
    before, after = _outcomes(old), _outcomes(new)
    keys = [
        key for key, found in after.items() if key in before and before[key].good is not found.good
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


def _outcomes(column: Evaluation) -> dict[str, _Outcome]:
    """Return what became of each case by its key, in the run's order; no answer is held."""
    passed = Q(passed=True)
    rows = (
        TestResult.objects.filter(
            evaluation=column, run_case__isnull=False, passed__isnull=False, score__isnull=False
        )
        .values("run_case", "run_case__key", "run_case__position")
        .annotate(
            answers=Count("pk"),
            passes=Count("pk", filter=passed),
            first_pass=Min("repeat", filter=passed),
            first_failure=Min("repeat", filter=~passed),
        )
        .order_by("run_case__position")
    )
    found: dict[str, _Outcome] = defaultdict(_Outcome)
    for row in rows:
        one = found[row["run_case__key"]]
        one.answers += row["answers"]
        one.passes += row["passes"]
        if one.passing is None and row["first_pass"] is not None:
            one.passing = row["run_case"], row["first_pass"]
        if one.failing is None and row["first_failure"] is not None:
            one.failing = row["run_case"], row["first_failure"]
    return found


def _answers(
    wanted: Sequence[tuple[Evaluation, tuple[int, int]]],
) -> dict[tuple[UUID, tuple[int | None, int]], TestResult]:
    """Return answers by column, case and repeat; one query."""
    places = [
        Q(evaluation=column, run_case=case, repeat=repeat) for column, (case, repeat) in wanted
    ]
    if not places:
        return {}
    rows = TestResult.objects.filter(reduce(or_, places)).select_related("run_case")
    return {(row.evaluation_id, (row.run_case_id, row.repeat)): row for row in rows}


class ShownVerdict(TypedDict):
    """A verdict in the reader's language; its code is for its colour."""

    code: str
    sentence: str


def verdict_between(old: Evaluation, new: Evaluation) -> ShownVerdict:
    """Return the stored verdict of two columns, else one made now; none or two queries."""
    stored = new.figures.comparison
    if stored is not None and stored.old == str(old.pk):
        return {"code": stored.code, "sentence": verdict_text(stored)}
    verdict = judge_comparison(compare_columns(old, new), old=old.label, new=new.label)
    return {"code": verdict.code, "sentence": str(verdict)}


def build_answers(
    results: Sequence[TestResult], labels: Mapping[UUID, str], user: Any
) -> list[dict[str, Any]]:
    """Return the answers to one case with what people said of them; no query."""
    first = results[0].output if results else ""
    return [
        {
            "label": labels[result.evaluation_id],
            "result": result,
            "note": explain_finish(
                output=result.output,
                error=result.error,
                finish_reason=result.finish_reason,
                details=result.details,
            ),
            "checks": [_check(component) for component in read_components(result.components)],
            "state": result.state,
            "rows": compare(first, result.output) if place and result.output != first else None,
            "ratings": list(result.ratings.all()),
            "own": next((one for one in result.ratings.all() if one.user_id == user.pk), None),
        }
        for place, result in enumerate(results)
    ]


def find_neighbours(case: RunCase) -> tuple[RunCase | None, RunCase | None]:
    """Return the cases before and after one, None at either end; two queries."""
    cases = RunCase.objects.filter(run=case.run_id).only("pk", "name")
    before = cases.filter(position__lt=case.position).order_by("-position").first()
    return before, cases.filter(position__gt=case.position).order_by("position").first()


class Check(TypedDict):
    """One scorer's part of a result, its value and its limit as people write them."""

    part: Component
    shown_value: str
    how: str


def _check(component: Component) -> Check:
    value = component.assertion.get("value", "")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"part": component, "shown_value": text, "how": _how(component)}


def _how(component: Component) -> str:
    """Return how exactly it compared; empty where it took both as they are."""
    normalisation = component.normalisation or "none"
    parts = [] if normalisation == "none" else [_(normalisation.removeprefix("none; "))]
    limit = component.threshold
    if limit is not None and component.direction in LIMITS:
        parts.append(str(LIMITS[component.direction]) % {"limit": f"{limit:g}"})
    return "; ".join(parts)


class ColumnVerdict(ShownVerdict):
    """The verdict that a column keeps."""

    column: Evaluation


def list_verdicts(columns: Sequence[Evaluation]) -> list[ColumnVerdict]:
    """Return the stored verdicts of the columns that were compared; no query."""
    verdicts: list[ColumnVerdict] = []
    for column in columns:
        kept = column.figures.comparison
        if kept is not None:
            sentence = verdict_text(kept)
            verdicts.append({"column": column, "code": kept.code, "sentence": sentence})
    return verdicts
