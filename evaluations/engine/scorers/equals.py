"""equals: the answer is the value; a JSON value is compared as JSON."""

import json
from typing import Final, NoReturn

from core.json import JSONValue
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import as_text, shortened
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS", "parse_json", "same_json"]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json(text: str) -> JSONValue:
    """Return the JSON value that the whole text is.

    Raises:
        ValueError: it is none, or it is nested too deeply.
    """
    try:
        # JSON's own white space (RFC 8259, 2), and no NaN or Infinity, which Python would read.
        value: JSONValue = json.loads(text.strip(" \t\n\r"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def same_json(left: object, right: object) -> bool:
    """Whether two JSON values are the same; true is not 1, and 1.0 is 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right  # Python's True equals 1, JSON's does not
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        return all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right  # JSON has one kind of number
    return type(left) is type(right) and left == right


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    value = assertion.value
    if isinstance(value, dict | list) or value is None:
        try:
            passed = same_json(value, parse_json(answer.text))
        except ValueError:
            passed = False
    else:
        passed = as_text(value) == answer.text
    verb = "is" if passed else "is not"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {verb} “{shortened(value)}”"
    )


SCORERS: Final = (
    Scorer(
        name="equals",
        title="equal to the value",
        score=_score,
        normalisation="none; a list or an object is compared with the answer read as JSON",
    ),
)
