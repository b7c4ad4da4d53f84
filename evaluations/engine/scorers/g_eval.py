"""g-eval: a judge derives steps from criteria, follows them, and scores the answer from 0 to 1."""

from collections.abc import Iterable, Mapping
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import ask_judge, fenced, quote_question, unit_score
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

DEFAULT_THRESHOLD: Final = 0.7  # promptfoo's
# The steps come before the score: a judge that has written them down keeps to them.
REPLY: Final[Mapping[str, object]] = {
    "reason": {
        "type": "string",
        "description": "the steps that follow from the criteria, and what each of them found",
    },
    "score": {"type": "number", "description": "from 0 (not at all) to 1 (fully)"},
}


def _read_criteria(assertion: Assertion, context: Context) -> list[str]:
    value = assertion.value or context.expected
    values = value if isinstance(value, list | tuple) else [value]
    criteria = [text for text in values if isinstance(text, str) and text.strip()]
    if not criteria or len(criteria) < len(values):
        raise ScoringError("scorer.texts", type=assertion.type)
    return criteria


def _check(assertion: Assertion) -> Iterable[str]:
    values = assertion.value if isinstance(assertion.value, list) else [assertion.value]
    if not all(isinstance(value, str | None) for value in values):
        yield "the value must be a string or a list of strings: what a good answer is like"


async def _ask(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    scores, reasons = [], []
    for criterion in _read_criteria(assertion, context):
        parts = [
            *quote_question(context),
            f"The criteria:\n{fenced('criterion', criterion)}",
            f"This is the answer:\n{fenced('answer', answer.text)}",
            (
                "Write in `reason` three to five steps by which the criteria can be checked, and "
                "what each of them finds. Then say in `score` how far the answer meets them, from "
                "0 to 1."
            ),
        ]
        reply = await ask_judge(assertion, context, parts, REPLY, [answer.text])
        scores.append(unit_score(reply, "score"))
        reasons.append(reply["reason"])
    # Several criteria count the same, as in promptfoo.
    score = sum(scores) / len(scores)
    result = at_least(f"score {score:.2f}", score, find_threshold(assertion, DEFAULT_THRESHOLD))
    reason = ": ".join([result.reason, *filter(None, reasons)])
    return AssertionResult(passed=result.passed, score=score, reason=reason)


SCORERS: Final = (
    Scorer(
        name="g-eval",
        title="a judge follows steps that it derives from the criteria",
        ask=_ask,
        check=_check,
        normalisation="none; a model judges",
        direction=Direction.HIGHER,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
        needs=frozenset({"judge"}),
        calls=1,
    ),
)
