"""The grid of a run: its cases, and what each column says of them.

Each function says how many queries it makes: a remote database takes tens of milliseconds for each.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, cast
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Left
from django.utils.translation import gettext_lazy

from evaluations.engine.statistics import Agreement, cohen_kappa
from evaluations.engine.types import UNFINISHED
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

__all__ = [
    "PAGE",
    "Cell",
    "CellState",
    "Grid",
    "GridFilter",
    "GridRow",
    "build_grid",
    "describe_outcome",
    "list_columns",
    "measure_agreement",
]

PAGE: Final = 50  # cases on a page of the grid
SHOWN: Final = 160  # characters of an answer in the grid


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
    """Return a run's columns with the run, its suite, baseline and user; one query."""
    rows = Evaluation.objects.filter(run=run_id).order_by("position")
    return list(
        rows.select_related("run__suite", "run__baseline", "run__user", "prompt", "version")
    )


def describe_outcome(run: Run, columns: Iterable[Evaluation]) -> tuple[str, str]:
    """Return how a run stands: a code for its colour, and the words for it; no query."""
    if run.status == Run.Status.COMPLETED:
        outcome = completed_outcome([column.figures for column in columns])
        if outcome is not None:
            return outcome.value, str(outcome.label)
    return run.status, run.get_status_display()


class CellResult(Protocol):
    """A row of one answer; SHOWN characters of its texts."""

    evaluation_id: UUID
    run_case_id: int
    passed: bool | None
    score: float | None
    finish_reason: str
    shown: str
    """How the answer begins."""
    wrong: str
    """How its error begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What one column says of one case, its repeats together."""

    results: tuple[CellResult, ...] = ()
    """One for each repeat."""

    @property
    def state(self) -> CellState:
        """What became of its answers; an error or an unchecked one says more than the others."""
        states = {result_state(row.passed, row.wrong) for row in self.results}
        if not states:
            return CellState.WAITING
        for state in (ResultState.ERROR, ResultState.UNCHECKED):
            if state in states:
                return CellState(state)
        return CellState.MIXED if len(states) > 1 else CellState(states.pop())

    @property
    def text(self) -> str:
        """How the first answer, or its error, begins."""
        if not self.results:
            return ""
        text = self.results[0].shown or self.results[0].wrong
        return f"{text}…" if len(text) == SHOWN else text

    @property
    def score(self) -> float | None:
        """The mean score, None where nothing was scored."""
        scores = [row.score for row in self.results if row.score is not None]
        return sum(scores) / len(scores) if scores else None

    @property
    def unfinished(self) -> str:
        """Why the first answer that is not whole ended: length, content_filter, error; else ""."""
        reasons = (row.finish_reason for row in self.results)
        return next((reason for reason in reasons if reason in UNFINISHED), "")

    @property
    def passes(self) -> str:
        """Such as 2/3, where a case was asked more than once."""
        passed = sum(row.passed is True for row in self.results)
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
    # One more than is shown, to know whether there is a next page.
    selected = list(cases.order_by("position").defer("document")[start : start + PAGE + 1])
    cells = _cells(columns, selected[:PAGE])
    return Grid(
        rows=[_build_row(case, columns, cells) for case in selected[:PAGE]],
        start=start,
        has_next=len(selected) > PAGE,
        chosen=chosen,
        text=text,
    )


def _build_row(
    case: RunCase, columns: Sequence[Evaluation], cells: Mapping[tuple[int, UUID], Cell]
) -> GridRow:
    return GridRow(case=case, cells=[cells[case.pk, column.pk] for column in columns])


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


def _cells(columns: Sequence[Evaluation], cases: Sequence[RunCase]) -> dict[tuple[int, UUID], Cell]:
    """Return what columns say of cases, by the keys of case and column; one query."""
    rows = (
        TestResult.objects.filter(evaluation__in=columns, run_case__in=[case.pk for case in cases])
        .order_by("repeat")
        .annotate(shown=Left("output", SHOWN), wrong=Left("error", SHOWN))
        .values_list(
            "evaluation_id", "run_case_id", "passed", "score", "finish_reason", "shown", "wrong",
            named=True,
        )
    )  # fmt: skip
    by_place: dict[tuple[int, UUID], list[CellResult]] = defaultdict(list)
    for row in cast("Iterable[CellResult]", rows):
        by_place[row.run_case_id, row.evaluation_id].append(row)
    return defaultdict(Cell, {key: Cell(results=tuple(group)) for key, group in by_place.items()})


def measure_agreement(run: Run) -> Agreement | None:
    """Return how far people agree with the scores; one query."""
    pairs = Rating.objects.filter(result__evaluation__run=run, result__passed__isnull=False)
    rows = pairs.values_list("passed", "result__passed")
    return cohen_kappa((person, scored is True) for person, scored in rows)
