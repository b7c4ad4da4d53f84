"""answer-relevance and context-*: how question, retrieved context and answer hold together.

The names, the thresholds and what is measured are promptfoo's and Ragas'; what the judge is asked
is our own. The context is the variable `context`, the question the variable `query`, or what was
sent where there is none.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import ask_judge, fenced, gather_replies, unit_score
from evaluations.engine.scorers.similar import compare_cosine
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

REASON: Final = {"type": "string", "description": "one or two sentences"}
SHARE: Final = {"type": "number", "description": "from 0 (none) to 1 (all)"}
REPLY: Final[Mapping[str, object]] = {"reason": REASON, "score": SHARE}
QUESTION_REPLY: Final[Mapping[str, object]] = {
    "question": {"type": "string", "description": "one question"}
}
QUESTIONS: Final = 3  # as in promptfoo: one guess alone swings too much
LEAST: Final = 0.0  # promptfoo's for all of them: without a threshold they only measure


def _find_question(context: Context) -> str:
    query = context.variables.get("query")
    if isinstance(query, str) and query:
        return query
    if context.prompt:
        return context.prompt
    return "\n\n".join(message.content for message in context.messages)


def _find_context(assertion: Assertion, context: Context) -> str:
    """Return the texts that were retrieved.

    Raises:
        ScoringError: the case has none.
    """
    found = context.variables.get("context")
    if isinstance(found, list | tuple) and all(isinstance(text, str) for text in found):
        found = "\n\n".join(found)
    if not isinstance(found, str) or not found.strip():
        raise ScoringError("retrieval.no-context", type=assertion.type)
    return found


def _check_truth(assertion: Assertion) -> Iterable[str]:
    if not isinstance(assertion.value, str | None):
        yield "the value must be a string: what the context should contain"


async def _measure(
    assertion: Assertion, answer: Answer, context: Context, parts: list[str], figure: str
) -> AssertionResult:
    """Return what the judge measures, held against the threshold."""
    reply = await ask_judge(assertion, context, parts, REPLY, [answer.text])
    score = unit_score(reply, "score")
    result = at_least(f"{figure} {score:.2f}", score, find_threshold(assertion, LEAST))
    reason = f"{result.reason}: {reply['reason']}" if reply["reason"] else result.reason
    return AssertionResult(passed=result.passed, score=score, reason=reason)


async def _faithfulness(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    parts = [
        f"This was asked:\n{fenced('question', _find_question(context))}",
        f"This is the context:\n{fenced('context', _find_context(assertion, context))}",
        f"This is the answer:\n{fenced('answer', answer.text)}",
        (
            "Take the answer apart into its single statements. Say in `score` which share of "
            "them follows from the context alone, whatever you know besides, and quote in "
            "`reason` those that do not."
        ),
    ]
    return await _measure(assertion, answer, context, parts, "faithfulness")


async def _recall(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    truth = assertion.value or context.expected
    if not isinstance(truth, str) or not truth.strip():
        raise ScoringError("retrieval.no-truth", type=assertion.type)
    parts = [
        f"This is the context:\n{fenced('context', _find_context(assertion, context))}",
        f"This should be found in it:\n{fenced('truth', truth)}",
        (
            "Take what should be found apart into its single statements. Say in `score` which "
            "share of them the context contains, and quote in `reason` those that it does not."
        ),
    ]
    return await _measure(assertion, answer, context, parts, "recall")


async def _relevance(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    parts = [
        f"This was asked:\n{fenced('question', _find_question(context))}",
        f"This is the context:\n{fenced('context', _find_context(assertion, context))}",
        (
            "Say in `score` which share of the context's sentences is needed to answer what was "
            "asked, and in `reason` what is not."
        ),
    ]
    return await _measure(assertion, answer, context, parts, "relevance")


async def _answer_relevance(
    assertion: Assertion, answer: Answer, context: Context
) -> AssertionResult:
    parts = [
        f"This is the answer:\n{fenced('answer', answer.text)}",
        "Write in `question` the one question that it answers best.",
    ]
    asked = _find_question(context)
    if context.services is None:
        raise ScoringError("judge.none", type=assertion.type)
    calls = [
        ask_judge(assertion, context, parts, QUESTION_REPLY, []) for _number in range(QUESTIONS)
    ]
    questions = []
    for reply in await gather_replies(*calls):
        if not isinstance(reply["question"], str) or not reply["question"].strip():
            raise ScoringError("judge.question")
        questions.append(reply["question"])
    own, *others = await context.services.embed([asked, *questions], provider="")
    measures = [compare_cosine(own, other) for other in others]
    mean = sum(measures) / len(measures)
    score = min(1.0, max(0.0, mean))
    return at_least(f"relevance {mean:.2f}", mean, find_threshold(assertion, LEAST), score=score)


_scorer = partial(
    Scorer,
    normalisation="none; a model judges",
    direction=Direction.HIGHER,
    default_threshold=LEAST,
    decides_by_threshold=True,
    graded=True,
    negatable=False,  # promptfoo ignores it, and no measure is better for being low
    needs=frozenset({"judge"}),
    calls=1,
)
SCORERS: Final = (
    _scorer(
        name="context-faithfulness",
        title="share of its statements that the context supports",
        ask=_faithfulness,
    ),
    _scorer(
        name="context-recall",
        title="share of the value's statements that the context contains",
        ask=_recall,
        check=_check_truth,
    ),
    _scorer(
        name="context-relevance",
        title="share of the context that is needed for the question",
        ask=_relevance,
    ),
    _scorer(
        name="answer-relevance",
        title="questions that it would answer are near to the one asked",
        ask=_answer_relevance,
        normalisation="none; a model judges, embeddings are compared",
        needs=frozenset({"judge", "embeddings"}),
        calls=QUESTIONS + 1,
    ),
)
