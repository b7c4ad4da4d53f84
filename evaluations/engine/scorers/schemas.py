"""JSON Schemas: whether one can be used, and whether a document matches it.

Nothing is fetched, and regular expressions are ECMAScript's, as JSON Schema asks for (2020-12 core,
6.4), run by the engine of `regex` and within its limits. Loaded only where a schema is used.
"""

import json
import sys
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, Final

from attrs import fields
from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7, specification_with

from core.language import gettext as _
from core.sentences import Sentence
from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.effort import check_effort
from evaluations.engine.scorers.javascript import shortened
from evaluations.engine.scorers.regex import SECONDS, InvalidPatternError, search

__all__ = ["first_fault", "refuse_unusable"]

REFERENCES: Final = ("$ref", "$dynamicRef")
DYNAMIC: Final = ("$dynamicRef", "$recursiveRef")  # mean what the way to them says
# What the validator and the values in a schema or a document raise where they do not fit.
MISFITS: Final = (
    *(TypeError, AttributeError, ArithmeticError, ValueError, LookupError, RecursionError),
    Unresolvable,
)


class _Validation:
    """What is known while one document is validated against one schema."""

    def __init__(self, schema: str) -> None:
        self.until = time.monotonic() + SECONDS
        # A dynamic reference means what the way to it says, so another way may have another result.
        self.may_remember = not any(name in schema for name in DYNAMIC)
        self.valid: set[tuple[int, int]] = set()
        """Schema and value, by identity, of references that matched: each is looked at once."""
        self.members: dict[int, frozenset[Hashable]] = {}
        """List of an enum, by identity → its members, comparable."""


_validation: ContextVar[_Validation] = ContextVar("_validation")


def first_fault(schema: object, document: object) -> str | None:
    """Return where a document does not match a schema, None where it does.

    Raises:
        ScoringError: the schema cannot be used, or not on this document.
    """
    with _translated(_("the JSON Schema cannot be used")):
        text = _as_text(schema)
        _validation.set(_Validation(text))
        validator = _validator(text)
    with _translated(_("the answer cannot be validated against the JSON Schema")):
        error = next(validator.iter_errors(document), None)
        if error is None:
            return None
        path = "".join(f"[{part!r}]" for part in error.absolute_path)
        return shortened(f"{path or 'the document'}: {error.message}", 300)


def refuse_unusable(schema: object) -> None:
    """Refuse a schema that no document could be validated against.

    Raises:
        ScoringError: one sentence: what is wrong with it.
    """
    with _translated(_("the JSON Schema cannot be used")):
        text = _as_text(schema)
        _validation.set(_Validation(text))
        _validator(text)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except SchemaError as error:
        raise ScoringError("schema.invalid", message=shortened(error.message, 300)) from None
    except InvalidPatternError as error:
        raise ScoringError(error.sentence, at=what) from None
    except RecursionError:
        raise ScoringError("schema.depth", what=what) from None
    except MISFITS as error:
        raise ScoringError(Sentence.verbatim(shortened(str(error), 300), at=what)) from error


def _as_text(schema: object) -> str:
    return json.dumps(schema, default=str)


@lru_cache(maxsize=256)
def _validator(text: str) -> Any:
    schema = json.loads(text)
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        raise ScoringError("schema.dialect")
    # Draft 7 is what Ajv takes, and so promptfoo, where a schema names none.
    kind = validator_for(schema, default=Draft7Validator)
    # Its regular expressions are checked below: the validator's own check is Python's.
    _check_schema(kind, schema)
    _check_subschemas(schema, kind)
    return _build_validator(kind)(schema, format_checker=_formats(), registry=Registry())


def _check_schema(kind: Any, schema: Any) -> None:
    """Refuse what is no schema, as `kind.check_schema` does, with our own keywords."""
    own = _build_validator(kind)(kind.META_SCHEMA)
    for error in own.iter_errors(schema):
        raise SchemaError.create_from(error)


def _check_subschemas(schema: Any, kind: Any) -> None:
    """Refuse what only some documents would come upon, in every schema within a schema."""
    specification = specification_with(kind.META_SCHEMA["$schema"], default=DRAFT7)
    resource = specification.create_resource(schema)
    waiting = [(resource, REGISTRY.resolver_with_root(resource))]
    while waiting:
        resource, resolver = waiting.pop()
        if isinstance(resource.contents, dict):
            _check_keywords(resource.contents, resolver)
        below = [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]
        waiting += below


def _check_keywords(schema: Mapping[str, Any], resolver: Any) -> None:
    for name in REFERENCES:
        if isinstance(schema.get(name), str):
            _look_up(schema[name], resolver)
    patterns = schema.get("patternProperties", {})
    if patterns and "unevaluatedProperties" in schema:
        raise ScoringError("schema.unevaluated")
    for pattern in patterns:
        _matches(pattern, "")
    if "pattern" in schema:
        _matches(schema["pattern"], "")


def _look_up(reference: str, resolver: Any) -> None:
    try:
        resolver.lookup(reference)
    except Unresolvable:
        raise ScoringError("schema.no-target", reference=shortened(reference)) from None


def _matches(pattern: str, text: str) -> bool:
    """Whether an expression is found in a text; read with the flag u, as Ajv does, else without.

    Raises:
        InvalidPatternError: it is none of ECMAScript's.
        ScoringError: it, or all of one document's, took too long.
    """
    if time.monotonic() > _validation.get().until:
        raise ScoringError("schema.regex-effort", seconds=SECONDS)
    try:
        return search(pattern, text, flags="u")
    except InvalidPatternError:
        pass
    try:
        return search(pattern, text)
    except InvalidPatternError as error:
        raise InvalidPatternError("schema.regex", pattern=shortened(pattern), error=error) from None


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(
            _("%(instance)s does not match %(pattern)s")
            % {"instance": f"{instance!r}", "pattern": f"{pattern!r}"}
        )


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, schema in patterns.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


@cache
def _build_validator(kind: Any) -> Any:
    """Return the class of a validator that leaves regular expressions to us."""
    usual = kind.VALIDATORS["additionalProperties"]

    def additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if patterns and isinstance(instance, dict):
            # What a pattern matches is none of this keyword's: the usual one looks at the rest.
            instance = {
                name: value
                for name, value in instance.items()
                if not any(_matches(pattern, name) for pattern in patterns)
            }
            schema = {key: value for key, value in schema.items() if key != "patternProperties"}
        yield from usual(validator, allowed, instance, schema)

    own = {
        "uniqueItems": _unique_items,
        "enum": _enum,
        "$ref": _once(kind.VALIDATORS["$ref"]),
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": additional,
    }
    every = {**kind.VALIDATORS, **own}
    validator = extend(kind, {name: _limit_effort(keyword) for name, keyword in every.items()})
    validator.evolve = _evolve
    return validator


def _evolve(self: Any, **changes: Any) -> Any:
    """Return the validator of a part; `$schema` within a schema does not bring other keywords."""
    check_effort()
    _check_depth()
    for part in fields(type(self)):
        if part.init and part.alias not in changes:
            changes[part.alias] = getattr(self, part.name)
    return type(self)(**changes)


def _check_depth() -> None:
    """Give up well before the interpreter does.

    What keeps the resolver's maps is written in Rust: where the stack ends within it, the process
    gets a panic, which no `except Exception` catches and which prints its own trace.

    Raises:
        RecursionError: three quarters of the stack are used.
    """
    try:
        # Only walks back: about a microsecond.
        sys._getframe(sys.getrecursionlimit() * 3 // 4)  # noqa: SLF001 (documented, if named so)
    except ValueError:
        return
    raise RecursionError


def _limit_effort(keyword: Any) -> Any:
    """Return a keyword that gives up where its schema takes too long here."""

    def limited(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        check_effort()
        return keyword(validator, value, instance, schema)

    return limited


def _once(reference: Any) -> Any:
    """Return a reference that looks once at a value, however many ways lead to it.

    A definition that refers twice to the next one, and that to the next, has as many ways as two to
    the power of their number.
    """

    def once(validator: Any, name: Any, instance: Any, schema: Any) -> Iterator[Any]:
        validation = _validation.get()
        key = (id(schema), id(instance))
        if key in validation.valid:
            return
        is_valid = True
        for error in reference(validator, name, instance, schema) or ():
            is_valid = False
            yield error
        if is_valid and validation.may_remember:
            validation.valid.add(key)

    return once


def _comparable(value: Any) -> Hashable:
    """Return what is equal, and has the same hash, where JSON values are the same."""
    if isinstance(value, bool):
        return "boolean", value  # Python's True equals 1, JSON's does not
    if isinstance(value, dict):
        members = [(name, _comparable(member)) for name, member in value.items()]
        return "object", frozenset(members)
    if isinstance(value, list):
        return "list", tuple(map(_comparable, value))
    hashable: Hashable = value
    return hashable


def _unique_items(_validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if not unique or not isinstance(instance, list):
        return
    # The usual one compares each with each: too slow for a long list.
    if len(set(map(_comparable, instance))) < len(instance):
        yield ValidationError(
            _("%(instance)s has non-unique elements") % {"instance": f"{instance!r}"}
        )


def _enum(_validator: Any, allowed: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    members = _validation.get().members
    if id(allowed) not in members:
        members[id(allowed)] = frozenset(map(_comparable, allowed))
    if _comparable(instance) not in members[id(allowed)]:
        yield ValidationError(
            _("%(instance)s is not one of %(allowed)s")
            % {"instance": f"{instance!r}", "allowed": f"{allowed!r}"}
        )


@cache
def _formats() -> FormatChecker:
    checker = FormatChecker()
    checker.checks("regex", raises=InvalidPatternError)(_is_expression)
    return checker


def _is_expression(instance: object) -> bool:
    if isinstance(instance, str):
        _matches(instance, "")
    return True
