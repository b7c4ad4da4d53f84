"""pairwise: a judge compares the answer with a reference, in both orders.

Judges favour a place; asked in both orders, an opinion that turns with the order is a tie.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import ask_judge, fenced, gather_replies, quote_question
from evaluations.engine.scorers.thresholds import find_threshold
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

NOT_WORSE: Final = 0.5
POINTS: Final = {"first": 1.0, "tie": 0.5, "second": 0.0}
REPLY: Final[Mapping[str, object]] = {
    "reason": {"type": "string", "description": "one or two sentences"},
    "better": {"type": "string", "enum": list(POINTS)},
}

Reply = dict[str, Any]


def _check(assertion: Assertion) -> Iterable[str]:
    if not isinstance(assertion.value, str | None):
        yield "the value must be a string: the answer to compare with"
    if not isinstance(assertion.config.get("criterion"), str | None):
        yield "criterion must be a string: what makes an answer better"


async def _score(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    reference = assertion.value or context.expected
    if not isinstance(reference, str) or not reference:
        raise ScoringError("scorer.pairwise")
    as_first, as_second = await gather_replies(
        _ask(assertion, context, answer.text, reference),
        _ask(assertion, context, reference, answer.text),
    )
    points_as_first = POINTS[as_first["better"]]
    points_as_second = 1 - POINTS[as_second["better"]]
    # Won in both 1, lost in both 0; an opinion that changed with the order is a tie.
    score = (points_as_first + points_as_second) / 2
    reason = as_first["reason"] or as_second["reason"]
    if points_as_first != points_as_second:
        reason = f"{reason} (the judge's opinion changed with the order)"
    passed = score >= find_threshold(assertion, NOT_WORSE)
    return AssertionResult(passed=passed, score=score, reason=reason)


async def _ask(assertion: Assertion, context: Context, first: str, second: str) -> Reply:
    criterion = assertion.config.get("criterion") or "which helps the one who asked more"
    parts = [
        *quote_question(context),
        f"Two answers are compared by this criterion:\n{fenced('criterion', str(criterion))}",
        f"The first answer:\n{fenced('first', first)}",
        f"The second answer:\n{fenced('second', second)}",
        "Say in `better` which is better: first, second or tie. Their order means nothing.",
    ]
    reply = await ask_judge(assertion, context, parts, REPLY, [first, second])
    if not isinstance(reply["better"], str) or reply["better"] not in POINTS:
        raise ScoringError("judge.better", known=", ".join(POINTS))
    return reply


SCORERS: Final = (
    Scorer(
        name="pairwise",
        title="a judge finds it no worse than the reference, in both orders",
        ask=_score,
        check=_check,
        normalisation="none; a model compares in both orders",
        direction=Direction.HIGHER,
        default_threshold=NOT_WORSE,
        graded=True,
        needs=frozenset({"judge"}),
        calls=2,
    ),
)
