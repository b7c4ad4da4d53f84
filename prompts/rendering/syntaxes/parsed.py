"""What every syntax makes of a text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from prompts.rendering.problems import Problem, SourceLocation

__all__ = [
    "DEFAULT_LABEL",
    "MOST_PROBLEMS",
    "MOST_VARIABLES",
    "OUTPUT_LIMIT",
    "Fill",
    "Parsed",
    "Places",
    "Reference",
    "Use",
    "fill_data_whole",
]

DEFAULT_LABEL: Final = "production"
OUTPUT_LIMIT: Final = 1_048_576  # characters
MOST_VARIABLES: Final = 200
MOST_PROBLEMS: Final = 20  # are named; the rest shows when these are mended
LONE_VARIABLE: Final = re.compile(r"([^{}]*)\{\{\s*([^\W\d]\w*)\s*\}\}")
REFERENCE: Final = re.compile(r"([\w.-]+(?:/[\w.-]+)*)(?:@([\w.-]+))?")

Fill = Callable[[Mapping[str, object], Mapping[str, str]], str]
"""From values by name and rendered texts by reference to the text; raises RenderError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A variable that a text reads, and where first."""

    name: str
    place: SourceLocation
    hints: frozenset[str] = frozenset()
    """What the text says of its type: keys of `jinja_types.TYPE_OF_HINT`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Another prompt that a text includes."""

    name: str
    """Name of the prompt."""
    label: str
    """Label of its version."""
    place: SourceLocation
    """Where the include stands."""

    def __str__(self) -> str:
        return f"{self.name}@{self.label}"

    @classmethod
    def read(cls, text: str, place: SourceLocation) -> "Reference | None":
        """Return the reference that "name" or "name@label" is, None where it is none."""
        match = REFERENCE.fullmatch(text.strip())
        if match is None:
            return None
        return cls(name=match[1], label=match[2] or DEFAULT_LABEL, place=place)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A text that has been read; with problems it cannot be filled."""

    fill: Fill
    uses: tuple[Use, ...] = ()
    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()


def fill_data_whole(text: str, fill: Fill) -> Fill:
    """Return what fills a text; data that is one variable's has not the limit of templates.

    An image in a variable is longer than what templates write, and nothing is done to it.
    """
    match = LONE_VARIABLE.fullmatch(text)
    if match is None:
        return fill
    before, name = match.groups()

    def fill_data(values: Mapping[str, object], included: Mapping[str, str]) -> str:
        value = values.get(name)
        if isinstance(value, str) and (before + value[:5]).startswith("data:"):
            return before + value
        return fill(values, included)

    return fill_data


class Places:
    """Lines and columns of positions in a text that are asked for from first to last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._counted = 0
        self._line = 1

    def at(self, position: int) -> SourceLocation:
        """Return the place of a position."""
        self._line += self._text.count("\n", self._counted, position)
        self._counted = position
        column = position - self._text.rfind("\n", 0, position)
        return SourceLocation(line=self._line, column=column)
