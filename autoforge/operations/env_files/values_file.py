"""The file of values that fills a template: secrets made here, lines for the rest.

For local there is no template: the file is `.env.local` itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from autoforge.environment import VARIABLES, Variable
from autoforge.environment.files import parse_variables
from autoforge.operations.env_files.errors import RefusedError
from autoforge.operations.env_files.generating import OPTIONAL, find_placeholder_name
from autoforge.operations.env_files.strength import make_secret
from autoforge.operations.env_files.writing import changing, set_line, write_private

__all__ = ["Filled", "fill_values_file", "find_values_name", "write_local_file"]

LOCAL_HEADER = """\
# Written by AutoForge, for this machine alone; git does not keep it.
# Every variable that may stand here, with its meaning: .env.example
"""
VALUES_HEADER = """\
# The values of {app_env}, which `manage.py env render {app_env} --values {name}` writes to .env.
# Lines without a value are to be filled in; those marked “optional” may stay empty.
"""
LOCAL_SECRETS = ("SECRET_KEY", "JWT_SECRET_KEY")  # a laptop's Redis has no password


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """What was done to a file of values: names alone, no value."""

    generated: tuple[str, ...]
    """What has a new secret now that had none."""
    rotated: tuple[str, ...]
    """What has a new secret instead of another."""
    kept: tuple[str, ...]
    """What had a value, and has it still."""
    to_fill: tuple[str, ...]
    """What a person must fill in before the file can be rendered."""


def write_local_file(path: Path, *, replace: bool = False) -> None:
    """Write a `.env.local` with fresh secrets, for its owner alone.

    Raises:
        RefusedError: it is there and may not be replaced.
        EnvFileError: it cannot be written.
    """
    lines = [f"{name}={make_secret()}\n" for name in LOCAL_SECRETS]
    write_private(path, LOCAL_HEADER + "".join(lines), replace=replace)


def fill_values_file(path: Path, app_env: str, rotate: str = "") -> Filled:
    """Make secrets where there are none, and add a line for each other value; keep the rest.

    Args:
        path: the file; it is made if it does not exist.
        app_env: local, staging or production.
        rotate: a name whose secret is made anew, with or without the prefix of the environment.

    Raises:
        RefusedError: `rotate` is nothing that can be made here.
        EnvFileError: the file cannot be read or written.
    """
    wanted = _find_rotated(rotate, app_env)
    done: dict[str, list[str]] = {"generate": [], "rotate": [], "keep": [], "ask": [], "leave": []}
    with changing(path) as change:
        present = parse_variables(change.text)
        if not change.text:
            change.text = LOCAL_HEADER
            if app_env != "local":
                change.text = VALUES_HEADER.format(app_env=app_env, name=path.name)
        for name, variable in _list_names(app_env):
            action = _choose_action(variable, name, present, wanted)
            done[action].append(name)
            if action in {"generate", "rotate"}:
                change.text = _set_with_comment(change.text, name, make_secret(), variable)
            elif name not in present:
                change.text = _set_with_comment(change.text, name, "", variable)
    return Filled(
        generated=tuple(done["generate"]),
        rotated=tuple(done["rotate"]),
        kept=tuple(done["keep"]),
        to_fill=tuple(done["ask"]),
    )


def _choose_action(
    variable: Variable, name: str, present: dict[str, str], wanted: Variable | None
) -> str:
    has_value = bool(present.get(name, "").strip())
    if variable is wanted:
        return "rotate" if has_value else "generate"
    if has_value:
        return "keep"
    if variable.generated and _should_generate(variable, name, present):
        return "generate"
    return "ask" if variable.required else "leave"


def find_values_name(variable: Variable, app_env: str) -> str:
    """Return the name of a variable in the file of values of an environment."""
    return variable.name if app_env == "local" else find_placeholder_name(variable, app_env)


def _list_names(app_env: str) -> Iterator[tuple[str, Variable]]:
    """Yield what belongs into the file: the required ones first, for a person reads from the top.

    Into `.env.local` nothing but what is made here: the rest has a default there.
    """
    rows = [variable for variable in VARIABLES if app_env in variable.environments]
    if app_env == "local":
        rows = [variable for variable in rows if variable.name in LOCAL_SECRETS]
    rows = [variable for variable in rows if variable.name != "APP_ENV"]  # `render` knows it
    for variable in sorted(rows, key=lambda row: not row.required):
        yield find_values_name(variable, app_env), variable


def _find_rotated(name: str, app_env: str) -> Variable | None:
    if not name:
        return None
    names = []
    for full_name, variable in _list_names(app_env):
        if variable.generated:
            names.append(variable.name)
            if name in {full_name, variable.name}:
                return variable
    raise RefusedError(
        f"{name} cannot be made here; what can be is {', '.join(names)}. The database's token: "
        "`manage.py turso token rotate`. All others come from the service that they belong to."
    )


def _should_generate(variable: Variable, name: str, present: dict[str, str]) -> bool:
    if variable.required:
        return True
    if name in present:  # somebody has left the line empty, on purpose
        return False
    if variable.name == "REDIS_PASSWORD":
        # A URL that brings its own password must not get a second one.
        url = present.get(name.removesuffix("PASSWORD") + "URL", "")
        return urlsplit(url).password is None
    return True


def _set_with_comment(text: str, name: str, value: str, variable: Variable) -> str:
    """Return the text with the line set; a new line gets the variable's comment."""
    line = f"{name}={value}"
    if any(former.startswith(f"{name}=") for former in text.splitlines()):
        return set_line(text, name, line)
    mark = "" if variable.required else f"{OPTIONAL}\n"
    if not text.endswith("\n"):
        text += "\n"
    return f"{text}\n# {variable.description}\n{mark}{line}\n"
