"""Evaluations as people write them: of the version of a prompt that is current, or of another."""

from typing import Any
from uuid import UUID

from evaluations.models import Evaluation
from evaluations.services import results
from prompts import interface as prompts


def create_evaluation(
    *, prompt_id: UUID | str, number: int | None = None, **fields: Any
) -> Evaluation:
    """Create an evaluation of one version of a prompt; the current one if no number is given."""
    text = prompts.get_prompt_text(prompt_id=prompt_id, number=number)
    return results.create_evaluation(prompt_id=text.prompt_id, version_id=text.version_id, **fields)
