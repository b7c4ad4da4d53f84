"""All answers to one case of a run, as its page shows them."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypedDict
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Left
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.diffing import Row, compare
from core.errors import NotFoundError
from evaluations.engine.types import Direction
from evaluations.finish_reasons import explain_finish
from evaluations.models import ERRORS, UNCHECKED, Rating, ResultState, RunCase, TestResult
from evaluations.stored import Component, read_components

__all__ = [
    "Check",
    "ShownAnswer",
    "build_answers",
    "find_neighbours",
    "find_result",
    "list_results",
]

SHOWN: Final = 2000  # characters of an answer in a list
STATES: Final[Mapping[str, Q]] = {
    ResultState.PASS: Q(passed=True),
    ResultState.FAIL: Q(passed=False),
    ResultState.ERROR: ERRORS,
    ResultState.UNCHECKED: UNCHECKED,
}
LIMITS: Final[Mapping[str, object]] = {
    Direction.HIGHER: gettext_lazy("at least %(limit)s"),
    Direction.LOWER: gettext_lazy("at most %(limit)s"),
}


class Check(TypedDict):
    """One scorer's part of a result, its value and its limit as people write them."""

    part: Component
    shown_value: str
    how: str


class ShownAnswer(TypedDict):
    """An answer with what scorers and people say of it."""

    label: str
    """Of its column."""
    result: TestResult
    note: str
    """What there is to say of it besides its text."""
    checks: list[Check]
    state: ResultState
    rows: list[Row] | None
    """How it differs from the first answer; None where it does not."""
    ratings: list[Rating]
    own: Rating | None
    """The reader's rating."""


def build_answers(
    results: Sequence[TestResult], labels: Mapping[UUID, str], user_id: int | None
) -> list[ShownAnswer]:
    """Return the answers to one case with what people said of them; no query.

    Args:
        results: with their ratings.
        labels: of the columns, by their keys.
        user_id: whose ratings are the reader's own; None for nobody's.
    """
    first = results[0].output if results else ""
    return [
        _build_answer(result, labels[result.evaluation_id], first, user_id) for result in results
    ]


def _build_answer(result: TestResult, label: str, first: str, user_id: int | None) -> ShownAnswer:
    note = explain_finish(
        output=result.output,
        error=result.error,
        finish_reason=result.finish_reason,
        details=result.details,
    )
    ratings = list(result.ratings.all())
    return {
        "label": label,
        "result": result,
        "note": note,
        "checks": [_check(component) for component in read_components(result.components)],
        "state": result.state,
        "rows": None if result.output == first else compare(first, result.output),
        "ratings": ratings,
        "own": next((rating for rating in ratings if rating.user_id == user_id), None),
    }


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


def find_neighbours(case: RunCase) -> tuple[RunCase | None, RunCase | None]:
    """Return the cases before and after one, None at either end; two queries."""
    cases = RunCase.objects.filter(run=case.run_id).only("pk", "name")
    before = cases.filter(position__lt=case.position).order_by("-position").first()
    return before, cases.filter(position__gt=case.position).order_by("position").first()


def list_results(
    run_id: UUID, *, state: str = "", column_id: UUID | None = None, search: str = ""
) -> "QuerySet[TestResult, TestResult]":
    """Return the answers of a run with their cases and columns, in no order.

    The texts are `shown` and `wrong`, cut after 2,000 characters: they may be very long, and many.

    Args:
        run_id: the run.
        state: a value of `ResultState`; empty: all.
        column_id: of this column alone; None: of all.
        search: a part of the answer or of the case's name; empty: all.
    """
    rows = TestResult.objects.filter(run_case__run=run_id, evaluation__run=run_id)
    if state:
        rows = rows.filter(STATES[state])
    if column_id is not None:
        rows = rows.filter(evaluation=column_id)
    if search:
        rows = rows.filter(Q(output__icontains=search) | Q(run_case__name__icontains=search))
    rows = rows.select_related("run_case", "evaluation")
    heavy = ("output", "error", "messages", "components", "details", "run_case__document")
    of_columns = ("evaluation__summary", "evaluation__target", "evaluation__prompt_text")
    return rows.defer(*heavy, *of_columns).annotate(
        shown=Left("output", SHOWN), wrong=Left("error", SHOWN)
    )


def find_result(result_id: UUID) -> TestResult:
    """Return an answer with its case, its column and its ratings; two queries.

    Raises:
        NotFoundError: there is none, or its run is deleted.
    """
    rows = TestResult.objects.select_related("run_case", "evaluation__run")
    rows = rows.filter(
        Q(evaluation__run__isnull=True) | Q(evaluation__run__deleted_at__isnull=True),
        evaluation__deleted_at__isnull=True,
    )
    result = rows.filter(pk=result_id).prefetch_related("ratings__user").first()
    if result is None:
        raise NotFoundError("row.missing", kind=TestResult._meta.verbose_name, key=result_id)
    return result
