"""How far a long piece of work is: told by whoever works, shown by whoever wants to."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["OnProgress", "Progress", "ignore_progress"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A step of the work."""

    stage: str
    """What is done now, such as "reading prompts"."""
    done: int
    """How much of the stage is done, in its unit (rows, pages or bytes)."""
    total: int
    """How much there is, in the same unit; 0 where nobody knows."""


OnProgress = Callable[[Progress], None]


def ignore_progress(_progress: Progress) -> None:
    """Show nothing."""
