"""The state of a transaction as the client asked for it, with what the server has not heard yet.

BEGIN, SAVEPOINT, RELEASE and ROLLBACK TO are not sent by themselves: they wait here and go in front
of the next statement, in the same request. Pairs that nothing came between are never sent. No
network here, no SQL beyond these words.
"""

from typing import Final

from django_hrana.driver.errors import OperationalError

__all__ = ["MODES", "WRITE_LOCK", "Transaction", "find_begin"]

MODES: Final = ("auto", "DEFERRED", "IMMEDIATE", "EXCLUSIVE")
WRITE_LOCK: Final = "BEGIN IMMEDIATE"


def find_begin(mode: str) -> str:
    """Return the statement that begins transactions.

    "auto" takes the write lock at once: a transaction that reads first and takes it later fails
    when somebody else wrote in between, and who modifies what was read cannot go on.
    """
    if mode == "auto":
        return WRITE_LOCK
    if mode == "DEFERRED":  # what SQLite does anyway
        return "BEGIN"
    return f"BEGIN {mode}"


class Transaction:
    """A transaction from its BEGIN, which may not be sent yet, to its end."""

    def __init__(
        self, begin: str, *, ends_with_savepoints: bool = False, defers_foreign_keys: bool = False
    ) -> None:
        """Begin.

        Args:
            begin: the statement that begins it, as it will be sent.
            ends_with_savepoints: a savepoint began it: releasing the outermost one commits.
            defers_foreign_keys: they are checked at its end only.
        """
        self.begin = begin
        self._defers_foreign_keys = defers_foreign_keys
        self._unsent_deferral = defers_foreign_keys
        self.is_begun = False
        """The server has confirmed the BEGIN."""
        self.has_written = False
        """A statement was sent that may have changed something."""
        self.lost: OperationalError | None = None
        """Why the server ended it; from then on only a rollback is possible."""
        self._waiting: list[str] = []
        self._savepoints: list[str] = []
        self._repeated: set[str] = set()
        """Names that two savepoints had at once: the server takes the newest for what is meant."""
        self._ends_with_savepoints = ends_with_savepoints

    @property
    def takes_lock(self) -> bool:
        """Whether its BEGIN takes the write lock."""
        return self.begin not in ("BEGIN", "BEGIN DEFERRED")

    def begin_without_lock(self) -> None:
        """Note that the lock is not to be had for its BEGIN; a statement that writes asks again."""
        self.begin = "BEGIN"

    @property
    def is_over(self) -> bool:
        """Whether releasing its outermost savepoint has ended it."""
        return self._ends_with_savepoints and not self._savepoints

    @property
    def defers_foreign_keys(self) -> bool:
        """Whether all foreign keys are checked at its end only, whatever the tables say."""
        return self._defers_foreign_keys

    @defers_foreign_keys.setter
    def defers_foreign_keys(self, value: bool) -> None:
        # Apart from what waits in order: savepoints do not bring the old state back.
        self._unsent_deferral |= value != self._defers_foreign_keys
        self._defers_foreign_keys = value

    def save(self, name: str) -> None:
        """Note a savepoint."""
        if name in self._savepoints:
            self._repeated.add(name)
        self._savepoints.append(name)
        self._waiting.append(f"SAVEPOINT {_quoted(name)}")

    def release(self, name: str) -> None:
        """Note that a savepoint, and those inside it, are no longer needed.

        Raises:
            OperationalError: there is no such savepoint.
        """
        position = self._position(name)
        del self._savepoints[position:]
        unsent = self._unsent(name)
        if unsent is None:
            # All that waits is inside of it, and gone with it; but what was undone stays undone.
            kept = ("ROLLBACK TO", "RELEASE") if name in self._repeated else ("ROLLBACK TO",)
            undone = [sql for sql in self._waiting if sql.startswith(kept)]
            self._waiting = [*undone, f"RELEASE {_quoted(name)}"]
        else:
            del self._waiting[unsent:]

    def roll_back_to(self, name: str) -> None:
        """Note that everything since a savepoint is undone.

        Raises:
            OperationalError: there is no such savepoint.
        """
        position = self._position(name)
        del self._savepoints[position + 1 :]
        unsent = self._unsent(name)
        if unsent is None:  # all that waits is inside of it
            kept = ("ROLLBACK TO", "RELEASE") if name in self._repeated else ()
            ended = [sql for sql in self._waiting if sql.startswith(kept)]
            self._waiting = [*ended, f"ROLLBACK TO {_quoted(name)}"]
        else:
            del self._waiting[unsent + 1 :]

    @property
    def prefix(self) -> list[str]:
        """What must go in front of the next statement."""
        prefix = [] if self.is_begun else [self.begin]
        if self._unsent_deferral:
            prefix.append(f"PRAGMA defer_foreign_keys={int(self._defers_foreign_keys)}")
        return [*prefix, *self._waiting]

    def sent(self) -> None:
        """Note that the server has done all of `prefix`."""
        self.is_begun = True
        self._unsent_deferral = False
        self._waiting.clear()

    def _position(self, name: str) -> int:
        """Return the index of the newest savepoint of this name: SQLite allows several."""
        for position in reversed(range(len(self._savepoints))):
            if self._savepoints[position] == name:
                return position
        raise OperationalError(f"no such savepoint: {name}")

    def _unsent(self, name: str) -> int | None:
        """Return where the savepoint waits, or None where the server knows it."""
        text = f"SAVEPOINT {_quoted(name)}"
        for position in reversed(range(len(self._waiting))):
            if self._waiting[position] == text:
                return position
        return None


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
