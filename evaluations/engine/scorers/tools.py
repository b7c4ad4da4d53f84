"""Calls of tools: which were called, and whether their arguments keep to the schema."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.equals import parse_json
from evaluations.engine.scorers.json_schema import why_invalid
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]


def _data(answer: Answer) -> Any:
    if answer.data is not None:
        return answer.data
    try:
        return parse_json(answer.text)
    except ValueError:
        return None


def _calls(answer: Answer) -> list[Mapping[str, Any]]:
    data = _data(answer)
    if isinstance(data, dict) and "tool_calls" in data:
        data = data["tool_calls"]
    entries = data if isinstance(data, list) else [data]
    return [entry for entry in entries if isinstance(entry, dict)]


def _names(answer: Answer) -> Iterator[str]:
    for entry in _calls(answer):
        inner = entry.get("functionCall") or entry.get("function") or entry
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str):
            yield name


def _expected(assertion: Assertion) -> set[str]:
    value = assertion.value
    names = value.split(",") if isinstance(value, str) else value
    if isinstance(names, list):
        found = {str(name).strip() for name in names} - {""}
        if found:
            return found
    raise ScoringError("scorer.tools")


def _tool_f1(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    expected, called = _expected(assertion), set(_names(answer))
    common = len(expected & called)
    score = 2 * common / (len(expected) + len(called))
    limit = 1.0 if assertion.threshold is None else assertion.threshold
    reason = f"called {sorted(called)}, expected {sorted(expected)}: F1 {score:.3f}"
    return AssertionResult(passed=score >= limit, score=score, reason=reason)


def _functions(config: Mapping[str, Any], *, tools: bool) -> dict[str, Any]:
    entries = config.get("tools" if tools else "functions") or ()
    wanted = [(entry.get("function") or {}) if tools else entry for entry in entries]
    return {str(entry.get("name")): entry for entry in wanted}


def _why_wrong(call: Any, functions: Mapping[str, Any]) -> str | None:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return "the answer is no call of a function"
    declared = functions.get(call["name"])
    if declared is None:
        return f"there is no function “{call['name']}”"
    try:
        arguments = json.loads(call.get("arguments") or "{}")
    except (TypeError, ValueError):
        return f"the arguments of {call['name']} are not JSON"
    return why_invalid(declared.get("parameters") or {}, arguments)


def _valid(
    _assertion: Assertion, answer: Answer, context: Context, *, tools: bool
) -> AssertionResult:
    functions = _functions(context.provider_config, tools=tools)
    calls: list[Any] = [entry.get("function") if tools else entry for entry in _calls(answer)]
    if not calls:
        return AssertionResult(passed=False, score=0.0, reason="the answer calls no function")
    why = next(filter(None, (_why_wrong(call, functions) for call in calls)), None)
    reason = why or "every call keeps to its function's schema"
    return AssertionResult(passed=why is None, score=float(why is None), reason=reason)


SCORERS: Final = (
    Scorer(
        name="tool-call-f1",
        title="the expected tools were called",
        score=_tool_f1,
        normalisation="sets of names; order and number do not count; not- keeps the score",
        direction="higher",
        default_threshold=1.0,
        graded=False,
    ),
    *(
        Scorer(
            name=name,
            title="calls keep to their schema",
            score=partial(_valid, tools=tools),
            normalisation="names and arguments as the model's settings declare them",
            negatable=False,
        )
        for name, tools in (
            ("is-valid-function-call", False),
            ("is-valid-openai-function-call", False),
            ("is-valid-openai-tools-call", True),
        )
    ),
)
