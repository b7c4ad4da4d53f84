"""Which variables two files set, and where they differ; of a secret only that it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autoforge.environment import VARIABLES, Variable
from autoforge.environment.errors import quote_url
from autoforge.environment.files import parse_variables
from autoforge.operations.env_files.errors import EnvFileError
from autoforge.operations.env_files.generating import find_placeholder_name
from autoforge.operations.env_files.reading import (
    check_file_or_nothing,
    check_is_file,
    read_file,
)
from autoforge.operations.env_files.rendering import list_entries
from autoforge.operations.env_files.templates import read_template

__all__ = [
    "Difference",
    "Side",
    "compare",
    "find_file",
    "read_defaults",
    "read_required",
    "read_side",
]

URLS = frozenset({"api_url", "database_url", "libsql_url", "redis_url"})
PUBLIC_KEYS = frozenset({"clerk_public", "langfuse_public"})  # a secret one may have slipped in


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What is compared with something else."""

    called: str
    """What it is called in the output: a file's name, `the template` or `the table`."""
    values: Mapping[str, str]
    """Name → value; the databases of staging and production under one name, TURSO_…"""
    optional: frozenset[str] = frozenset()
    """Names that the other side may set or not: the optional entries of a template."""
    are_defaults: bool = False
    """Whether its values count anyway where the other side sets none."""
    any_value: bool = False
    """Whether it says that something is set, not to what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One variable that the two sides do not have alike."""

    name: str
    """The variable."""
    kind: str
    """`only-left`, `only-right` or `differs`."""
    left: str | None
    """Its value on the left; None if it is not set there, or is a secret."""
    right: str | None
    """The same, on the right."""


def find_file(app_env: str, root: Path) -> Path:
    """Return the file of an environment: `.env.local`, or `.env`, or its file of values.

    A `.env` belongs to the environment that it names; on a machine from which several are operated
    there are files of values instead.

    Raises:
        EnvFileError: there is none.
    """
    if app_env == "local":
        path = root / ".env.local"
        check_is_file(path, "`manage.py env init local` writes it")
        return path
    path = root / ".env"
    if (
        check_file_or_nothing(path)
        and parse_variables(read_file(path)).get("APP_ENV", "").strip() == app_env
    ):
        return path
    values_file = root / f".env.{app_env}.secrets"
    if check_file_or_nothing(values_file):
        return values_file
    raise EnvFileError(
        f"There is no .env with APP_ENV={app_env} and no {values_file.name} in {root}; "
        f"`manage.py env secrets {app_env}` and `manage.py env render {app_env}` write them."
    )


def read_side(path: Path, app_env: str, called: str) -> Side:
    """Return what a file sets: one of variables, or of values for a template's placeholders.

    Raises:
        EnvFileError: it does not exist or cannot be read.
    """
    check_is_file(path)
    names = {}
    for variable in VARIABLES:
        names[variable.name] = _find_common_name(variable)
        if variable.alias:
            names[variable.alias] = _find_common_name(variable)
        if app_env != "local" and app_env in variable.environments:
            names[find_placeholder_name(variable, app_env)] = _find_common_name(variable)
    values = {}
    for name, value in parse_variables(read_file(path)).items():
        if value.strip():
            values[names.get(name, name)] = value
    return Side(called=called, values=values)


def read_required(path: Path, app_env: str) -> Side:
    """Return what a template asks for: that its entries are set, not to what.

    Raises:
        EnvFileError: the file cannot be read.
    """
    required, optional = {}, set()
    by_name = {variable.name: variable for variable in VARIABLES}
    for entry in list_entries(read_template(path, app_env)):
        name = entry.name
        if name in by_name:
            name = _find_common_name(by_name[name])
        if entry.optional:
            optional.add(name)
        else:
            required[name] = ""
    # In a file of values nobody says which environment it is for: `render` knows it.
    optional.add("APP_ENV")
    required.pop("APP_ENV", None)
    return Side(
        called="the template", values=required, optional=frozenset(optional), any_value=True
    )


def read_defaults(app_env: str) -> Side:
    """Return the defaults of the table, which count where a file sets nothing."""
    values = {}
    for variable in VARIABLES:
        default = variable.default_in(app_env)
        if default:
            values[_find_common_name(variable)] = default
    return Side(called="the table", values=values, are_defaults=True)


def compare(left: Side, right: Side) -> list[Difference]:
    """Return the variables that the sides do not have alike, in the order of the table."""
    by_name = {_find_common_name(variable): variable for variable in VARIABLES}
    order = [*by_name, *sorted((left.values.keys() | right.values.keys()) - by_name.keys())]
    differences = []
    for name in order:
        variable = by_name.get(name)
        before, after = left.values.get(name), right.values.get(name)
        kind = _find_kind(right, before, after)
        if name in right.optional:
            kind = ""
        if kind:
            shown = _show(before, variable), _show(after, variable)
            if kind == "differs" and shown[0] == shown[1]:
                shown = None, None  # they differ in what is not shown, such as a password
            differences.append(Difference(name=name, kind=kind, left=shown[0], right=shown[1]))
    return differences


def _find_kind(right: Side, before: str | None, after: str | None) -> str:
    """Return what kind of difference two values are; empty where they are none."""
    if before == after:
        return ""
    if after is None:
        return "only-left"
    if before is None:
        return "" if right.are_defaults else "only-right"
    return "" if right.any_value else "differs"


def _find_common_name(variable: Variable) -> str:
    return variable.name.replace("TURSO_STAGING_", "TURSO_")


def _show(value: str | None, variable: Variable | None) -> str | None:
    """Return a value as it may be shown; None for what may be a secret, or is not there."""
    if value is None or variable is None or variable.secret or variable.kind in PUBLIC_KEYS:
        return None
    if variable.kind in URLS:
        return quote_url(value)[1:-1]
    return value
