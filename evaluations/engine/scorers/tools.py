"""Calls of tools: which were called, and whether their arguments match the schema."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.equals import parse_json
from evaluations.engine.scorers.json_schema import why_invalid
from evaluations.engine.scorers.rouge import f_measure
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]


def _list_calls(answer: Answer) -> list[Mapping[str, object]]:
    """Return the objects by which an answer calls tools: its data, else its text read as JSON."""
    data = answer.data
    if data is None:
        try:
            data = parse_json(answer.text)
        except ValueError:
            return []
    if isinstance(data, dict) and "tool_calls" in data:
        data = data["tool_calls"]  # the whole message of a chat completion
    entries = data if isinstance(data, list) else [data]
    return [entry for entry in entries if isinstance(entry, dict)]


def _list_names(answer: Answer) -> set[str]:
    names = set()
    for entry in _list_calls(answer):
        # Where services put the name: Gemini into `functionCall`, OpenAI into `function`,
        # Anthropic and the functions of old chat completions into the call itself.
        call = entry.get("functionCall") or entry.get("function") or entry
        name = call.get("name") if isinstance(call, dict) else None
        if isinstance(name, str):
            names.add(name)
    return names


def _read_expected(assertion: Assertion) -> set[str]:
    names = assertion.value
    if isinstance(names, str):
        names = names.split(",")
    if not isinstance(names, list):
        raise ScoringError("scorer.tools")
    expected = {str(name).strip() for name in names} - {""}
    if not expected:
        raise ScoringError("scorer.tools")
    return expected


def _tool_f1(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    expected = _read_expected(assertion)
    called = _list_names(answer)
    score = f_measure(len(expected & called), len(called), len(expected))
    result = at_least(f"tool call F1 {score:.4f}", score, find_threshold(assertion, 1.0))
    names = f"called: {_join(called)}; expected: {_join(expected)}"
    return replace(result, reason=f"{result.reason} ({names})")


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _list_declared(config: Mapping[str, object], *, tools: bool) -> dict[str, dict[str, Any]]:
    """Return the functions of a request by name; each of its tools has one."""
    entries = config.get("tools" if tools else "functions")
    declared = {}
    for entry in entries if isinstance(entries, list | tuple) else ():
        function = entry.get("function") if tools and isinstance(entry, dict) else entry
        if isinstance(function, dict):
            declared[str(function.get("name"))] = function
    return declared


def _why_wrong(call: object, functions: Mapping[str, dict[str, Any]]) -> str | None:
    """Return why a call does not fit the functions that are declared, None where it does."""
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return "the answer is not a function call"
    name = call["name"]
    declared = functions.get(name)
    if declared is None:
        return f"the function “{name}” is not declared"
    try:
        # Arguments are a string of JSON; a call without any may leave it empty.
        arguments = json.loads(call.get("arguments") or "{}")
    except (TypeError, ValueError):
        return f"the arguments of “{name}” are not JSON"
    return why_invalid(declared.get("parameters") or {}, arguments)


def _is_valid(
    _assertion: Assertion, answer: Answer, context: Context, *, tools: bool
) -> AssertionResult:
    functions = _list_declared(context.provider_config, tools=tools)
    entries = _list_calls(answer)
    if not entries:
        return AssertionResult(passed=False, score=0.0, reason="the answer calls no function")
    for entry in entries:
        why = _why_wrong(entry.get("function") if tools else entry, functions)
        if why:
            return AssertionResult(passed=False, score=0.0, reason=why)
    return AssertionResult(
        passed=True, score=1.0, reason="every call matches the schema of its function"
    )


SCORERS: Final = (
    Scorer(
        name="tool-call-f1",
        title="the expected tools were called",
        score=_tool_f1,
        normalisation="sets of names; order and number do not count; not- keeps the score",
        direction=Direction.HIGHER,
        default_threshold=1.0,
        graded=False,
    ),
    *(
        Scorer(
            name=name,
            title="calls match their schema",
            score=partial(_is_valid, tools=tools),
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
