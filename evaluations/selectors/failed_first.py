"""The cases of a run for a terminal: what failed first, and of each only what is shown."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol, cast
from uuid import UUID

from django.db.models import Case, F, IntegerField, Min, Q, TextField, Value, When
from django.db.models.functions import Cast, Left

from core.json import JSONObject
from evaluations.models import Evaluation, RunCase, TestResult

__all__ = [
    "CaseRank",
    "FailedFirst",
    "ListedAnswer",
    "ListedCase",
    "list_case_inputs",
    "list_cases",
    "rank_cases",
]

CHUNK: Final = 200  # cases whose answers are held at once


class CaseRank(IntEnum):
    """What became of a case in all columns together: its worst answer decides."""

    FAILED = 0
    ERROR = 1
    UNCHECKED = 2
    PASSED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedFirst:
    """The cases of a run that have an answer."""

    case_ids: Sequence[int]
    """Keys of the cases, the failed ones first, else in the order of the run."""
    counts: Mapping[CaseRank, int]
    """How many of each rank there are."""


class ListedAnswer(Protocol):
    """A named row of one answer; its texts are cut."""

    evaluation_id: UUID
    run_case_id: int
    repeat: int
    passed: bool | None
    score: float | None
    finish_reason: str
    shown: str
    """How the answer begins."""
    wrong: str
    """How its error begins."""
    components_text: str
    """See `stored.read_components`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedCase:
    """A case with the answers of each column."""

    name: str
    variables: JSONObject
    answers: Sequence[Sequence[ListedAnswer]]
    """One list for each column, in it one answer for each repeat."""


def rank_cases(run_id: UUID) -> FailedFirst:
    """Return the cases of a run by what became of them; one query, without any text."""
    rows = (
        TestResult.objects.filter(evaluation__run=run_id, run_case__isnull=False)
        .order_by()
        .values("run_case_id", position=F("run_case__position"))
        .annotate(rank=Min(_rank_result()))
        .order_by("rank", "position")
        .values_list("run_case_id", "rank")
    )
    counts = dict.fromkeys(CaseRank, 0)
    keys = []
    for key, value in rows:
        keys.append(key)
        counts[CaseRank(value)] += 1
    return FailedFirst(case_ids=keys, counts=counts)


def _rank_result() -> Case:
    return Case(
        When(passed=False, then=Value(CaseRank.FAILED.value)),
        When(~Q(error=""), passed=None, then=Value(CaseRank.ERROR.value)),
        When(passed=None, then=Value(CaseRank.UNCHECKED.value)),
        default=Value(CaseRank.PASSED.value),
        output_field=IntegerField(),
    )


def list_case_inputs(run_id: UUID, ranks: Collection[CaseRank]) -> Iterator[tuple[str, JSONObject]]:
    """Yield name and variables of the cases of a run with such a result in any column; one query.

    Args:
        run_id: the run.
        ranks: the results that count.
    """
    results = (
        TestResult.objects.filter(evaluation__run=run_id, run_case__isnull=False)
        .order_by()
        .annotate(rank=_rank_result())
        .filter(rank__in=[rank.value for rank in ranks])
    )
    rows = RunCase.objects.filter(run=run_id, pk__in=results.values("run_case")).order_by(
        "position"
    )
    for name, document in rows.values_list("name", "document").iterator(chunk_size=2000):
        variables = document.get("variables")
        yield name, variables if isinstance(variables, dict) else {}


def list_cases(
    columns: Sequence[Evaluation], case_ids: Sequence[int], longest: int
) -> Iterator[ListedCase]:
    """Yield cases in the order of their keys as given; two queries for each 200 of them.

    Args:
        columns: of the run, in their order.
        case_ids: keys of its cases.
        longest: characters of an answer that are read.
    """
    positions = {column.pk: index for index, column in enumerate(columns)}
    for start in range(0, len(case_ids), CHUNK):
        chunk = case_ids[start : start + CHUNK]
        cases = RunCase.objects.only("name", "document").in_bulk(chunk)
        answers = _load_answers(positions, chunk, longest)
        for key in chunk:
            case = cases[key]
            variables = case.document.get("variables")
            yield ListedCase(
                name=case.name,
                variables=variables if isinstance(variables, dict) else {},
                answers=answers[key],
            )


def _load_answers(
    positions: Mapping[UUID, int], case_ids: Sequence[int], longest: int
) -> Mapping[int, list[list[ListedAnswer]]]:
    rows = (
        TestResult.objects.filter(evaluation__in=list(positions), run_case__in=case_ids)
        .order_by("repeat")
        .annotate(
            shown=Left("output", longest),
            wrong=Left("error", longest),
            components_text=Cast("components", TextField()),
        )
        .values_list(
            "evaluation_id", "run_case_id", "repeat", "passed", "score", "finish_reason", "shown",
            "wrong", "components_text", named=True,
        )
    )  # fmt: skip
    grouped: dict[int, list[list[ListedAnswer]]] = defaultdict(lambda: [[] for _ in positions])
    for row in cast("Iterable[ListedAnswer]", rows):
        grouped[row.run_case_id][positions[row.evaluation_id]].append(row)
    return grouped
