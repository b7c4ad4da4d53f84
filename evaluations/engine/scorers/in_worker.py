"""What workers do of scoring: one answer held against one assertion, or one assertion checked."""

from collections.abc import Mapping
from typing import Any

from evaluations.engine.errors import EngineError
from evaluations.engine.scorers.base import Context
from evaluations.engine.scorers.registry import find
from evaluations.engine.types import Answer, Assertion

__all__ = ["check", "score"]


def score(
    assertion: Assertion, answer: Answer, known: Mapping[str, Any]
) -> tuple[bool, float, str] | str:
    """Return whether it passed, the score and the reason; or why it cannot be scored."""
    scorer = find(assertion.type)
    if scorer.score is None:
        return f"{scorer.name} cannot score"
    try:
        outcome = scorer.score(assertion, answer, Context(**known))
    except EngineError as error:
        return str(error)
    return bool(outcome.passed), float(outcome.score), outcome.reason


def check(assertion: Assertion) -> list[str]:
    """Return what is wrong with an assertion, one sentence each."""
    return list(find(assertion.type).check(assertion))
