"""Turns of the connections of this process that want the write lock of one database.

A libSQL server lets writers wait in a queue of its own. One that has waited there for longer than a
transaction may keep the lock (5 s), while the server moves its log into the database, is refused
and stays in the queue all the same. Is its stream closed by then, the server gives the lock to
nobody, and each write waits until the server is started again. So only as many of this process ask
the server at once as keep the lock in use: one that has it, and one that waits for it. The others
wait here, in the order in which they came.

A thread with two connections (two aliases of Django's, for example) would wait for itself: while
one of them has the lock, the other one reads without it, and is refused at once where it writes.

A turn is not the lock. Nobody loses a transaction by it: one that keeps the lock for so long that
the server may take it away no longer counts, and neither does one whose connection was forgotten.

No network here, no SQL.
"""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import Busy
from django_hrana.driver.transaction import Transaction

__all__ = ["Turn"]

# With one, the lock would be free for a round trip between two transactions.
AT_ONCE: Final = 2
# As long as the server leaves the lock with a transaction that others wait for.
LOCK_SECONDS: Final = 5.0
# How long the next in line sleeps before it looks whether a turn counts for less than it did: that
# somebody begins its five seconds is told to nobody, for it would cost each write a wake-up.
LOOK_SECONDS: Final = 0.5


class Called(Protocol):
    """How one that waits is called, from whatever thread."""

    def set(self) -> None:
        """Call."""

    def clear(self) -> None:
        """Forget that it was called."""


class Line:
    """Who has a turn on one database, and who waits for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[Turn, float] = {}
        """Those that have a turn, and until when it counts, in seconds of `time.monotonic`."""
        self._waiting: deque[Called] = deque()

    def take(self, turn: "Turn", seconds: float) -> bool:
        """Wait at most `seconds` for a turn, and take it; return whether there was one."""
        deadline = time.monotonic() + seconds
        called = threading.Event()
        if self.take_or_join(turn, called, seconds):
            return True
        try:
            while True:
                wait_seconds = self.look(turn, called, seconds, deadline)
                if wait_seconds is None:
                    return True
                if not wait_seconds:
                    return False
                called.wait(wait_seconds)
        finally:  # also after Ctrl-C
            self.leave(called)

    def take_or_join(self, turn: "Turn", called: "Called", seconds: float) -> bool:
        """Take a turn if there is one, and return True; else join the line, and return False."""
        with self._lock:
            if not self._waiting and self._admit(turn, seconds):
                return True
            self._waiting.append(called)
            return False

    def look(self, turn: "Turn", called: "Called", seconds: float, deadline: float) -> float | None:
        """Take the turn if it has come, and return None; else how long to wait to be called.

        That is 0 where the time is up.
        """
        with self._lock:
            now = time.monotonic()
            is_next = self._waiting[0] is called
            if is_next and self._admit(turn, seconds):
                return None
            if now >= deadline:
                return 0.0
            wake = deadline
            if is_next:
                wake = min(deadline, now + LOOK_SECONDS, *self._ends.values())
            called.clear()
            return wake - now

    def leave(self, called: "Called") -> None:
        """Leave the line, with a turn or without."""
        with self._lock:
            self._waiting.remove(called)
            self._call()

    def extend(self, turn: "Turn", seconds: float) -> None:
        """Let a turn count for `seconds` from now on, if there is one."""
        with self._lock:
            if turn in self._ends:
                self._ends[turn] = time.monotonic() + seconds

    def give_back(self, turn: "Turn") -> None:
        """End a turn, if there is one."""
        with self._lock:
            if self._ends.pop(turn, None) is not None:
                self._call()

    def _admit(self, turn: "Turn", seconds: float) -> bool:
        """Give a turn if there is one; from one that no longer counts, if need be."""
        now = time.monotonic()
        if len(self._ends) >= AT_ONCE:
            oldest = min(self._ends, key=self._ends.__getitem__)
            if self._ends[oldest] > now:
                return False
            del self._ends[oldest]
        self._ends[turn] = now + seconds
        return True

    def _call(self) -> None:
        """Wake the next in line."""
        if self._waiting:
            self._waiting[0].set()


# The server has ended a transaction without a statement for so long, and the lock is free.
IDLE_SECONDS: Final = 10.0


class Held(threading.local):
    """The turns of this thread's transactions that are open, by database."""

    def __init__(self) -> None:
        self.turns: dict[str, Turn] = {}


HELD: Final = Held()
LINES: Final[dict[str, Line]] = {}  # by database
# A child would wait for threads that only the parent has.
os.register_at_fork(after_in_child=LINES.clear)


class Turn:
    """The turn of one connection; it has none at first."""

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        # Each database of a server has a lock of its own, and the header names it.
        self._key = f"{endpoint} {endpoint.header}"
        self._endpoint = endpoint
        self._timeout_seconds = timeout_seconds
        self._pid = 0
        """The process that has it, 0 for none: after a fork, it is the parent's."""
        self._is_held = False
        self._last_held = 0.0
        """When its transaction was heard of last."""

    def take_for(self, transaction: Transaction, *, is_read: bool) -> None:
        """Take it for a statement of a transaction, where that takes the write lock.

        Raises:
            Busy: as `take`.
        """
        begins_with_lock = transaction.takes_lock and not transaction.is_begun
        if is_read and begins_with_lock and self._is_kept_by_this_thread:
            transaction.begin_without_lock()
        elif not is_read or begins_with_lock:
            self.take()

    def take(self) -> None:
        """Wait for the turn, unless it is there; `hold` and `give_back` say how it goes on.

        Raises:
            Busy: it did not come within the connection's timeout, or another connection of this
                thread has it, and would have to wait for this one; nothing was sent.
        """
        if self._pid == os.getpid():
            return
        self.check_own_thread()
        # The request that it is for can take as long as the timeout, once more.
        if not self._line.take(self, self._timeout_seconds):
            raise self.too_late()
        self._pid = os.getpid()
        self._is_held = False

    def check_own_thread(self) -> None:
        """Refuse to wait for a transaction of another connection of this thread.

        Raises:
            Busy: it has the lock, and would have to wait for this one.
        """
        if self._is_kept_by_this_thread:
            error = Busy(
                f"another connection of this thread has the write lock of {self._endpoint}: commit "
                "its transaction first, or use one connection (in Django, one alias) for both"
            )
            error.retryable = False  # it would wait for itself each time
            raise error

    def too_late(self) -> Busy:
        """Return the error for a turn that did not come."""
        return Busy(
            f"{self._endpoint} is busy: other connections of this process were writing for "
            f"{self._timeout_seconds:g} s; run it again"
        )

    def hold(self) -> None:
        """Keep it for a transaction that is open, from the first time on: so counts the server."""
        if self._pid != os.getpid():
            return
        self._last_held = time.monotonic()
        if not self._is_held:
            self._is_held = True
            HELD.turns[self._key] = self
            self._line.extend(self, LOCK_SECONDS)

    def give_back(self) -> None:
        """End it; without one, do nothing."""
        has_turn = self._pid == os.getpid()
        self._pid = 0
        if HELD.turns.get(self._key) is self:
            del HELD.turns[self._key]
        if has_turn:
            self._line.give_back(self)

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take it for one request."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    @property
    def _is_kept_by_this_thread(self) -> bool:
        """Whether a transaction of another connection of this thread has the lock."""
        other = HELD.turns.get(self._key)
        if other is None or other is self or other._pid != os.getpid():  # noqa: SLF001 (its twin)
            return False
        return time.monotonic() - other._last_held < IDLE_SECONDS  # noqa: SLF001 (as above)

    @property
    def _line(self) -> Line:
        return LINES.setdefault(self._key, Line())
