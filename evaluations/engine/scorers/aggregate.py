"""All assertions of a case together: promptfoo's rule, except that an error is no failure.

The score is the mean by weight. A case passes where no assertion failed, or, with a threshold,
where its score reaches it. Weight 0 records and never decides. Where nothing decides, the answer
is unchecked: it has neither passed nor failed, and it has no score.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.language import gettext as _
from core.sentences import Sentence
from evaluations.engine.errors import EngineError, ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.code import decide
from evaluations.engine.scorers.deciding import is_checked
from evaluations.engine.scorers.effort import score_within
from evaluations.engine.scorers.registry import SCORING, SET, UNSUPPORTED, find
from evaluations.engine.scripts import SCRIPT, TRANSFORMS, transform_answer
from evaluations.engine.types import (
    Answer,
    Assertion,
    AssertionResult,
    Direction,
    ScoredAssertion,
    Semantics,
)

__all__ = ["CaseGrade", "apply", "grade"]

logger = logging.getLogger(__name__)

NOTHING = Semantics(normalisation="none", direction=Direction.HIGHER)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseGrade:
    """What all assertions say of one answer."""

    passed: bool | None
    """None where one of them could not be scored, or where none of them decides."""
    score: float | None
    """0 to 1; None as above."""
    grades: tuple[ScoredAssertion, ...] = ()
    """One for each assertion."""
    error: str = ""
    """Why it could not be scored; empty for an unchecked answer."""
    named: Mapping[str, float] = field(default_factory=dict)
    """Metric → weighted mean of the assertions that feed it."""


async def grade(
    assertions: Sequence[Assertion],
    answer: Answer,
    context: Context,
    threshold: float | None = None,
) -> CaseGrade:
    """Score an answer; no exception of the engine comes out.

    Examples:
        >>> checks = [
        ...     Assertion(type="icontains", value="refund"),
        ...     Assertion(type="icontains", negated=True, value="sorry"),
        ... ]
        >>> case = asyncio.run(grade(checks, Answer(text="Your refund is on its way."), Context()))
        >>> case.passed, case.score
        (True, 1.0)
    """
    graded = await _grade_all(assertions, answer, context, threshold)
    if graded.error or is_checked(assertions, threshold):
        return graded
    return replace(graded, passed=None, score=None)


async def _grade_all(
    assertions: Sequence[Assertion],
    answer: Answer,
    context: Context,
    threshold: float | None,
) -> CaseGrade:
    checks = [assertion for assertion in assertions if assertion.type != SCORING]
    grades = [await _grade_one(assertion, answer, context) for assertion in checks]
    named = _average_metrics(grades)
    error = next((grade.error for grade in grades if grade.error), "")
    if error:
        return CaseGrade(passed=None, score=None, grades=tuple(grades), error=error, named=named)
    passed, score = _combine(grades, threshold)
    scoring = next((one for one in assertions if one.type == SCORING), None)
    if scoring is not None and checks:
        return await _decide(scoring, grades, named, threshold)
    return CaseGrade(passed=passed, score=score, grades=tuple(grades), named=named)


async def _decide(
    scoring: Assertion,
    grades: Sequence[ScoredAssertion],
    named: Mapping[str, float],
    threshold: float | None,
) -> CaseGrade:
    """Return what the scoring function of a case makes of its assertions.

    What it throws, or returns instead of a result, fails the case with a score of 0, as in
    promptfoo; what cannot be run is an error of the case.
    """
    known = {
        "threshold": threshold,
        "componentResults": [
            {
                "pass": grade.outcome.passed,
                "score": grade.outcome.score,
                "reason": grade.outcome.reason,
                "assertion": {"type": grade.assertion.type, "metric": grade.assertion.metric},
            }
            for grade in grades
        ],
    }
    try:
        outcome = await decide(scoring.config.get(SCRIPT), named, known)
    except ScoringError as error:
        unscored = _unscored(scoring, NOTHING, str(error))
        return CaseGrade(
            passed=None, score=None, grades=(*grades, unscored), error=str(error), named=named
        )
    own = ScoredAssertion(assertion=scoring, outcome=outcome, semantics=NOTHING)
    return CaseGrade(
        passed=outcome.passed,
        score=min(1.0, max(0.0, outcome.score)),
        grades=(*grades, own),
        named={**named, **outcome.named},
    )


def _combine(grades: Sequence[ScoredAssertion], threshold: float | None) -> tuple[bool, float]:
    total = sum(grade.assertion.weight for grade in grades)
    weighted = sum(grade.outcome.score * grade.assertion.weight for grade in grades)
    # Rounding may leave a mean of ones a little above 1.
    score = min(1.0, max(0.0, weighted / total)) if total > 0 else 0.0
    if threshold is not None:
        return score >= threshold, score
    return all(grade.outcome.passed for grade in grades), score


def _average_metrics(grades: Sequence[ScoredAssertion]) -> dict[str, float]:
    sums: dict[str, tuple[float, float]] = {}
    for scored in grades:
        if scored.error:
            continue
        # A weight of 0 keeps it out of the case's score, not out of its metric.
        weight = scored.assertion.weight or 1.0
        # What code measured besides; under the assertion's own name it is the same measure.
        measures = dict(scored.outcome.named)
        if scored.assertion.metric:
            measures[scored.assertion.metric] = scored.outcome.score
        for metric, value in measures.items():
            score, total = sums.get(metric, (0.0, 0.0))
            sums[metric] = (score + value * weight, total + weight)
    return {name: score / total for name, (score, total) in sums.items()}


async def _grade_one(assertion: Assertion, answer: Answer, context: Context) -> ScoredAssertion:
    semantics = NOTHING
    try:
        if assertion.type == SET:
            outcome = await _grade_set(assertion, answer, context)
        else:
            scorer = _find_scorer(assertion)
            answer = await _transform(assertion, answer, context)
            semantics = _semantics(scorer, assertion)
            outcome = await apply(scorer, assertion, answer, context)
    except EngineError as error:
        return _unscored(assertion, semantics, str(error))
    except Exception as error:
        # A bug of one scorer is an error of one case; what it is stands in the log.
        logger.exception("A scorer failed unexpectedly: %s", assertion.type)
        why = _("%(type)s could not be scored (%(name)s)") % {
            "type": assertion.type,
            "name": type(error).__name__,
        }
        return _unscored(assertion, semantics, why)
    if assertion.weight == 0:
        outcome = replace(outcome, passed=True)
    return ScoredAssertion(assertion=assertion, outcome=outcome, semantics=semantics)


async def _transform(assertion: Assertion, answer: Answer, context: Context) -> Answer:
    """Return what an assertion sees of an answer: what its transforms made of it."""
    stored = assertion.config.get(TRANSFORMS)
    if not isinstance(stored, list | tuple):
        return answer
    known = {
        "vars": dict(context.variables),
        "prompt": {"raw": context.prompt, "label": context.prompt},
    }
    return await transform_answer(stored, answer, known, context.transformed)


def _unscored(assertion: Assertion, semantics: Semantics, why: str) -> ScoredAssertion:
    failed = AssertionResult(passed=False, score=0.0, reason=why)
    return ScoredAssertion(assertion=assertion, outcome=failed, semantics=semantics, error=why)


def _find_scorer(assertion: Assertion) -> Scorer:
    if assertion.type == UNSUPPORTED:
        why = assertion.config.get("why")
        if why:
            raise ScoringError(Sentence.verbatim(str(why)))
        original = assertion.config.get("original")
        kind = original.get("type", "this") if isinstance(original, Mapping) else "this"
        raise ScoringError("assertion.not-supported", kind=kind)
    return find(assertion.type)


async def _grade_set(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    inner = await _grade_all(assertion.assertions, answer, context, assertion.threshold)
    if inner.passed is None or inner.score is None:
        raise ScoringError(Sentence.verbatim(inner.error))
    reasons = [member.outcome.reason for member in inner.grades if not member.outcome.passed]
    reason = reasons[0] if reasons else "every assertion of the set passed"
    return AssertionResult(
        passed=inner.passed,
        score=inner.score,
        reason=reason,
        components=inner.grades,
    )


def _semantics(scorer: Scorer, assertion: Assertion) -> Semantics:
    limit = scorer.default_threshold if assertion.threshold is None else assertion.threshold
    return Semantics(
        normalisation=scorer.normalisation, direction=scorer.direction, threshold=limit
    )


async def apply(
    scorer: Scorer, assertion: Assertion, answer: Answer, context: Context
) -> AssertionResult:
    """Return what one assertion says, `not-` considered.

    Raises:
        ScoringError: the answer cannot be scored.
        ProviderError: a judge did not answer.

    Examples:
        >>> check = Assertion(type="icontains", value="refund")
        >>> answer = Answer(text="Your refund is on its way.")
        >>> outcome = asyncio.run(apply(find("icontains"), check, answer, Context()))
        >>> outcome.passed, outcome.score
        (True, 1.0)
    """
    if scorer.score is not None:
        outcome = await score_within(scorer, assertion, answer, context)
    elif scorer.ask is not None:
        outcome = await scorer.ask(assertion, answer, context)
    else:
        raise ScoringError("scorer.no-method", scorer=scorer.name)
    if not assertion.negated or scorer.handles_negation or not scorer.negatable:
        return outcome
    passed = not outcome.passed
    score = 1 - outcome.score if scorer.graded else float(passed)
    if scorer.name == "tool-call-f1":
        score = outcome.score  # as in promptfoo: the measure itself is shown
    return replace(outcome, passed=passed, score=score)
