"""is-json, contains-json, json-schema: JSON, and whether it matches a schema."""

import json
from functools import lru_cache
from typing import Final

import yaml

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.embedded_json import YAML_FAULTS, find_objects, has_aliases
from evaluations.engine.scorers.equals import parse_json
from evaluations.engine.scorers.javascript import shortened
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS", "why_invalid"]


def _read_schema(assertion: Assertion) -> dict[str, object] | bool | None:
    """Return the schema, None where none is asked for."""
    value = assertion.value
    if value is None or value == "" or value is False:
        return None
    if isinstance(value, str):
        return _parse_schema(value)
    if isinstance(value, dict):
        return value
    raise ScoringError("scorer.json-schema", type=assertion.type)


@lru_cache(maxsize=256)
def _parse_schema(text: str) -> dict[str, object] | bool:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        schema = _parse_yaml(text)
    if not isinstance(schema, dict | bool):  # true and false are schemas too, since draft 6
        raise ScoringError("scorer.schema-object")
    return schema


def _parse_yaml(text: str) -> object:
    try:
        if has_aliases(text):
            raise ScoringError("scorer.schema-aliases")
        return yaml.safe_load(text)
    except RecursionError:
        raise ScoringError("scorer.schema-depth") from None
    except YAML_FAULTS as error:
        message = " ".join(str(error).split())
        raise ScoringError("scorer.schema-syntax", reason=shortened(message, 300)) from None


def why_invalid(schema: object, document: object) -> str | None:
    """Return why a document does not match a schema, None where it does.

    Raises:
        ScoringError: the schema cannot be used, or not on this document.
    """
    # 10 MB that most suites never need.
    from evaluations.engine.scorers.schemas import first_fault

    return first_fault(schema, document)


def _check(assertion: Assertion) -> list[str]:
    from evaluations.engine.scorers.schemas import refuse_unusable

    try:
        schema = _read_schema(assertion)
        if schema is not None:
            refuse_unusable(schema)
    except ScoringError as error:
        return [str(error)]
    return []


def _is_json(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    schema = _read_schema(assertion)
    try:
        document = parse_json(answer.text)
    except ValueError as error:
        return AssertionResult(passed=False, score=0.0, reason=f"the answer is not JSON: {error}")
    if schema is None:
        return AssertionResult(passed=True, score=1.0, reason="the answer is JSON")
    why = why_invalid(schema, document)
    if why is not None:
        return AssertionResult(passed=False, score=0.0, reason=why)
    return AssertionResult(passed=True, score=1.0, reason="the answer matches the schema")


def _contains_json(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    schema = _read_schema(assertion)
    reason = "the answer contains no JSON object"
    for document in find_objects(answer.text):
        if schema is None:
            return AssertionResult(
                passed=True, score=1.0, reason="the answer contains a JSON object"
            )
        why = why_invalid(schema, document)
        if why is None:
            return AssertionResult(
                passed=True,
                score=1.0,
                reason="the answer contains a JSON object that matches the schema",
            )
        reason = why  # of the last object, where none matches
    return AssertionResult(passed=False, score=0.0, reason=reason)


SCORERS: Final = (
    Scorer(
        name="is-json",
        title="is JSON, and matches a schema",
        score=_is_json,
        check=_check,
        normalisation="the whole answer; draft 7 unless the schema names another; formats count",
    ),
    Scorer(
        name="json-schema",
        title="matches a JSON Schema",
        score=_is_json,
        check=_check,
        normalisation="the whole answer; draft 7 unless the schema names another; formats count",
    ),
    Scorer(
        name="contains-json",
        title="contains a JSON object that matches a schema",
        score=_contains_json,
        check=_check,
        normalisation="any object in the text, read as YAML reads it",
    ),
)
