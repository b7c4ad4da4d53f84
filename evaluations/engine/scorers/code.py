"""javascript: a function of the suite judges the answer, in the sandbox of `core.javascript`.

It returns whether the answer passes, a score, or both with a reason and scores of its own; what
that means is promptfoo's. What throws fails with its message; what the sandbox cannot run, or what
takes too long, is an error of the case.
"""

from collections.abc import Mapping
from typing import Final, TypeGuard

from core.javascript import JavaScriptError, Returned, ThrownError
from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import one_text
from evaluations.engine.scripts import PRIVATE, SCRIPT, Script, call_assertion, call_scoring, place
from evaluations.engine.types import (
    Answer,
    Assertion,
    AssertionResult,
    Direction,
    ScoredAssertion,
    Semantics,
)

__all__ = ["SCORERS", "decide", "describe_context"]

FILE: Final = "file://"
PLAIN: Final = Semantics(normalisation="none", direction=Direction.HIGHER)


async def _ask(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    script = _find_script(assertion)
    output = answer.text if answer.data is None else answer.data
    known = describe_context(assertion, answer, context)
    try:
        returned = await call_assertion(script, output, known)
    except ThrownError as error:
        message = f"{error}{place(error)}"
        if script.file:
            # As in promptfoo: what throws in a file is an error of the case, inline it fails.
            raise ScoringError("script.threw", script=script.label, error=message) from error
        return AssertionResult(passed=False, score=0.0, reason=f"the function threw {message}")
    except JavaScriptError as error:
        raise ScoringError("script.failed", script=script.label, error=error) from error
    return _judge(assertion, returned)


def _find_script(assertion: Assertion) -> Script:
    stored = assertion.config.get(SCRIPT)
    if stored is not None:
        return Script.read(stored)
    text = one_text(assertion)
    if text.startswith(FILE):
        raise ScoringError("script.no-file", file=text.removeprefix(FILE))
    return Script(text=text)


def describe_context(assertion: Assertion, answer: Answer, context: Context) -> dict[str, object]:
    """Return what the code of a suite gets besides the answer, under promptfoo's names."""
    config = {
        name: value for name, value in assertion.config.items() if not name.startswith(PRIVATE)
    }
    known: dict[str, object] = {
        "prompt": context.prompt,
        "vars": dict(context.variables),
        "test": dict(context.test) | {"vars": dict(context.variables)},
        "provider": {"id": context.provider, "label": context.provider},
        "providerResponse": _describe_answer(answer),
    }
    if answer.logprobs is not None:
        known["logProbs"] = list(answer.logprobs)
    if config:
        known["config"] = config
    return known


def _describe_answer(answer: Answer) -> dict[str, object]:
    tokens = {"prompt": answer.input_tokens, "completion": answer.output_tokens}
    counted = {name: count for name, count in tokens.items() if count is not None}
    response = {
        "output": answer.text if answer.data is None else answer.data,
        "tokenUsage": counted | {"total": sum(counted.values())} if counted else None,
        "cost": None if answer.cost_usd is None else float(answer.cost_usd),
        "latencyMs": answer.latency_ms,
        "cached": answer.cached,
        "finishReason": answer.finish_reason,
        "isRefusal": answer.refused or None,
    }
    return {name: value for name, value in response.items() if value is not None}


async def decide(
    stored: object, named: Mapping[str, float], known: Mapping[str, object]
) -> AssertionResult:
    """Return what the scoring function of a case decides.

    Args:
        stored: the function, as it is kept.
        named: the named scores of the case.
        known: its threshold, and what its assertions found.

    Raises:
        ScoringError: it cannot be run.
    """
    script = Script.read(stored)
    try:
        value = (await call_scoring(script, named, known)).value
    except ThrownError as error:
        reason = f"the scoring function threw {error}{place(error)}"
        return AssertionResult(passed=False, score=0.0, reason=reason)
    except JavaScriptError as error:
        raise ScoringError("script.failed", script=script.label, error=error) from error
    if not _is_result(value):
        reason = "the scoring function returned no {pass, score, reason}"
        return AssertionResult(passed=False, score=0.0, reason=reason)
    return _judge_result(Assertion(type="javascript"), value)


def _judge(assertion: Assertion, returned: Returned) -> AssertionResult:
    value = returned.value
    if isinstance(value, bool):
        passed = value is not assertion.negated
        return AssertionResult(passed=passed, score=float(passed), reason=_reason(returned))
    if returned.type == "number":
        return _judge_number(assertion, value)
    if _is_result(value):
        return _judge_result(assertion, value)
    return AssertionResult(
        passed=False,
        score=0.0,
        reason=f"the function returned {returned.type}, and neither a boolean, a number nor "
        "{pass, score, reason}",
    )


def _reason(returned: Returned) -> str:
    return f"the function returned {'true' if returned.value else 'false'}"


def _judge_number(assertion: Assertion, value: object) -> AssertionResult:
    # NaN and the infinities are no numbers of JSON; they come as texts.
    score = float(value) if isinstance(value, int | float | str) else 0.0
    limit = assertion.threshold
    is_enough = score > 0 if limit is None else score >= limit
    needed = "more than 0" if limit is None else f"at least {limit:g}"
    reason = f"the function returned {score:g}, where {needed} is needed"
    is_number = abs(score) < float("inf")
    return AssertionResult(
        passed=is_enough is not assertion.negated,
        score=score if is_number else 0.0,
        reason=reason,
    )


def _is_result(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a value is what promptfoo calls a GradingResult."""
    if not isinstance(value, Mapping):
        return False
    score = value.get("score")
    return (
        isinstance(value.get("pass"), bool)
        and isinstance(score, int | float)
        and not isinstance(score, bool)
        and isinstance(value.get("reason"), str)
        and isinstance(value.get("namedScores", {}), Mapping | list | type(None))
        and isinstance(value.get("componentResults", []), list)
        and isinstance(value.get("comment", ""), str)
    )


def _judge_result(assertion: Assertion, value: Mapping[str, object]) -> AssertionResult:
    components = value.get("componentResults")
    parts = components if isinstance(components, list) else []
    return AssertionResult(
        passed=bool(value["pass"]) is not assertion.negated,
        score=float(str(value["score"])),
        reason=str(value["reason"]),
        components=tuple(_component(part) for part in parts if _is_result(part)),
        named=_named_scores(value.get("namedScores")),
    )


def _named_scores(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    named = {}
    for name, score in value.items():
        if isinstance(score, int | float) and not isinstance(score, bool):
            named[str(name)] = float(score)
    return named


def _component(value: Mapping[str, object]) -> ScoredAssertion:
    """Return a part of a result, which may say which assertion it stands for."""
    source = value.get("assertion")
    kind = source.get("type") if isinstance(source, Mapping) else None
    assertion = Assertion(type=kind if isinstance(kind, str) else "javascript")
    plain = Assertion(type=assertion.type)
    return ScoredAssertion(
        assertion=assertion, outcome=_judge_result(plain, value), semantics=PLAIN
    )


SCORERS: Final = (
    Scorer(
        name="javascript",
        title="a JavaScript function accepts the answer",
        ask=_ask,
        direction=Direction.HIGHER,
        handles_negation=True,
    ),
)
