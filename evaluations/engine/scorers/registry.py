"""The scorers by name: those of the modules beside this one, and those of installed packages.

One more of ours is one more module in this folder, with `SCORERS`; nothing else is to be told.
A package has an entry point in the group `autoforge.scorers` that names a `Scorer`, or several.
"""

import difflib
import logging
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.plugins import Plugin, Registry, shorten_reason
from evaluations.engine.scorers.base import Scorer
from evaluations.engine.scorers.effort import check_within
from evaluations.engine.types import Assertion

__all__ = [
    "GROUP",
    "SCORERS",
    "SET",
    "UNSUPPORTED",
    "asks_about_refusals",
    "check_assertion",
    "find",
    "nearest",
    "required_models",
    "service_calls",
]

logger = logging.getLogger(__name__)

GROUP: Final = "autoforge.scorers"
"""The entry points of packages that add scorers."""
# Modules of this folder that others stand on; every other one holds scorers.
WITHOUT_SCORERS: Final = frozenset(
    {
        *("aggregate", "base", "deciding", "effort", "embedded_json", "in_worker", "javascript"),
        *("judge", "plugins_in_worker", "registry", "schemas", "stems", "tokenizing"),
    }
)
SET: Final = "assert-set"
UNSUPPORTED: Final = "unsupported"
# What has a meaning of its own before a type is looked for.
RESERVED: Final = frozenset({SET, UNSUPPORTED})
NAME: Final = re.compile(r"(?!not-)[a-z0-9]+([:-][a-z0-9]+)*")


def _load_ours() -> dict[str, Scorer]:
    scorers: dict[str, Scorer] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name in WITHOUT_SCORERS:
            continue
        for scorer in import_module(f"evaluations.engine.scorers.{module.name}").SCORERS:
            if scorer.name in scorers:
                raise RuntimeError(f"{module.name}: there is a scorer “{scorer.name}” already")
            scorers[scorer.name] = scorer
    return scorers


def _read(plugin: Plugin) -> list[tuple[str, Scorer]]:
    """Return the scorers of an entry point by their names.

    Raises:
        PluginFaultError: it cannot be imported, or is something else.
    """
    loaded: Any = plugin.load()
    items = list(loaded) if isinstance(loaded, list | tuple) else [loaded]
    for item in items:
        if not isinstance(item, Scorer):
            raise plugin.fault("plugin.scorer-type", kind=type(item).__name__)
        if not NAME.fullmatch(item.name) or item.name in RESERVED:
            raise plugin.fault("plugin.scorer-name", name=item.name)
    return [(item.name, replace(item, package=plugin.package)) for item in items]


SCORERS: Final = Registry(GROUP, MappingProxyType(_load_ours()), _read)


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
        else _("available: %(known)s") % {"known": ", ".join(sorted(SCORERS))}
    )
    raise SuiteError("scorer.unknown", name=name, hint=hint + SCORERS.hint)


def check_assertion(assertion: Assertion) -> list[str]:
    """Return what is wrong with an assertion, one sentence each; its members' as well.

    Examples:
        >>> check_assertion(Assertion(type="icontains", value="refund"))
        []
        >>> check_assertion(Assertion(type="iconatins", value="refund"))
        ['unknown assertion type “iconatins”; did you mean icontains?']
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
    problems = [f"{assertion.type}: {text}" for text in _check_value(scorer, assertion)]
    if assertion.negated and not scorer.negatable:
        problems.append(f"not-{assertion.type}: this type cannot be negated")
    return problems


def _check_value(scorer: Scorer, assertion: Assertion) -> list[str]:
    try:
        return list(check_within(scorer, assertion))
    except Exception as error:
        if not scorer.package:
            raise  # a bug of ours
        logger.exception("%s failed to check a value", scorer.package)
        params = {"package": scorer.package, "why": shorten_reason(error)}
        return [_("%(package)s failed to check the value (%(why)s)") % params]


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


def required_models(assertions: Iterable[Assertion]) -> set[tuple[str, str]]:
    """Return what assertions need: ("judge" or "embeddings", the model they name or "")."""
    return {
        (need, str(one.config.get("provider") or ""))
        for one in _flat(assertions)
        if one.type in SCORERS
        for need in SCORERS[one.type].needs
    }
