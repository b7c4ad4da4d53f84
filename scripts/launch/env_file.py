"""The file of variables that the first `make run` writes: secrets of this machine alone."""

import os
import secrets
from pathlib import Path

from launch.errors import LaunchError

__all__ = ["write_env_file"]

HEADER = """\
# Written by the first `make run`, for this machine alone; git does not keep it.
# Every variable that may stand here, with its meaning: .env.example
"""
SECRET_BYTES = 50  # 67 characters, more than any of the variables asks for


def write_env_file(path: Path) -> None:
    """Write fresh secrets to `path`, readable by its owner alone.

    Raises:
        LaunchError: the file is there already or cannot be written.
    """
    names = ("SECRET_KEY", "JWT_SECRET_KEY")
    lines = [f"{name}={secrets.token_urlsafe(SECRET_BYTES)}\n" for name in names]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask is
            file.write(HEADER + "".join(lines))
    except OSError as error:
        raise LaunchError(
            f"{path} could not be written ({error.strerror}). Make {path.parent} writable, or "
            "set SECRET_KEY and JWT_SECRET_KEY in another file and point ENV_FILE to it."
        ) from error
