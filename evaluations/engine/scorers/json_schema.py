"""is-json, contains-json, json-schema: JSON, and whether it keeps to a schema."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import yaml

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.contract import Context, Scorer
from evaluations.engine.scorers.conversions import shortened
from evaluations.engine.scorers.equals import parse_json
from evaluations.engine.types import Answer, Assertion, Outcome

__all__ = ["SCORERS", "why_invalid"]

LONGEST_OBJECT: Final = 100_000  # characters of one object that is looked for in a text
SLASH_COMMENT: Final = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')


def _schema(assertion: Assertion) -> Any:
    """Return the schema, None where none is asked for."""
    value = assertion.value
    if value is None or value == "" or value is False:
        return None
    if isinstance(value, str):
        return _read_schema(value)
    if isinstance(value, dict):
        return value
    raise ScoringError(f"{assertion.type} takes a JSON Schema: an object, or its text")


@lru_cache(maxsize=256)
def _read_schema(text: str) -> Any:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScoringError(f"the schema is neither JSON nor YAML: {error}") from None
    if not isinstance(found, dict | bool):
        raise ScoringError("the schema is not an object")
    return found


def why_invalid(schema: Any, document: Any) -> str | None:
    """Return why a document does not keep to a schema, None where it does.

    Raises:
        ScoringError: the schema itself is wrong.
    """
    # 10 MB that most suites never need.
    from jsonschema import Draft7Validator, FormatChecker  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415

    kind = validator_for(schema, default=Draft7Validator)
    try:
        kind.check_schema(schema)
        error = next(kind(schema, format_checker=FormatChecker()).iter_errors(document), None)
    except SchemaError as problem:
        raise ScoringError(f"the JSON Schema is wrong: {problem.message}") from None
    except (RecursionError, re.error) as problem:
        raise ScoringError(f"the JSON Schema cannot be used: {problem}") from None
    if error is None:
        return None
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    return shortened(f"{where or 'the document'}: {error.message}", 300)


def _check(assertion: Assertion) -> list[str]:
    try:
        schema = _schema(assertion)
        if schema is not None:
            why_invalid(schema, None)
    except ScoringError as error:
        return [str(error)]
    return []


def _is_json(assertion: Assertion, answer: Answer, _context: Context) -> Outcome:
    schema = _schema(assertion)
    try:
        document = parse_json(answer.text)
    except ValueError as error:
        return Outcome(passed=False, score=0.0, reason=f"the answer is not JSON: {error}")
    why = None if schema is None else why_invalid(schema, document)
    reason = why or ("the answer keeps to the schema" if schema else "the answer is JSON")
    return Outcome(passed=why is None, score=float(why is None), reason=reason)


def _contains_json(assertion: Assertion, answer: Answer, _context: Context) -> Outcome:
    schema = _schema(assertion)
    reason = "the answer contains no JSON object"
    for document in find_objects(answer.text):
        why = None if schema is None else why_invalid(schema, document)
        if why is None:
            return Outcome(passed=True, score=1.0, reason="the answer contains such a JSON object")
        reason = why
    return Outcome(passed=False, score=0.0, reason=reason)


def find_objects(text: str) -> Iterator[Any]:
    """Yield the objects in a text, read as tolerantly as people write them."""
    place = 0
    while (place := text.find("{", place)) != -1:
        end, found = _object_at(text, place)
        if found is not None:
            yield found
            place = end
        else:
            place += 1


def _object_at(text: str, start: int) -> tuple[int, Any]:
    depth = 0
    last = min(start + LONGEST_OBJECT, len(text))
    for place in range(start, last):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0 or place == last - 1:
            # Braces that are missing at the end are added: an answer may have been cut.
            return place + 1, _read_tolerantly(text[start : place + 1] + "}" * depth)
    return start + 1, None


def _read_tolerantly(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        pass
    uncommented = SLASH_COMMENT.sub(lambda found: found[1] or "", text)
    try:
        found = yaml.load(uncommented, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # nosec B506 (a safe loader, the fast one where it is there)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


SCORERS: Final = (
    Scorer(
        name="is-json",
        title="is JSON, and keeps to a schema",
        score=_is_json,
        check=_check,
        normalisation="the whole answer; draft 7 unless the schema names another; formats count",
    ),
    Scorer(
        name="json-schema",
        title="keeps to a JSON Schema",
        score=_is_json,
        check=_check,
        normalisation="the whole answer; draft 7 unless the schema names another; formats count",
    ),
    Scorer(
        name="contains-json",
        title="contains a JSON object, and it keeps to a schema",
        score=_contains_json,
        check=_check,
        normalisation="any object in the text, read as YAML reads it",
    ),
)
