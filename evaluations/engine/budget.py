"""What a run may still spend: calls, money, time. No call begins beyond a limit."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Budget", "Caps", "Spent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """Limits of a run; None: no limit."""

    cost_usd: Decimal | None = None
    calls: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What earlier workers of the run have spent."""

    cost_usd: Decimal = Decimal(0)
    calls: int = 0
    seconds: float = 0.0


class Budget:
    """Counts what is spent, and says when to stop.

    Args:
        caps: the limits.
        spent: before this worker.
        clock: seconds that only go forward.
    """

    def __init__(
        self, caps: Caps, spent: Spent, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._caps = caps
        self._clock = clock
        self._started = clock()
        self._before_seconds = spent.seconds
        self.cost_usd = spent.cost_usd
        self.calls = spent.calls

    @property
    def seconds(self) -> float:
        """How long the run has been worked on, all workers together."""
        return self._before_seconds + self._clock() - self._started

    @property
    def seconds_left(self) -> float:
        """How long calls may still begin; endless without a limit."""
        return math.inf if self._caps.seconds is None else self._caps.seconds - self.seconds

    def why_stop(self, calls: int = 1) -> str:
        """Return which limit leaves no room for so many calls, "" where none does."""
        caps = self._caps
        if caps.calls is not None and self.calls + calls > caps.calls:
            noun = "call" if caps.calls == 1 else "calls"
            return f"the limit of {caps.calls} {noun} is reached"
        if caps.cost_usd is not None and self.cost_usd >= caps.cost_usd:
            return f"the limit of {caps.cost_usd:f} US dollars is reached"
        return self.time_sentence if self.seconds_left <= 0 else ""

    @property
    def time_sentence(self) -> str:
        """What is said where the limit of time is reached."""
        return f"the limit of {self._caps.seconds:g} seconds is reached"

    def begin_calls(self, calls: int = 1) -> str:
        """Count calls that belong together, or return which limit forbids them."""
        why = self.why_stop(calls)
        if not why:
            self.calls += calls
        return why

    def give_back(self, calls: int) -> None:
        """Take back calls that were counted and not made."""
        self.calls -= calls

    def add_cost(self, cost_usd: Decimal | None) -> None:
        """Count what a call cost."""
        self.cost_usd += cost_usd or 0
