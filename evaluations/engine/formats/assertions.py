"""Assertions as the objects that configurations hold, and back."""

import math
from collections.abc import Mapping
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.scorers import SCORING, SET, UNSUPPORTED, check_assertion, nearest
from evaluations.engine.scorers.registry import SCORERS
from evaluations.engine.types import Assertion, parse_type

__all__ = [
    "KEYS",
    "RUNS_CODE",
    "UNKNOWN_HERE",
    "assertion_as_dict",
    "is_known",
    "parse_assertion",
    "unsupported",
]

KEYS: Final = ("type", "value", "threshold", "weight", "metric", "provider", "config", "assert")
# Known to promptfoo, read and kept, and an error of the case where they are scored.
RUNS_CODE: Final = frozenset({"python", "ruby", "webhook"})
UNKNOWN_HERE: Final = frozenset(
    """
    skill-used trajectory:tool-used trajectory:tool-args-match trajectory:tool-sequence
    trajectory:step-count trajectory:goal-success trace-span-count trace-span-duration
    trace-error-spans classifier moderation conversation-relevance search-rubric
    agent-rubric pi select-best max-score
    """.split()  # noqa: SIM905 (a table of words)
)


def parse_assertion(entry: object) -> Assertion:
    """Return the assertion that an object means.

    Raises:
        SuiteError: one sentence: what is wrong and what is allowed.
    """
    if not isinstance(entry, Mapping):
        raise SuiteError("assertion.shape")
    kind = entry.get("type")
    if not isinstance(kind, str):
        raise SuiteError("assertion.no-type")
    settings = {key: entry[key] for key in ("provider", "config") if key in entry}
    secret = find_secret(settings) if settings else ""
    if secret:
        raise SuiteError("assertion.secret", kind=kind, secret=secret)
    name, negated = parse_type(kind)
    if name == UNSUPPORTED:
        # Stored before: its config says what it was.
        config = dict(entry.get("config") or {})
        return Assertion(type=UNSUPPORTED, config=config, weight=_number(entry, "weight", 1.0))
    # A plugin may bring a scorer for a type that is unknown here; code is never run.
    if name in RUNS_CODE or (name in UNKNOWN_HERE and name not in SCORERS):
        config = {"original": dict(entry)}
        return Assertion(type=UNSUPPORTED, config=config, weight=_number(entry, "weight", 1.0))
    if not is_known(kind):
        near = nearest(name)
        hint = _("; did you mean “%(near)s”?") % {"near": near} if near else ""
        raise SuiteError("assertion.unknown", kind=kind, hint=hint + SCORERS.hint)
    assertion = _build(entry, name, negated=negated)
    problems = check_assertion(assertion)
    if problems:
        raise SuiteError(problems[0])
    return assertion


def is_known(kind: str) -> bool:
    """Whether a type means something, be it that what it means is not done here."""
    name, _negated = parse_type(kind)
    return (
        name in SCORERS or name in (SCORING, SET, UNSUPPORTED) or name in RUNS_CODE | UNKNOWN_HERE
    )


def unsupported(entry: Mapping[str, object], why: str) -> dict[str, object]:
    """Return the object of an assertion that is kept, and is an error where it is scored.

    Args:
        entry: what it was.
        why: the error; one sentence.
    """
    return {
        "type": UNSUPPORTED,
        "weight": entry.get("weight", 1.0),
        "config": {"why": why, "original": dict(entry)},
    }


def _build(entry: Mapping[str, Any], name: str, *, negated: bool) -> Assertion:
    members = entry.get("assert") or ()
    if not isinstance(members, list | tuple):
        raise SuiteError("assertion.set-list", at=name)
    config = entry.get("config") or {}
    if not isinstance(config, Mapping):
        raise SuiteError("assertion.config-object", at=name)
    threshold = None
    if entry.get("threshold") is not None:
        threshold = _number(entry, "threshold", 0.0)
    return Assertion(
        type=name,
        negated=negated,
        value=entry.get("value"),
        threshold=threshold,
        weight=_number(entry, "weight", 1.0),
        metric=str(entry.get("metric") or ""),
        config=dict(config) | _provider(entry),
        assertions=tuple(parse_assertion(member) for member in members),
    )


def _provider(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the judge or the embedding model that an assertion names, as its config stores it."""
    provider = entry.get("provider")
    if isinstance(provider, Mapping):
        provider = provider.get("id")
    if provider is None:
        return {}
    if not isinstance(provider, str):
        raise SuiteError("assertion.provider", type=entry.get("type"))
    return {"provider": provider}


def _number(entry: Mapping[str, Any], key: str, default: float) -> float:
    value = entry.get(key)
    if value is None:
        value = default
    # A threshold may be of any measure, a log probability among them.
    least = 0 if key == "weight" else -math.inf
    return number_in(value, key, entry.get("type"), least=least, most=math.inf)


def assertion_as_dict(assertion: Assertion) -> dict[str, Any]:
    """Return an assertion as an object, without what is empty or the default."""
    original = assertion.config.get("original")
    if assertion.type == UNSUPPORTED and "why" not in assertion.config:
        return dict(original) if isinstance(original, Mapping) else {}
    kind = f"not-{assertion.type}" if assertion.negated else assertion.type
    entry: dict[str, Any] = {"type": kind}
    if assertion.value is not None:
        entry["value"] = assertion.value
    if assertion.threshold is not None:
        entry["threshold"] = assertion.threshold
    if assertion.weight != 1:
        entry["weight"] = assertion.weight
    if assertion.metric:
        entry["metric"] = assertion.metric
    if assertion.config:
        entry["config"] = dict(assertion.config)
    if assertion.assertions:
        entry["assert"] = [assertion_as_dict(member) for member in assertion.assertions]
    return entry
