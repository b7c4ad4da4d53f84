"""The lines of a file of variables: which variable each of them sets, and where."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from autoforge.environment.files import parse_variables

__all__ = ["NAME", "PLACEHOLDER", "Assignment", "list_assignments", "read_values"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACEHOLDER = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]*)\}")
ASSIGNMENT = re.compile(rf"\s*(?:export\s+)?(?P<name>{NAME.pattern})=(?P<raw>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """A line `NAME=value`."""

    line: int
    """Its number, from 1."""
    name: str
    """The variable it sets."""
    raw: str
    """What stands behind the equals sign: quotes included, blanks at the end not."""


def list_assignments(text: str) -> Iterator[Assignment]:
    """Yield each line of a file's text that sets a variable, from the top."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = ASSIGNMENT.fullmatch(line)
        if match:
            yield Assignment(line=number, name=match["name"], raw=match["raw"].rstrip())


def read_values(text: str) -> dict[str, str]:
    """Return name → value of a file's text, quotes and escapes taken off as the settings do."""
    return parse_variables(text)
