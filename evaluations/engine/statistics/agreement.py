"""How far two judges agree (Cohen 1960)."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Agreement", "cohen_kappa"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Two judges on the same answers."""

    count: int
    """Answers that both judged."""
    agreed: float
    """Share that they judged alike, 0 to 1."""
    kappa: float | None
    """Agreement beyond chance, at most 1; None where chance alone would make them agree."""

    @property
    def percent(self) -> str:
        """The share that they judged alike, such as 83 %."""
        return f"{self.agreed:.0%}"

    @property
    def kappa_text(self) -> str:
        """Kappa with two digits, a dash where there is none."""
        return "–" if self.kappa is None else f"{self.kappa:.2f}"


def cohen_kappa(pairs: Iterable[tuple[bool, bool]]) -> Agreement | None:
    """Return how far two judges agree; None where they have judged nothing together."""
    rows = list(pairs)
    if not rows:
        return None
    count = len(rows)
    agreed = sum(left == right for left, right in rows) / count
    # How often each of them says yes, and how often they would agree if they said it at random.
    left_rate = sum(left for left, _right in rows) / count
    right_rate = sum(right for _left, right in rows) / count
    chance = left_rate * right_rate + (1 - left_rate) * (1 - right_rate)
    kappa = None if chance == 1 else (agreed - chance) / (1 - chance)
    return Agreement(count=count, agreed=agreed, kappa=kappa)
