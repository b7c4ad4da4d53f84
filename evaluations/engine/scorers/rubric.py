"""llm-rubric, factuality, model-graded-closedqa: a judge's opinion of one answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import (
    ask_judge,
    fenced,
    quote_question,
    unit_score,
    yes_or_no,
)
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["ANSWER_MARK", "OWN_PROMPT", "SCORERS"]

OWN_PROMPT: Final = "rubric_prompt"
"""In the config of an assertion: how its writer puts the rubric to the judge."""
ANSWER_MARK: Final = "\ue0001\ue000"
"""Where the answer belongs in it: no text has characters of this private range."""

REASON: Final = {"type": "string", "description": "one or two sentences"}
YES_OR_NO: Final = {"type": "boolean"}
RUBRIC_REPLY: Final[Mapping[str, object]] = {
    "reason": REASON,
    "pass": YES_OR_NO,
    "score": {"type": "number", "description": "from 0 (not at all) to 1 (fully)"},
}
CRITERION_REPLY: Final[Mapping[str, object]] = {"reason": REASON, "pass": YES_OR_NO}
RELATIONS: Final[Mapping[str, tuple[str, bool]]] = {
    "A": ("the answer contains some of the reference's facts, and agrees with it", True),
    "B": ("the answer contains all of the reference's facts and more, and agrees with it", True),
    "C": ("the answer contains the same facts as the reference", True),
    "D": ("the answer contradicts the reference", False),
    "E": ("they differ, and the difference does not matter for the facts", True),
}
RELATION_REPLY: Final[Mapping[str, object]] = {
    "reason": REASON,
    "category": {"type": "string", "enum": list(RELATIONS)},
}


def _read_text(assertion: Assertion, context: Context) -> str:
    value = assertion.value
    if value is None or value == "":
        value = context.expected
    if not isinstance(value, str) or not value.strip():
        raise ScoringError("scorer.rubric", type=assertion.type)
    return value


def _check(assertion: Assertion) -> Iterable[str]:
    if not isinstance(assertion.value, str | None):
        yield "the value must be a string: what the judge looks for"
    provider = assertion.config.get("provider")
    if not isinstance(provider, str | None):
        yield "provider must be a string such as openai:gpt-4.1-mini"


async def _rubric(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    own = assertion.config.get(OWN_PROMPT)
    if isinstance(own, str):
        parts = [own.replace(ANSWER_MARK, f"\n{fenced('answer', answer.text)}\n")]
    else:
        rubric = _read_text(assertion, context)
        parts = [
            f"Judge the answer by this rubric:\n{fenced('rubric', rubric)}",
            f"This is the answer:\n{fenced('answer', answer.text)}",
        ]
    parts.append(
        "Say in `pass` whether the answer meets the rubric, and in `score` how far, from 0 to 1."
    )
    reply = await ask_judge(assertion, context, parts, RUBRIC_REPLY, [answer.text])
    score = unit_score(reply, "score")
    passed = yes_or_no(reply, "pass")
    if assertion.threshold is not None:
        passed = passed and score >= assertion.threshold  # as in promptfoo: both decide
    return AssertionResult(passed=passed, score=score, reason=reply["reason"])


async def _criterion(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    parts = [
        *quote_question(context),
        f"The criterion:\n{fenced('criterion', _read_text(assertion, context))}",
        f"This is the answer:\n{fenced('answer', answer.text)}",
        "Say in `pass` whether the answer meets the criterion.",
    ]
    reply = await ask_judge(assertion, context, parts, CRITERION_REPLY, [answer.text])
    passed = yes_or_no(reply, "pass")
    return AssertionResult(passed=passed, score=float(passed), reason=reply["reason"])


async def _facts(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    relations = "\n".join(f"{letter}: {text}" for letter, (text, _) in RELATIONS.items())
    parts = [
        *quote_question(context),
        f"The reference:\n{fenced('reference', _read_text(assertion, context))}",
        f"This is the answer:\n{fenced('answer', answer.text)}",
        f"Compare facts alone, not style. Which holds, as `category`?\n{relations}",
    ]
    reply = await ask_judge(assertion, context, parts, RELATION_REPLY, [answer.text])
    letter = reply["category"]
    if not isinstance(letter, str) or letter not in RELATIONS:
        raise ScoringError("judge.category", known=", ".join(RELATIONS))
    relation, passed = RELATIONS[letter]
    reason = reply["reason"] or relation
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


FACTUALITY: Final = Scorer(
    name="factuality",
    title="a judge finds that its facts agree with the reference",
    ask=_facts,
    check=_check,
    normalisation="none; a model judges facts, not style",
    needs=frozenset({"judge"}),
    calls=1,
)
SCORERS: Final = (
    Scorer(
        name="llm-rubric",
        title="a judge finds that it meets the rubric",
        ask=_rubric,
        check=_check,
        normalisation="none; a model judges",
        direction=Direction.HIGHER,
        graded=True,
        needs=frozenset({"judge"}),
        calls=1,
    ),
    Scorer(
        name="model-graded-closedqa",
        title="a judge finds that it meets the criterion",
        ask=_criterion,
        check=_check,
        normalisation="none; a model judges",
        needs=frozenset({"judge"}),
        calls=1,
    ),
    FACTUALITY,
    replace(FACTUALITY, name="model-graded-factuality"),  # promptfoo's older name
)
