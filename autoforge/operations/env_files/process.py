"""Everything that is wrong with the environment of this process, file and process together."""

from collections.abc import Mapping
from pathlib import Path

from autoforge.environment.errors import ConfigurationError
from autoforge.environment.layers import open_layers
from autoforge.environment.reading import list_problems
from autoforge.operations.env_files.locating import locate_variable

__all__ = ["list_process_problems"]


def list_process_problems(process: Mapping[str, str], root: Path) -> list[str]:
    """Return a sentence for each thing that the settings would refuse, with file and line.

    Args:
        process: the variables of the process, `os.environ` as a rule.
        root: the project's folder.
    """
    try:
        layers = open_layers(process, root)
        errors, _notes = list_problems(layers)
    except ConfigurationError as error:  # of a file: nothing more is known of what it sets
        return [str(error)]
    return [f"{_find_place(error, process, root)}{error}" for error in errors]


def _find_place(error: ConfigurationError, process: Mapping[str, str], root: Path) -> str:
    """Return where the variable is set that is to be changed; empty where no line sets it."""
    if not error.names:
        return ""
    place = locate_variable(error.names[0], process, root)
    if place.path is None or place.line is None:
        return ""
    return f"{place.path.name}:{place.line}: "
