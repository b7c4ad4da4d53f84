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
from typing import Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.plugins import Plugin, Registry, shorten_reason
from evaluations.engine.scorers.base import Scorer
from evaluations.engine.scorers.effort import check_within
from evaluations.engine.types import Assertion

__all__ = [
    "GROUP",
    "SCORERS",
    "SCORING",
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
# Modules of this folder that others stand on; every other one has scorers.
WITHOUT_SCORERS: Final = frozenset(
    {
        *("aggregate", "base", "deciding", "effort", "embedded_json", "in_worker", "javascript"),
        *("judge", "plugins_in_worker", "registry", "schemas", "stems", "thresholds", "tokenizing"),
    }
)
SET: Final = "assert-set"
UNSUPPORTED: Final = "unsupported"
SCORING: Final = "assert-scoring-function"
"""Not a check of the answer: a function that decides over what the checks of a case found."""
# What has a meaning of its own before a type is looked for.
RESERVED: Final = frozenset({SET, SCORING, UNSUPPORTED})
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
    loaded: object = plugin.load()
    scorers = []
    for scorer in loaded if isinstance(loaded, list | tuple) else [loaded]:
        if not isinstance(scorer, Scorer):
            raise plugin.fault("plugin.scorer-type", kind=type(scorer).__name__)
        if not NAME.fullmatch(scorer.name) or scorer.name in RESERVED:
            raise plugin.fault("plugin.scorer-name", name=scorer.name)
        scorers.append((scorer.name, replace(scorer, package=plugin.package)))
    return scorers


SCORERS: Final = Registry(GROUP, MappingProxyType(_load_ours()), _read)


def nearest(name: str) -> str | None:
    """Return the type that may have been meant, None where none is near."""
    matches = difflib.get_close_matches(name, [*SCORERS, SET], n=1, cutoff=0.6)
    return matches[0] if matches else None


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
    if near:
        hint = _("did you mean “%(near)s”?") % {"near": near}
    else:
        hint = _("available: %(known)s") % {"known": ", ".join(sorted(SCORERS))}
    raise SuiteError("scorer.unknown", name=name, hint=hint + SCORERS.hint)


def check_assertion(assertion: Assertion) -> list[str]:
    """Return what is wrong with an assertion, one sentence each; its members' as well.

    Examples:
        >>> check_assertion(Assertion(type="icontains", value="refund"))
        []
        >>> check_assertion(Assertion(type="iconatins", value="refund"))
        ['unknown assertion type “iconatins”; did you mean “icontains”?']
    """
    if assertion.type in (SCORING, UNSUPPORTED):
        return []
    if assertion.type == SET:
        if not assertion.assertions:
            return ["assert-set has no assertions"]
        problems = []
        for member in assertion.assertions:
            problems += check_assertion(member)
        return problems
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


def _flatten(assertions: Iterable[Assertion]) -> Iterator[tuple[Assertion, Scorer]]:
    """Yield assertions with their scorers, those of sets too; unknown types are left out."""
    for assertion in assertions:
        if assertion.type == SET:
            yield from _flatten(assertion.assertions)
        elif assertion.type in SCORERS:
            yield assertion, SCORERS[assertion.type]


def service_calls(assertions: Iterable[Assertion]) -> int:
    """Return how many calls of judges and embeddings the scoring of one answer takes."""
    return sum(scorer.calls for _assertion, scorer in _flatten(assertions))


def asks_about_refusals(assertions: Iterable[Assertion]) -> bool:
    """Return whether one of the assertions scores a request that a service's filter refused."""
    return any(scorer.asks_about_refusals for _assertion, scorer in _flatten(assertions))


def required_models(assertions: Iterable[Assertion]) -> set[tuple[str, str]]:
    """Return what assertions need: ("judge" or "embeddings", the model they name or "")."""
    models = set()
    for assertion, scorer in _flatten(assertions):
        provider = str(assertion.config.get("provider") or "")
        for kind in scorer.needs:
            # An assertion that needs both names its judge.
            is_named = kind == "judge" or "judge" not in scorer.needs
            models.add((kind, provider if is_named else ""))
    return models
