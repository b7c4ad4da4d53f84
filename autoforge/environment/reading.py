"""The value of every variable, or everything that is wrong with them.

`load` stops at the first thing that is wrong; who checks a file wants to see all of it.
"""

from collections.abc import Callable
from typing import Any

from autoforge.environment.caches import queue_kind, redis_url
from autoforge.environment.databases import database_settings
from autoforge.environment.errors import ConfigurationError
from autoforge.environment.layers import Layers
from autoforge.environment.rules import find_ineffective, list_broken_rules
from autoforge.environment.values import parse
from autoforge.environment.variables import VARIABLES, Variable

__all__ = ["list_problems", "read_value", "read_values"]

LIST_KINDS = frozenset(
    {
        "age_recipients",
        "cors_origins",
        "csrf_origins",
        "hosts",
        "model_keys",
        "networks",
        "origins",
        "otlp_headers",
    }
)


def read_values(layers: Layers) -> dict[str, Any]:
    """Return name → value of every variable.

    Raises:
        ConfigurationError: the first of them that is wrong.
    """
    return {variable.name: read_value(layers, variable) for variable in VARIABLES}


def read_value(layers: Layers, variable: Variable) -> Any:
    """Return the value of a variable: None or an empty list where it is not set.

    Raises:
        ConfigurationError: it is set twice, its file cannot be read, or it is not allowed.
    """
    setting = layers.find(variable)
    if setting is not None:
        return parse(setting)
    return _find_empty(variable)


def list_problems(layers: Layers) -> tuple[list[ConfigurationError], tuple[str, ...]]:
    """Return everything that `load` refuses, and a sentence for each variable without effect.

    A rule over several variables says nothing where one of them is wrong by itself. Where anything
    is wrong, it is not said what has no effect: that may be what is wrong.
    """
    errors: list[ConfigurationError] = []
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        try:
            values[variable.name] = read_value(layers, variable)
        except ConfigurationError as error:
            errors.append(error)
            values[variable.name] = _find_empty(variable)
    wrong = {name for error in errors for name in error.names}
    for broken in _list_combined(layers, values):
        if not wrong.intersection(broken.names):
            errors.append(broken)
    if errors:
        return errors, ()
    values |= {"REDIS_URL": redis_url(layers), "DATABASE": database_settings(layers)}
    return [], find_ineffective(layers, values)


def _list_combined(layers: Layers, values: dict[str, Any]) -> list[ConfigurationError]:
    errors = list(list_broken_rules(layers, values))
    url = values["REDIS_URL"] or values["REDIS_HOST"]
    builders: tuple[Callable[[], object], ...] = (
        lambda: redis_url(layers),
        lambda: database_settings(layers),
        lambda: queue_kind(layers, values["QUEUE"], url),
    )
    for build in builders:
        try:
            build()
        except ConfigurationError as error:
            errors.append(error)
    return errors


def _find_empty(variable: Variable) -> tuple[()] | None:
    return () if variable.kind in LIST_KINDS else None
