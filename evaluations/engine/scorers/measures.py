"""latency, cost, perplexity, finish-reason, guardrails: what is measured besides the text."""

import math
from collections.abc import Sequence
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.thresholds import at_least, at_most
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]


def _read_limit(assertion: Assertion) -> float:
    if assertion.threshold is None:
        raise ScoringError("scorer.threshold", type=assertion.type)
    return assertion.threshold


def _check_limit(assertion: Assertion) -> Sequence[str]:
    return ["needs a threshold"] if assertion.threshold is None else []


def _latency(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    limit = _read_limit(assertion)
    if answer.cached or answer.latency_ms is None:
        raise ScoringError("scorer.no-latency")
    return at_most(f"latency {answer.latency_ms} ms", answer.latency_ms, limit)


def _cost(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    limit = _read_limit(assertion)
    if answer.cost_usd is None:
        raise ScoringError("scorer.no-cost")
    return at_most(f"cost {answer.cost_usd:f} US dollars", float(answer.cost_usd), limit)


def _compute_perplexity(assertion: Assertion, answer: Answer) -> float:
    if not answer.logprobs:
        raise ScoringError("scorer.no-logprobs", type=assertion.type)
    # exp of the mean surprise in nats; services report natural logarithms.
    try:
        return math.exp(-math.fsum(answer.logprobs) / len(answer.logprobs))
    except OverflowError:  # a mean of less than −709
        return math.inf


def _perplexity(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    perplexity = _compute_perplexity(assertion, answer)
    figure = f"perplexity {perplexity:.4g}"
    if assertion.threshold is None:
        return AssertionResult(passed=True, score=1.0, reason=figure)
    result = at_most(figure, perplexity, assertion.threshold)
    passed = result.passed is not assertion.negated
    return AssertionResult(passed=passed, score=float(passed), reason=result.reason)


def _perplexity_score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    score = 1 / (1 + _compute_perplexity(assertion, answer))
    figure = f"perplexity score {score:.4g}"
    final_score = 1 - score if assertion.negated else score
    if assertion.threshold is None:
        return AssertionResult(passed=True, score=final_score, reason=figure)
    result = at_least(figure, score, assertion.threshold)
    passed = result.passed is not assertion.negated
    return AssertionResult(passed=passed, score=final_score, reason=result.reason)


def _finish_reason(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    if not isinstance(assertion.value, str):
        raise ScoringError("scorer.finish-reason")
    if not answer.finish_reason:
        reason = "the provider reported no finish reason"
        return AssertionResult(passed=False, score=0.0, reason=reason)
    passed = answer.finish_reason.lower() == assertion.value.lower()
    reason = f"the finish reason is “{answer.finish_reason}”"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


def _guardrails(_assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    filtered = answer.finish_reason == "content_filter"
    passed = not (answer.flagged or filtered)
    if passed:
        reason = "the provider flagged nothing"
    elif filtered:
        reason = "the provider's content filter intervened (finish reason content_filter)"
    else:
        reason = "the provider's guardrails flagged the answer"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


SCORERS: Final = (
    Scorer(
        name="latency",
        title="fast enough",
        score=_latency,
        check=_check_limit,
        normalisation="milliseconds from the request to the whole answer",
        direction=Direction.LOWER,
    ),
    Scorer(
        name="cost",
        title="cheap enough",
        score=_cost,
        check=_check_limit,
        normalisation="US dollars of the answer",
        direction=Direction.LOWER,
    ),
    Scorer(
        name="perplexity",
        title="little surprise",
        score=_perplexity,
        normalisation="exp of the mean negative log probability",
        decides_by_threshold=True,
        direction=Direction.LOWER,
        handles_negation=True,
    ),
    Scorer(
        name="perplexity-score",
        title="little surprise, as a score",
        score=_perplexity_score,
        normalisation="1 / (1 + perplexity)",
        decides_by_threshold=True,
        direction=Direction.HIGHER,
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
