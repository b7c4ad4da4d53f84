"""The sources of the packages, with their tests; downloaded once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.sdists import fetch_source, find_pin
from launch.tools import ROOT

from third_party.suites import Suite

__all__ = ["LOCK", "Source", "fetch"]

LOCK: Final = "requirements-third-party.txt"
CACHE: Final = ROOT / ".cache" / "third-party"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A package's source."""

    version: str
    """As it is pinned and installed."""
    folder: Path
    """What its source distribution holds."""


def fetch(suite: Suite) -> Source:
    """Return the source of a suite's package; downloads it the first time.

    Raises:
        LaunchError: it cannot be had, is not what the requirements file says, or holds no tests.
    """
    pin = find_pin(suite.distribution, LOCK)
    if pin is None:
        raise LaunchError(f"{LOCK} does not pin {suite.distribution}; run make lock.")
    version, requirement = pin
    folder = CACHE / f"{suite.distribution}-{version}"
    if not folder.exists():
        fetch_source(suite.distribution, requirement, folder)
    missing = [path for path in suite.tests if not (folder / path).exists()]
    if missing:
        raise LaunchError(
            f"The source distribution of {suite.distribution} {version} has no {missing[0]}."
        )
    return Source(version=version, folder=folder)
