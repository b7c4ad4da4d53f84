"""Evaluations that people write themselves, and what becomes of stored evaluations and results.

What a run found is written by the engine's store, and stays as it was found.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypedDict, Unpack
from uuid import UUID

from django.db import transaction

from core.errors import InvalidInputError
from core.json import JSONObject
from core.sentences import Sentence
from core.services import check_row, find_row, refuse_unknown
from evaluations.models import Evaluation, TestResult, TestSuite
from prompts import interface as prompts

__all__ = [
    "create_evaluation",
    "delete_evaluations",
    "delete_results",
    "edit_evaluation",
    "restore_evaluations",
]


class EvaluationFields(TypedDict, total=False):
    """What people write of an evaluation that belongs to no run."""

    prompt_id: UUID | None
    version_id: UUID | None
    suite_id: UUID | None
    status: str
    """An `Evaluation.Status`."""
    overall_score: float | None
    """From 0 to 1."""
    provider: str
    model: str
    parameters: JSONObject
    started_at: datetime | None
    finished_at: datetime | None
    error: str


FIELDS: Final = frozenset(EvaluationFields.__annotations__)


@transaction.atomic
def create_evaluation(**fields: Unpack[EvaluationFields]) -> Evaluation:
    """Create an evaluation that belongs to no run.

    Args:
        **fields: `prompt_id`, `version_id`, `suite_id`, `status`, `overall_score` (0 to 1),
            `provider`, `model`, `parameters`, `started_at`, `finished_at`, `error`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: the prompt or the suite is deleted, or there is none.
    """
    refuse_unknown(fields, FIELDS)
    evaluation = Evaluation(**fields)
    _check(evaluation)
    evaluation.save(force_insert=True)
    return evaluation


@transaction.atomic
def edit_evaluation(
    *, evaluation_id: UUID | str, **changes: Unpack[EvaluationFields]
) -> Evaluation:
    """Change an evaluation that belongs to no run.

    Args:
        evaluation_id: the evaluation.
        **changes: any field that `create_evaluation` takes.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong, or it is a run's column.
        NotFoundError: it is deleted, or there is none; the same of its prompt and its suite.
    """
    refuse_unknown(changes, FIELDS)
    evaluation = find_row(Evaluation, evaluation_id)
    if evaluation.run_id is not None:
        raise InvalidInputError({"run": Sentence("result.read-only")})
    for name, value in changes.items():
        setattr(evaluation, name, value)
    _check(evaluation)
    evaluation.save(update_fields=set(changes))
    return evaluation


def _check(evaluation: Evaluation) -> None:
    # Rows point at what is in the trash as well: a key alone does not tell.
    if evaluation.prompt_id is not None:
        prompts.get_choice(evaluation.prompt_id)
    if evaluation.suite_id is not None:
        find_row(TestSuite, evaluation.suite_id)
    check_row(evaluation)


@transaction.atomic
def delete_evaluations(evaluation_ids: Iterable[UUID | str]) -> int:
    """Put evaluations into the trash; their results stay. Return how many were in use."""
    count, _models = Evaluation.objects.filter(pk__in=list(evaluation_ids)).delete()
    return count


@transaction.atomic
def restore_evaluations(evaluation_ids: Iterable[UUID | str]) -> int:
    """Take evaluations out of the trash; return how many were there."""
    return Evaluation.all_objects.get_queryset().filter(pk__in=list(evaluation_ids)).restore()


@transaction.atomic
def delete_results(result_ids: Iterable[UUID | str]) -> int:
    """Remove results for good, with what people said of them; return how many there were."""
    _count, per_model = TestResult.objects.filter(pk__in=list(result_ids)).delete()
    return per_model.get(TestResult._meta.label, 0)
