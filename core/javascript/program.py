"""What is run: a frozen description of a program, and what it returned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Kind", "Program", "Returned"]


class Kind(StrEnum):
    """What the source of a program is."""

    BODY = "body"
    """The body of a function, with `return`."""
    MODULE = "module"
    """The path of a file among `files`, whose export is called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A function in JavaScript and everything that it may read."""

    kind: Kind
    source: str
    """The body, or the path of the file."""
    parameters: tuple[str, ...] = ()
    """The names of a body's parameters."""
    exports: tuple[str, ...] = ("",)
    """What of a file is called: the first of these names that it exports as a function; empty: its
    default. Without any, the file's default is the result, and is not called."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts of files that can be required, by their path in one common folder: "lib/score.js"."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What `process.env` holds."""
    gets_process: bool = False
    """Whether `process` is given as one more argument."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """What a program returned, once its promises were kept."""

    type: str
    """What `typeof` says of it; "null" for null."""
    value: object
    """As JSON has it: None for undefined and functions; a number that is none as a text."""
    lines: tuple[str, ...] = ()
    """What it wrote to the console, as far as that is kept."""
