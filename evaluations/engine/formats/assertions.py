"""Assertions as the objects that configurations hold, and back."""

import math
from collections.abc import Mapping
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.scorers import SET, UNSUPPORTED, check_assertion, nearest
from evaluations.engine.scorers.registry import SCORERS
from evaluations.engine.types import Assertion, parse_type

__all__ = [
    "KEYS",
    "RUNS_CODE",
    "UNKNOWN_HERE",
    "assertion_as_dict",
    "parse_assertion",
    "unsupported",
]

KEYS: Final = ("type", "value", "threshold", "weight", "metric", "provider", "config", "assert")
# Known to promptfoo, read and kept, and an error of the case where they are scored.
RUNS_CODE: Final = frozenset({"javascript", "python", "ruby", "webhook"})
UNKNOWN_HERE: Final = frozenset(
    """
    is-sql contains-sql skill-used trajectory:tool-used trajectory:tool-args-match
    trajectory:tool-sequence trajectory:step-count trajectory:goal-success trace-span-count
    trace-span-duration trace-error-spans classifier moderation g-eval answer-relevance
    context-recall context-relevance context-faithfulness conversation-relevance search-rubric
    agent-rubric pi select-best max-score
    """.split()  # noqa: SIM905 (a table of words)
)


def parse_assertion(given: object) -> Assertion:
    """Return the assertion that an object means.

    Raises:
        SuiteError: one sentence: what is wrong and what is allowed.
    """
    if not isinstance(given, Mapping):
        raise SuiteError("assertion.shape")
    kind = given.get("type")
    if not isinstance(kind, str):
        raise SuiteError("assertion.no-type")
    settings = {key: given[key] for key in ("provider", "config") if key in given}
    secret = find_secret(settings) if settings else ""
    if secret:
        raise SuiteError("assertion.secret", kind=kind, secret=secret)
    name, negated = parse_type(kind)
    if name == UNSUPPORTED:
        config = dict(given.get("config") or {})
        return Assertion(type=UNSUPPORTED, config=config, weight=_number(given, "weight", 1.0))
    if name in RUNS_CODE or (name in UNKNOWN_HERE and name not in SCORERS):
        config = {"original": dict(given)}
        return Assertion(type=UNSUPPORTED, config=config, weight=_number(given, "weight", 1.0))
    if name not in SCORERS and name != SET:
        near = nearest(name)
        hint = _("; did you mean %(near)s?") % {"near": near} if near else ""
        raise SuiteError("assertion.unknown", kind=kind, hint=hint + SCORERS.hint)
    assertion = _build(given, name, negated=negated)
    problems = check_assertion(assertion)
    if problems:
        raise SuiteError(problems[0])
    return assertion


def unsupported(given: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Return the object of an assertion that is kept, and is an error where it is scored.

    Args:
        given: what it was.
        why: the error; one sentence.
    """
    return {
        "type": UNSUPPORTED,
        "weight": given.get("weight", 1.0),
        "config": {"why": why, "original": dict(given)},
    }


def _build(given: Mapping[str, Any], name: str, *, negated: bool) -> Assertion:
    members = given.get("assert") or ()
    if not isinstance(members, list | tuple):
        raise SuiteError("assertion.set-list", at=name)
    config = given.get("config") or {}
    if not isinstance(config, Mapping):
        raise SuiteError("assertion.config-object", at=name)
    threshold = given.get("threshold")
    return Assertion(
        type=name,
        negated=negated,
        value=given.get("value"),
        threshold=None if threshold is None else _number(given, "threshold", 0.0),
        weight=_number(given, "weight", 1.0),
        metric=str(given.get("metric") or ""),
        config=dict(config) | _provider(given),
        assertions=tuple(parse_assertion(member) for member in members),
    )


def _provider(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the judge or the embeddings that an assertion names, as its config keeps it."""
    named = given.get("provider")
    if isinstance(named, Mapping):
        named = named.get("id")
    if named is None:
        return {}
    if not isinstance(named, str):
        raise SuiteError("assertion.provider", type=given.get("type"))
    return {"provider": named}


def _number(given: Mapping[str, Any], key: str, default: float) -> float:
    value = given.get(key, default)
    value = default if value is None else value
    least = 0 if key == "weight" else -math.inf
    return number_in(value, key, given.get("type"), least=least, most=math.inf)


def assertion_as_dict(assertion: Assertion) -> dict[str, Any]:
    """Return an assertion as an object, without what is as usual."""
    if assertion.type == UNSUPPORTED and "why" not in assertion.config:
        return dict(assertion.config.get("original", {}))
    found: dict[str, Any] = {
        "type": f"not-{assertion.type}" if assertion.negated else assertion.type
    }
    if assertion.value is not None:
        found["value"] = assertion.value
    if assertion.threshold is not None:
        found["threshold"] = assertion.threshold
    if assertion.weight != 1:
        found["weight"] = assertion.weight
    if assertion.metric:
        found["metric"] = assertion.metric
    if assertion.config:
        found["config"] = dict(assertion.config)
    if assertion.assertions:
        found["assert"] = [assertion_as_dict(member) for member in assertion.assertions]
    return found
