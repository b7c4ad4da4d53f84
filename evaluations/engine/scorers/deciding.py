"""Whether anything can make a case fail: an answer that nothing can fail is unchecked.

Promptfoo counts such an answer as passed. Here it has neither passed nor failed, so that a suite
without checks never looks like a good prompt.
"""

from collections.abc import Iterable

from evaluations.engine.scorers.registry import SCORERS, SCORING, SET
from evaluations.engine.types import Assertion, Direction

__all__ = ["can_fail", "is_checked"]


def is_checked(assertions: Iterable[Assertion], threshold: float | None = None) -> bool:
    """Whether the assertions of a case decide over its answer.

    Args:
        assertions: those of the case.
        threshold: the case's own; every score from 0 up reaches one of 0.
    """
    assertions = list(assertions)
    if any(assertion.type == SCORING for assertion in assertions):
        return True  # its function may let nothing pass
    if threshold is not None and threshold <= 0:
        return False
    return any(map(can_fail, assertions))


def can_fail(assertion: Assertion) -> bool:
    """Whether some answer does not satisfy an assertion.

    A weight of 0 records and never decides; neither does a score that has to reach 0, nor a
    measure without a limit.
    """
    if assertion.weight == 0:
        return False
    if assertion.type == SET:
        return is_checked(assertion.assertions, assertion.threshold)
    scorer = SCORERS.get(assertion.type)
    if scorer is None:
        return True  # it cannot be scored, which is an error of the case
    limit = scorer.default_threshold if assertion.threshold is None else assertion.threshold
    if limit is None:
        return not scorer.decides_by_threshold
    if not scorer.decides_by_threshold or assertion.negated:
        return True
    # No score is below 0, so a threshold of 0 lets all of them pass.
    return limit > 0 or scorer.direction != Direction.HIGHER
