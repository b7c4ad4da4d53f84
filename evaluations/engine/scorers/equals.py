"""equals: the answer is the value; a JSON value is compared as JSON."""

import json
from typing import Any, Final

from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import as_text, shortened
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS", "parse_json", "same_json"]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_json(text: str) -> Any:
    """Return the JSON value that the whole text is.

    Raises:
        ValueError: it is none, or it is nested too deeply.
    """
    try:
        return json.loads(text.strip(" \t\n\r"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and bool(one == other)


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    value = assertion.value
    if isinstance(value, dict | list) or value is None:
        try:
            passed = same_json(value, parse_json(answer.text))
        except ValueError:
            passed = False
    else:
        passed = as_text(value) == answer.text
    said = "is" if passed else "is not"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {said} “{shortened(value)}”"
    )


SCORERS: Final = (
    Scorer(
        name="equals",
        title="equal to the value",
        score=_score,
        normalisation="none; a list or an object is compared with the answer read as JSON",
    ),
)
