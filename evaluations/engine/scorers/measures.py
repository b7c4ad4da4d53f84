"""latency, cost, perplexity, finish-reason, guardrails: what is measured besides the text."""

import math
from collections.abc import Sequence
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]


def _at_most(measure: float, limit: float, what: str) -> AssertionResult:
    passed = measure <= limit
    said = "within" if passed else "above"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"{what} {said} the limit {limit:g}"
    )


def _limit(assertion: Assertion) -> float:
    if assertion.threshold is None:
        raise ScoringError("scorer.threshold", type=assertion.type)
    return assertion.threshold


def _check_limit(assertion: Assertion) -> Sequence[str]:
    return ["needs a threshold"] if assertion.threshold is None else []


def _latency(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    limit = _limit(assertion)
    if answer.cached or answer.latency_ms is None:
        raise ScoringError("scorer.no-latency")
    return _at_most(answer.latency_ms, limit, f"{answer.latency_ms} ms,")


def _cost(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    limit = _limit(assertion)
    if answer.cost_usd is None:
        raise ScoringError("scorer.no-cost")
    return _at_most(float(answer.cost_usd), limit, f"{answer.cost_usd:f} US dollars,")


def _perplexity_of(assertion: Assertion, answer: Answer) -> float:
    if not answer.logprobs:
        raise ScoringError("scorer.no-logprobs", type=assertion.type)
    try:
        return math.exp(-math.fsum(answer.logprobs) / len(answer.logprobs))
    except OverflowError:
        return math.inf


def _perplexity(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    perplexity = _perplexity_of(assertion, answer)
    if assertion.threshold is None:
        return AssertionResult(passed=True, score=1.0, reason=f"the perplexity is {perplexity:.4g}")
    outcome = _at_most(perplexity, assertion.threshold, f"a perplexity of {perplexity:.4g},")
    passed = outcome.passed is not assertion.negated
    return AssertionResult(passed=passed, score=float(passed), reason=outcome.reason)


def _perplexity_score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    score = 1 / (1 + _perplexity_of(assertion, answer))
    reason = f"1 / (1 + perplexity) is {score:.4g}"
    shown = 1 - score if assertion.negated else score
    if assertion.threshold is None:
        return AssertionResult(passed=True, score=shown, reason=reason)
    passed = (score >= assertion.threshold) is not assertion.negated
    return AssertionResult(
        passed=passed, score=shown, reason=f"{reason}, {assertion.threshold:g} needed"
    )


def _finish_reason(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    if not isinstance(assertion.value, str):
        raise ScoringError("scorer.finish-reason")
    found = answer.finish_reason
    passed = bool(found) and str(found).lower() == assertion.value.lower()
    reason = f"the model stopped by “{found}”" if found else "the provider did not say why"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


def _guardrails(_assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    filtered = answer.finish_reason == "content_filter"
    passed = not (answer.flagged or filtered)
    if passed:
        reason = "nothing was flagged"
    elif filtered:
        reason = "the provider's content filter acted (finish reason content_filter)"
    else:
        reason = "the provider's guardrails flagged it"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


SCORERS: Final = (
    Scorer(
        name="latency",
        title="fast enough",
        score=_latency,
        check=_check_limit,
        normalisation="milliseconds from the request to the whole answer",
        direction="lower",
    ),
    Scorer(
        name="cost",
        title="cheap enough",
        score=_cost,
        check=_check_limit,
        normalisation="US dollars of the answer",
        direction="lower",
    ),
    Scorer(
        name="perplexity",
        title="little surprise",
        score=_perplexity,
        normalisation="exp of the mean negative log probability",
        decides_by_threshold=True,
        direction="lower",
        handles_negation=True,
    ),
    Scorer(
        name="perplexity-score",
        title="little surprise, as a score",
        score=_perplexity_score,
        normalisation="1 / (1 + perplexity)",
        decides_by_threshold=True,
        direction="higher",
        graded=True,
        handles_negation=True,
    ),
    Scorer(
        name="finish-reason",
        title="why the model stopped",
        score=_finish_reason,
        normalisation="both are lower-cased",
    ),
    Scorer(
        name="guardrails",
        title="not flagged by guardrails",
        score=_guardrails,
        asks_about_refusals=True,
    ),
)
