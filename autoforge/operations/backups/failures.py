"""Errors of databases and disks as one sentence, which names what is at fault.

A backup's disk that is full is not the database that is read.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeGuard

from autoforge.operations.backups.errors import BackupError, NoRoom
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.room import Room
from django_hrana import driver

__all__ = ["FULL", "explained"]

LIBRARY: Final = "auth_token"  # what the driver calls a token
# No space, a quota, and the largest file that the user (ulimit -f) or the file system allows.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# What SQLite says where it cannot write; SQLite's own file that is only read raises none of these.
NOT_WRITTEN: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_FSYNC,
    }
)


@contextmanager
def explained(what: object, *, room: Room | None = None) -> Iterator[None]:
    """Turn errors of databases and disks into one sentence.

    Args:
        what: which database or file is worked on, without secrets.
        room: where something is written meanwhile.

    Raises:
        NoRoom: instead of them, where nothing more can be written to the room.
        BackupError: instead of others.
    """
    try:
        yield
    except (sqlite3.Error, driver.Error, OSError) as error:
        reason = _find_reason(error)
        if room is not None and reason:
            raise NoRoom(room, reason) from error
        if room is not None and _is_refused(error, room):
            raise BackupError(room.explain_refusal(os.strerror(error.errno or 0))) from error
        raise BackupError(f"{what}: {_describe(error, what)}.") from error


def _is_refused(error: Exception, room: Room) -> TypeGuard[OSError]:
    """Whether the room takes no new files at all."""
    if not isinstance(error, OSError) or error.errno not in REFUSED:
        return False
    return error.filename is not None and str(error.filename).startswith(f"{room.folder}/.")


def _describe(error: Exception, what: object) -> str:
    text = str(error).rstrip(".")
    # The driver says "cause: remedy", and its remedy for a token is an option of its own.
    if isinstance(error, driver.AccessDenied) and isinstance(what, Location) and LIBRARY in text:
        cause, _, _remedy = text.rpartition(": ")
        return f"{cause.replace(LIBRARY, 'token')}; {what.token_remedy}"
    return text


def _find_reason(error: Exception) -> str:
    """Return why nothing more can be written; empty where that is not what is wrong."""
    if isinstance(error, OSError) and error.errno in FULL:
        return os.strerror(error.errno)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # of errors that SQLite itself raises
        return str(error) if code in NOT_WRITTEN else ""
    return ""
