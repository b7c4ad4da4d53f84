"""`make run DATABASE=libsql`: the local database on a libSQL server of its own."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.sqld import Server
from launch.terminal import step

__all__ = ["local_server"]

CHOICES: Final = ("sqlite", "libsql")
FOLDER: Final = Path("data") / "libsql"


@contextlib.contextmanager
def local_server(root: Path) -> Iterator[None]:
    """Start a libSQL server where DATABASE asks for it, and point DATABASE_URL at it.

    Its data stays in data/libsql from launch to launch.

    Args:
        root: the project's folder.

    Raises:
        LaunchError: DATABASE is something else, or the server cannot be had.
    """
    choice = os.environ.get("DATABASE", "").strip().lower() or "sqlite"
    if choice not in CHOICES:
        raise LaunchError(
            f"DATABASE is '{choice}'; for make run it must be {' or '.join(CHOICES)}."
        )
    if choice == "sqlite":
        yield
        return
    if os.environ.get("DATABASE_URL"):
        raise LaunchError(
            "Both DATABASE=libsql and DATABASE_URL are set. Unset DATABASE_URL to start a local "
            "server, or unset DATABASE to use the server in DATABASE_URL."
        )
    with _alone(root / FOLDER), _running(root / FOLDER) as server:
        os.environ["DATABASE_URL"] = server.url
        step(f"libSQL server at {server.url}: DATABASE_URL for other commands; data in {FOLDER}")
        yield


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[Server]:
    server = Server(folder).start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for this launch: two servers on it would spoil the data."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "launch.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(
                f"Another make run DATABASE=libsql is using {FOLDER}; stop it first."
            ) from error
        yield
