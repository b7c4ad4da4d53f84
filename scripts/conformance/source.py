"""Django's tests: they are in its source distribution only."""

from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.pythons import lock_of
from launch.sdists import fetch_source, find_pin
from launch.tools import ROOT

__all__ = ["fetch_tests"]

CACHE: Final = ROOT / ".cache"


def fetch_tests(version: str) -> Path:
    """Return the folder of the tests of a version of Django; downloads them the first time.

    Args:
        version: as in "5.2.19"; a requirements file must pin it, and says what hash it must have.

    Raises:
        LaunchError: they cannot be had, or are not what the requirements file says.
    """
    folder = CACHE / f"django-{version}"
    # Two tests look for Django's own files beside theirs.
    if not all((folder / name).exists() for name in ("tests/runtests.py", "django/__init__.py")):
        fetch_source("django", _requirement(version), folder)
    return folder / "tests"


def _requirement(version: str) -> str:
    """Return the lines that pin Django with its hashes."""
    lock = lock_of(version)
    if lock is None:
        raise LaunchError(
            f"Django {version} is installed, but no requirements file pins it; run make setup."
        )
    pin = find_pin("django", lock)
    if pin is None:
        raise LaunchError(f"{lock} has no hash for Django {version}; run make lock.")
    return pin[1]
