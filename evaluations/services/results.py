"""Evaluations that people and programs write themselves, with the results that they bring along."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import InvalidInputError
from core.services import check_fields, find_row, refuse_unknown
from evaluations.models import Evaluation, TestResult, TestSuite
from prompts import interface as prompts

__all__ = [
    "complete_evaluation",
    "create_evaluation",
    "delete_evaluation",
    "restore_evaluation",
]

OPTIONAL: Final = frozenset({"provider", "model", "parameters"})
RESULT_FIELDS: Final = frozenset(
    {"case", "output", "score", "passed", "latency_ms", "input_tokens", "output_tokens"}
    | {"cost_usd", "error"}
)


@transaction.atomic
def create_evaluation(
    *,
    prompt_id: UUID | str,
    number: int | None = None,
    suite_id: UUID | str | None = None,
    **fields: Any,
) -> Evaluation:
    """Create a pending evaluation of one version of a prompt.

    Args:
        prompt_id: the prompt.
        number: its version; the current one if not given.
        suite_id: the suite whose cases will be run, if it is known.
        **fields: `provider`, `model`, `parameters`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such prompt, version or suite, or it is deleted.
    """
    refuse_unknown(fields, OPTIONAL)
    text = prompts.get_prompt_text(prompt_id=prompt_id, number=number)
    evaluation = Evaluation(
        prompt_id=text.prompt_id,
        version_id=text.version_id,
        suite=None if suite_id is None else find_row(TestSuite, suite_id),
        **fields,
    )
    check_fields(evaluation, exclude={"prompt", "version", "suite"})
    evaluation.save(force_insert=True)
    return evaluation


@transaction.atomic
def complete_evaluation(
    *, evaluation_id: UUID | str, results: Sequence[Mapping[str, Any]]
) -> Evaluation:
    """Write the results of an evaluation that is pending, and its overall score.

    Args:
        evaluation_id: the evaluation.
        results: one mapping for each answer, with any of `case`, `output`, `score`, `passed`,
            `latency_ms`, `input_tokens`, `output_tokens`, `cost_usd`, `error`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong, or the evaluation is
            not pending.
        NotFoundError: there is no such evaluation, or it is deleted.
    """
    evaluation = find_row(Evaluation, evaluation_id)
    if evaluation.status != Evaluation.Status.PENDING:
        raise InvalidInputError(
            {
                "status": _("only a pending evaluation takes results; this one is %(status)s")
                % {"status": evaluation.status}
            }
        )
    rows = [_new_result(evaluation, fields) for fields in results]
    TestResult.objects.bulk_create(rows)
    evaluation.status = Evaluation.Status.COMPLETED
    evaluation.overall_score = _weighted_mean(rows)
    evaluation.started_at = evaluation.finished_at = timezone.now()
    evaluation.save(update_fields={"status", "overall_score", "started_at", "finished_at"})
    return evaluation


def _new_result(evaluation: Evaluation, fields: Mapping[str, Any]) -> TestResult:
    refuse_unknown(dict(fields), RESULT_FIELDS)
    result = TestResult(evaluation=evaluation, **fields)
    check_fields(result, exclude={"evaluation", "case"})
    return result


def _weighted_mean(results: Sequence[TestResult]) -> float | None:
    """Return the mean of the scores by their cases' weights, or None if nothing counts."""
    scored = [
        (row.score, row.case.weight if row.case else 1.0)
        for row in results
        if row.score is not None
    ]
    total = sum(weight for _, weight in scored)
    return sum(score * weight for score, weight in scored) / total if total else None


@transaction.atomic
def delete_evaluation(*, evaluation_id: UUID | str) -> None:
    """Mark an evaluation as deleted; its results stay.

    Raises:
        NotFoundError: there is no such evaluation, or it is deleted already.
    """
    find_row(Evaluation, evaluation_id).delete()


@transaction.atomic
def restore_evaluation(*, evaluation_id: UUID | str) -> Evaluation:
    """Take a deleted evaluation back.

    Raises:
        NotFoundError: there is no such evaluation, or it is not deleted.
    """
    evaluation = find_row(Evaluation, evaluation_id, deleted=True)
    evaluation.restore()
    return evaluation
