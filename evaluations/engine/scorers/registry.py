"""The scorers by name; one more is one more module here and in MODULES."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.scorers.base import Scorer
from evaluations.engine.scorers.effort import check_within
from evaluations.engine.types import Assertion

__all__ = [
    "MODULES",
    "SCORERS",
    "SET",
    "UNSUPPORTED",
    "asks_about_refusals",
    "check_assertion",
    "find",
    "nearest",
    "needs_of",
    "service_calls",
]

MODULES: Final = (
    "equals",
    "contains",
    "regex",
    "json_schema",
    "xml",
    "html",
    "levenshtein",
    "rouge",
    "bleu",
    "meteor",
    "exact",
    "word_count",
    "refusal",
    "measures",
    "tools",
    "similar",
    "rubric",
    "pairwise",
)
SET: Final = "assert-set"
UNSUPPORTED: Final = "unsupported"


def _load() -> dict[str, Scorer]:
    found: dict[str, Scorer] = {}
    for name in MODULES:
        module = import_module(f"evaluations.engine.scorers.{name}")
        found |= {scorer.name: scorer for scorer in module.SCORERS}
    return found


SCORERS: Final[Mapping[str, Scorer]] = MappingProxyType(_load())


def nearest(name: str) -> str | None:
    """Return the type that somebody may have meant."""
    found = difflib.get_close_matches(name, [*SCORERS, SET], n=1, cutoff=0.6)
    return found[0] if found else None


def find(name: str) -> Scorer:
    """Return the scorer of a type (without `not-`).

    Raises:
        SuiteError: there is none; it names the nearest.

    Examples:
        >>> find("icontains").title
        'contains the value'
    """
    if name in SCORERS:
        return SCORERS[name]
    near = nearest(name)
    hint = (
        _("did you mean %(near)s?") % {"near": near}
        if near
        else _("there are %(known)s") % {"known": ", ".join(sorted(SCORERS))}
    )
    raise SuiteError(
        _("there is no assertion type “%(name)s”; %(hint)s") % {"name": name, "hint": hint}
    )


def check_assertion(assertion: Assertion) -> list[str]:
    """Return what is wrong with an assertion, one sentence each; its members' as well.

    Examples:
        >>> check_assertion(Assertion(type="icontains", value="refund"))
        []
        >>> check_assertion(Assertion(type="iconatins", value="refund"))
        ['there is no assertion type “iconatins”; did you mean icontains?']
    """
    if assertion.type == UNSUPPORTED:
        return []
    if assertion.type == SET:
        found = [text for member in assertion.assertions for text in check_assertion(member)]
        return found if assertion.assertions else ["assert-set has no assertions"]
    try:
        scorer = find(assertion.type)
    except SuiteError as error:
        return [str(error)]
    problems = [f"{assertion.type}: {text}" for text in check_within(scorer, assertion)]
    if assertion.negated and not scorer.negatable:
        problems.append(f"not-{assertion.type}: this type cannot be negated")
    return problems


def _flat(assertions: Iterable[Assertion]) -> Iterator[Assertion]:
    for one in assertions:
        yield from _flat(one.assertions) if one.type == SET else (one,)


def service_calls(assertions: Iterable[Assertion]) -> int:
    """Return how many calls of judges and embeddings the scoring of one answer takes."""
    return sum(SCORERS[one.type].calls for one in _flat(assertions) if one.type in SCORERS)


def asks_about_refusals(assertions: Iterable[Assertion]) -> bool:
    """Return whether one of the assertions scores a request that a service's filter refused."""
    types = {one.type for one in _flat(assertions)}
    return any(SCORERS[name].asks_about_refusals for name in types if name in SCORERS)


def needs_of(assertions: Iterable[Assertion]) -> set[tuple[str, str]]:
    """Return what assertions need: ("judge" or "embeddings", the model they name or "")."""
    return {
        (need, str(one.config.get("provider") or ""))
        for one in _flat(assertions)
        if one.type in SCORERS
        for need in SCORERS[one.type].needs
    }
