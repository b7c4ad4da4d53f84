"""Writes to evaluations; the one place where they meet prompts (`prompts.interface`)."""

from typing import Any, Final
from uuid import UUID

from django.db import transaction

from autoforge.core.errors import InvalidInputError
from autoforge.core.writing import check_fields, find_row, refuse_unknown
from evaluations.models import Evaluation, TestSuite
from prompts import interface as prompts

__all__ = ["create_evaluation", "delete_evaluation", "restore_evaluation", "restore_suite"]

OPTIONAL: Final = frozenset({"provider", "model", "parameters"})


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


@transaction.atomic
def restore_suite(*, suite_id: UUID | str) -> TestSuite:
    """Take a deleted test suite back.

    Raises:
        InvalidInputError: another suite has taken its name since.
        NotFoundError: there is no such suite, or it is not deleted.
    """
    suite = find_row(TestSuite, suite_id, deleted=True)
    if TestSuite.objects.filter(name=suite.name).exists():
        raise InvalidInputError({"name": f"another test suite is called “{suite.name}” already"})
    suite.restore()
    return suite
