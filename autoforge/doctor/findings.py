"""What a check found: how it is, and where something is wrong, what to do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = ["Finding", "NotCheckedError", "Options", "State", "fine", "problem", "warn"]


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and will not for long, or is not meant so."""
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"
    """It could not be looked at: it has not passed."""
    NOT_ASKED = "not asked"
    """It takes an option that was not given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that a check found."""

    check: str
    """The check."""
    state: State
    """How it is."""
    text: str
    """What it saw, without secrets; one sentence without a full stop."""
    remedy: str = ""
    """What to do, as a sentence; empty where there is nothing to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the doctor was asked for."""

    root: Path
    """The folder of the installation."""
    deep: bool = False
    """Whether the whole database is read."""
    online: bool = False
    """Whether services of others are asked, at no cost."""
    seconds: float = 10.0
    """How long a server may take to answer."""


Look = Callable[[Options], Iterable[Finding]]
"""A check; it yields what it found, and nothing where there is nothing to look at."""


class NotCheckedError(Exception):
    """A check cannot be made here; its text says why."""


def fine(check: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(check=check, state=State.OK, text=text)


def warn(check: str, text: str, remedy: str) -> Finding:
    """Return what is not well, and works."""
    return Finding(check=check, state=State.WARNING, text=text, remedy=remedy)


def problem(check: str, text: str, remedy: str) -> Finding:
    """Return what is wrong."""
    return Finding(check=check, state=State.PROBLEM, text=text, remedy=remedy)
