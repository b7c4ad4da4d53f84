"""Which packages this Python has, and which the product needs.

Standard library alone: it is asked where Django itself may be missing.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

__all__ = ["Requirement", "explain_missing", "find_remedy", "list_unmet", "read_requirements"]

# A line of a locked file: the name, its version, and for whom it is.
PINNED: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?P<marker>;)?")
OURS: Final = frozenset({"autoforge", "core", "evaluations", "prompts"})
ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """A package, and how this Python has it."""

    name: str
    """As the index of packages calls it."""
    wanted: str
    """The version that the product was tested with."""
    installed: str | None
    """The version that is there; None: it is missing."""

    def __str__(self) -> str:
        if self.installed is None:
            return f"{self.name} {self.wanted} is missing"
        return f"{self.name} is {self.installed} instead of {self.wanted}"


def read_requirements(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of each package that a locked file asks of every Python."""
    for line in file.read_text(encoding="utf-8").splitlines():
        match = PINNED.match(line)
        # What is for some Pythons only may rightly be missing here.
        if match and not match["marker"]:
            yield match["name"], match["version"]


def list_unmet(file: Path) -> list[Requirement]:
    """Return what a locked file asks for and this Python lacks, or has in another version."""
    unmet = []
    for name, wanted in read_requirements(file):
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = None
        if installed != wanted:
            unmet.append(Requirement(name=name, wanted=wanted, installed=installed))
    return unmet


def explain_missing(error: BaseException | None) -> str | None:
    """Return in one sentence which package is missing; None where the error is another one.

    Args:
        error: what an import raised, or an error that it caused.
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            name = error.name.partition(".")[0]
            # A module of ours, or of Python's, that is not there is no package to be installed.
            if name in OURS or name in sys.stdlib_module_names:
                return None
            return f"The package {name} is not installed for this Python; {find_remedy()}."
        error = error.__cause__ or error.__context__
    return None


def find_remedy() -> str:
    """Return how packages are installed here; it begins small and ends without a full stop."""
    if (ROOT / "requirements.txt").is_file():
        return "run `make setup`, then use .venv/bin/python"
    return "run `python -m pip install --force-reinstall autoforge`"
