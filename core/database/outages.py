"""Which errors of the database are nobody's bug, but somebody's bad day: said in one sentence.

SQLite: locked by another program, read-only, damaged, no database at all, missing, a full or
failing disk. libSQL: a wrong, expired or read-only token, an unknown database, a server that is
down or has no room, a used-up quota, a transaction that was taken away, an answer that never came.

An error is told by its code or its class, never by its text. What else a database may refuse (a
constraint, a column that is not there) is left to `core.database.explanation`.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from django_hrana import driver

__all__ = ["Outage", "OutageKind", "database_file", "find_outage", "is_refusal", "show_path"]

PRIMARY_CODE: Final = 0xFF  # an extended code of SQLite carries its primary one in the low byte


class OutageKind(Enum):
    """What a caller or a page would treat alike."""

    ACCESS_DENIED = auto()
    """We may not enter, or may only read."""
    BLOCKED = auto()
    """The account is blocked: a quota is used up."""
    BUSY = auto()
    """Somebody else wrote at the same moment."""
    DAMAGED = auto()
    """What is there is no database, or a broken one."""
    DISK = auto()
    """The disk is full, or fails."""
    LOCKED = auto()
    """Another program has held the write lock for too long."""
    NOT_FOUND = auto()
    """There is no database of that name."""
    OUTCOME_UNKNOWN = auto()
    """A write was sent and no answer came."""
    OVERLOADED = auto()
    """The server has no room now."""
    TRANSACTION_LOST = auto()
    """The server took the transaction away."""
    UNREACHABLE = auto()
    """Nobody answers."""


# What may be over in a minute by itself, or with somebody's help: it is worth waiting, since
# answers that were paid for are not stored yet. Whoever then does the same again must be sure that
# it can be done twice: what has an unknown outcome may have been done.
PASSING: Final = frozenset(
    {
        OutageKind.BUSY,
        OutageKind.DISK,
        OutageKind.LOCKED,
        OutageKind.OUTCOME_UNKNOWN,
        OutageKind.OVERLOADED,
        OutageKind.TRANSACTION_LOST,
        OutageKind.UNREACHABLE,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """Why the database cannot be used now."""

    kind: OutageKind
    """What happened."""
    cause: str
    """What happened, without secrets, for whoever runs the product."""
    remedy: str = ""
    """How to mend it; empty where the cause says that too."""

    @property
    def sentence(self) -> str:
        """Cause and remedy; it begins small and ends without a full stop."""
        return f"{self.cause}: {self.remedy}" if self.remedy else self.cause

    @property
    def may_pass(self) -> bool:
        """Whether waiting can help, and doing the same again, if that may be done twice."""
        return self.kind in PASSING


def find_outage(error: BaseException | None) -> Outage | None:
    """Return the bad day behind an error, None where it is any other error.

    Args:
        error: Django's error or the driver's.
    """
    for cause in _chain(error):
        outage = None
        if isinstance(cause, driver.Error):
            outage = _of_server(cause)
        elif isinstance(cause, sqlite3.Error):
            outage = _of_file(cause)
        if outage is not None:
            return outage
    return None


def is_refusal(error: BaseException | None) -> bool:
    """Whether the database answered and refused a statement, which it would do again.

    Args:
        error: Django's error or the driver's; one that no driver raised is no refusal.
    """
    for cause in _chain(error):
        if isinstance(cause, driver.Error | sqlite3.Error):
            return find_outage(error) is None
    return False


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


# --- libSQL

SERVER_ERRORS: Final[tuple[tuple[type[driver.Error], OutageKind], ...]] = (
    (driver.AccessDenied, OutageKind.ACCESS_DENIED),
    (driver.Blocked, OutageKind.BLOCKED),
    (driver.Busy, OutageKind.BUSY),
    (driver.DatabaseNotFound, OutageKind.NOT_FOUND),
    (driver.OutcomeUnknown, OutageKind.OUTCOME_UNKNOWN),
    (driver.Overloaded, OutageKind.OVERLOADED),
    (driver.TransactionLost, OutageKind.TRANSACTION_LOST),
    (driver.Unreachable, OutageKind.UNREACHABLE),
    (driver.InterfaceError, OutageKind.UNREACHABLE),  # what answers there is no libSQL server
)
LOOK: Final = "check the server's log and its disk"
RESTORE: Final = "stop AutoForge and restore the latest backup (see docs/database.md)"
# The file behind the server has a bad day of its own; the server hands SQLite's code on.
SERVER_CODES: Final[tuple[tuple[str, OutageKind, str, str], ...]] = (
    ("SQLITE_FULL", OutageKind.DISK, "the server's disk is full", "free space on it"),
    ("SQLITE_IOERR", OutageKind.DISK, "the server's disk reports an error", LOOK),
    ("SQLITE_CANTOPEN", OutageKind.NOT_FOUND, "the server cannot open its file", LOOK),
    ("SQLITE_READONLY", OutageKind.ACCESS_DENIED, "the server cannot write to its file", LOOK),
    ("SQLITE_CORRUPT", OutageKind.DAMAGED, "the server's file is damaged", RESTORE),
    ("SQLITE_NOTADB", OutageKind.DAMAGED, "the server's file is not a database", RESTORE),
)


def _of_server(error: driver.Error) -> Outage | None:
    for error_class, kind in SERVER_ERRORS:
        if isinstance(error, error_class):
            # The driver's sentences are "cause: remedy"; a cause may hold a colon of its own.
            cause, _, remedy = str(error).rpartition(": ")
            return Outage(kind=kind, cause=cause or remedy, remedy=remedy if cause else "")
    for code, kind, cause, remedy in SERVER_CODES:
        if error.code.startswith(code):
            return Outage(kind=kind, cause=f"{cause} ({error})", remedy=remedy)
    return None


# --- SQLite


def _locked(_error: sqlite3.Error) -> Outage:
    return Outage(
        kind=OutageKind.LOCKED,
        cause=f"another program holds the lock on {show_path()}",
        remedy=(
            "wait until it is done, or stop it (an import, a backup, a shell with an open "
            "transaction), and try again"
        ),
    )


def _read_only(_error: sqlite3.Error) -> Outage:
    return Outage(
        kind=OutageKind.ACCESS_DENIED,
        cause=f"{show_path()} is read-only",
        remedy=(
            "give this user write access to the file and to its folder, where SQLite keeps two "
            "more files"
        ),
    )


def _not_opened(_error: sqlite3.Error) -> Outage:
    path = database_file()
    if path is not None and _is_missing(path.parent):
        return Outage(
            kind=OutageKind.NOT_FOUND,
            cause=f"there is no database at {show_path()}, and no folder {show_path(path.parent)}",
            remedy="create the folder and run `manage.py migrate`, or correct DATABASE_URL",
        )
    if path is not None and _is_missing(path):
        return Outage(
            kind=OutageKind.NOT_FOUND,
            cause=f"there is no database at {show_path()}",
            remedy=(
                "run `manage.py migrate` to create it, as a user with write access to the "
                "folder, or correct DATABASE_URL"
            ),
        )
    return Outage(
        kind=OutageKind.ACCESS_DENIED,
        cause=f"{show_path()} cannot be opened",
        remedy=(
            "give this user read and write access to the file and its folder, or correct "
            "DATABASE_URL"
        ),
    )


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # we may not even look
        return False


def _no_database(_error: sqlite3.Error) -> Outage:
    return Outage(
        kind=OutageKind.DAMAGED,
        cause=f"{show_path()} is not a SQLite database",
        remedy="correct DATABASE_URL, or move the file away and run `manage.py migrate`",
    )


def _damaged(error: sqlite3.Error) -> Outage:
    return Outage(
        kind=OutageKind.DAMAGED, cause=f"{show_path()} is damaged ({error})", remedy=RESTORE
    )


def _disk(error: sqlite3.Error) -> Outage:
    if error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_FULL:
        reason = "is full, or a quota or limit has been reached"
        remedy = "free space there, and try again"
    else:
        reason = f"reports an error ({error.sqlite_errorname})"
        remedy = "check its free space and its health, and try again"
    cause = f"the disk that holds {show_path()} {reason}"
    return Outage(kind=OutageKind.DISK, cause=cause, remedy=remedy)


# By primary code. SQLITE_LOCKED is not among them: there a connection stands in its own way.
FILE_ERRORS: Final[Mapping[int, Callable[[sqlite3.Error], Outage]]] = {
    sqlite3.SQLITE_AUTH: _read_only,
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_CANTOPEN: _not_opened,
    sqlite3.SQLITE_CORRUPT: _damaged,
    sqlite3.SQLITE_FULL: _disk,
    sqlite3.SQLITE_IOERR: _disk,
    sqlite3.SQLITE_NOTADB: _no_database,
    sqlite3.SQLITE_PERM: _read_only,
    sqlite3.SQLITE_PROTOCOL: _locked,
    sqlite3.SQLITE_READONLY: _read_only,
}


def _of_file(error: sqlite3.Error) -> Outage | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own module raised it, not SQLite
        return None
    describe = FILE_ERRORS.get(code & PRIMARY_CODE)
    if describe is None:
        return None
    return describe(error)


# --- where it is


def database_file() -> Path | None:
    """Return the SQLite file, or None where the database is a server or in memory."""
    entry = connection.settings_dict
    name = str(entry["NAME"])
    if entry["ENGINE"] != "core.sqlite" or ":memory:" in name:
        return None
    return Path(name.removeprefix("file:").partition("?")[0])


def show_path(path: Path | None = None) -> str:
    """Return a path as messages show it: inside the project, relative to it.

    Args:
        path: the SQLite file if not given; "the database" where it is no file.
    """
    if path is None:
        path = database_file()
    if path is None:
        return "the database"
    root = Path(settings.BASE_DIR)
    if path.is_relative_to(root):
        path = path.relative_to(root)
    return str(path)
