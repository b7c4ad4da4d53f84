"""The file of variables that the first `make run` writes, as `manage.py env init local` does."""

from pathlib import Path

from autoforge.operations.env_files.errors import EnvFileError
from autoforge.operations.env_files.values_file import write_local_file
from launch.errors import LaunchError

__all__ = ["write_env_file"]


def write_env_file(path: Path) -> None:
    """Write fresh secrets to `path`, readable by its owner alone.

    Raises:
        LaunchError: the file is there already or cannot be written.
    """
    try:
        write_local_file(path)
    except EnvFileError as error:
        raise LaunchError(
            f"{error} Or set SECRET_KEY and JWT_SECRET_KEY in another file, and ENV_FILE to it."
        ) from error
