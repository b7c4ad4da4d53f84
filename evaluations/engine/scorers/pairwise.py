"""pairwise: a judge compares the answer with a reference, in both orders.

Judges favour a place; asked in both orders, an opinion that turns with the order is a tie.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import ask_judge, fenced
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

NOT_WORSE: Final = 0.5
POINTS: Final = {"first": 1.0, "tie": 0.5, "second": 0.0}
REPLY: Final[Mapping[str, Any]] = {
    "reason": {"type": "string", "description": "one or two sentences"},
    "better": {"type": "string", "enum": list(POINTS)},
}

Reply = dict[str, Any]


def _check(assertion: Assertion) -> Iterable[str]:
    if not isinstance(assertion.value, str | None):
        yield "the value is the text to compare with; without one, the case's expected answer"
    if not isinstance(assertion.config.get("criterion"), str | None):
        yield "criterion is a text: what makes an answer better"


async def _score(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    reference = assertion.value or context.expected
    if not isinstance(reference, str) or not reference:
        raise ScoringError("scorer.pairwise")
    first, second = await _both(
        _ask(assertion, context, answer.text, reference),
        _ask(assertion, context, reference, answer.text),
    )
    one, other = POINTS[first["better"]], 1 - POINTS[second["better"]]
    score = (one + other) / 2  # won in both 1, lost in both 0; an opinion that turned is a tie
    limit = NOT_WORSE if assertion.threshold is None else assertion.threshold
    turned = "" if one == other else " (the judge's opinion turned with the order)"
    reason = f"{first['reason'] or second['reason']}{turned}"
    return AssertionResult(passed=score >= limit, score=score, reason=reason)


async def _both(*calls: Awaitable[Reply]) -> list[Reply]:
    """Return what both calls say; where one fails the other still ends, and its cost is known."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]


async def _ask(assertion: Assertion, context: Context, one: str, other: str) -> Reply:
    criterion = assertion.config.get("criterion") or "which helps the one who asked more"
    asked = "\n\n".join(f"{part.role}: {part.content}" for part in context.messages)
    parts = [
        *([f"This was asked:\n{fenced('question', asked)}"] if asked else []),
        f"Two answers are compared by this criterion:\n{fenced('criterion', str(criterion))}",
        f"The first answer:\n{fenced('first', one)}",
        f"The second answer:\n{fenced('second', other)}",
        "Say in `better` which is better: first, second or tie. Their order means nothing.",
    ]
    reply = await ask_judge(assertion, context, parts, REPLY, [one, other])
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
        direction="higher",
        default_threshold=NOT_WORSE,
        graded=True,
        needs=frozenset({"judge"}),
        calls=2,
    ),
)
