"""Where a running installation's variable is set: the process, a file, a secret's own file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autoforge.environment.layers import BY_NAME, open_layers
from autoforge.operations.env_files.lines import list_assignments

__all__ = ["Location", "locate_variable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """The place that a variable's value comes from."""

    source: str
    """`process`, `file`, `secret file` or `nowhere`."""
    name: str
    """The name it is set by there: its own, its alias or `<NAME>_FILE`; empty for `nowhere`."""
    path: Path | None
    """The file that holds the value; None for `process` and `nowhere`."""
    line: int | None
    """The line of that file, from 1; None unless the source is `file`."""


def locate_variable(name: str, process: Mapping[str, str], root: Path) -> Location:
    """Return where the value of a variable comes from, as `autoforge.environment.load` reads it.

    Args:
        name: a name of the table.
        process: the variables of the process, `os.environ` as a rule.
        root: the project's folder, `settings.BASE_DIR`.

    Raises:
        KeyError: the table has no such variable.
        ConfigurationError: the file cannot be read, or APP_ENV is wrong.
    """
    variable = BY_NAME[name]
    names = [variable.name]
    if variable.alias:
        names.append(variable.alias)
    if variable.takes_file:
        names.append(f"{variable.name}_FILE")
    layers = open_layers(process, root)
    in_process = _find_set(names, process)
    if in_process:
        if in_process == f"{name}_FILE":
            return _in_secret_file(in_process, root / process[in_process])
        return Location(source="process", name=in_process, path=None, line=None)
    in_file = _find_set(names, layers.file_values)
    if not in_file or layers.file is None:
        return Location(source="nowhere", name="", path=None, line=None)
    if in_file == f"{name}_FILE":
        return _in_secret_file(in_file, root / layers.file_values[in_file])
    text = layers.file.read_text(encoding="utf-8-sig")
    numbers = [found.line for found in list_assignments(text) if found.name == in_file]
    return Location(source="file", name=in_file, path=layers.file, line=numbers[-1])


def _find_set(names: list[str], values: Mapping[str, str]) -> str:
    """Return the first of the names that has a value; empty where none has."""
    for name in names:
        if values.get(name, "").strip():
            return name
    return ""


def _in_secret_file(name: str, path: Path) -> Location:
    return Location(source="secret file", name=name, path=path, line=None)
