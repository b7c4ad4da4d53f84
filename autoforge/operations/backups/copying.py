"""Copying a database to another one, laptop to Turso or back, so that a kill costs little.

A snapshot of the source is taken first, in a folder of this machine: whatever happens to the source
meanwhile, the copy is one moment of it. From there it goes to the target, table by table. A copy
that was killed goes on where it was when it is started again: with the same snapshot, behind the
last row that the target has. The snapshot goes when the copy is complete.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from autoforge.operations.backups.database_file import DatabaseFile
from autoforge.operations.backups.errors import BackupError, SwitchUnknown
from autoforge.operations.backups.failures import explained
from autoforge.operations.backups.hashing import TableDigest
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.progress import OnProgress, ignore_progress
from autoforge.operations.backups.reading import (
    UnreadableText,
    hash_tables,
    open_reader,
)
from autoforge.operations.backups.restoring import check_target, put_database
from autoforge.operations.backups.room import Room
from autoforge.operations.backups.snapshots import take_snapshot

__all__ = ["WORK", "Copied", "copy_database", "list_unfinished_copies"]

WORK: Final = Path("data", "copies")
"""Where the snapshots of copies are, from the project's folder."""
LOCK: Final = "lock"
STATE: Final = "state.json"
SNAPSHOT: Final = "snapshot.sqlite3"
UNFINISHED: Final = "unfinished.sqlite3"


class CopyState(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that is under way."""

    identifier: str
    """What its tables on a server begin with."""
    tables: dict[str, TableDigest]
    """What is in the snapshot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """A copy that is complete."""

    tables: dict[str, TableDigest]
    """Name → count and hash, the same on both sides."""
    was_resumed: bool
    """Whether it went on with an earlier one."""


def copy_database(
    source: Location, target: Location, work: Path, *, on_progress: OnProgress = ignore_progress
) -> Copied:
    """Copy all of a database into an empty one.

    Args:
        source: what is copied.
        target: an empty database, or one with a copy from here that was not finished.
        work: a folder for the snapshot, which stays until the copy is complete.
        on_progress: told how far it is.

    Raises:
        BackupError: the target has none of it yet, whatever was said before; start again to go on.
        SwitchUnknown: the server did not say whether it has all of it; start again to know.
    """
    if source.is_same(target):
        raise BackupError(f"{source} cannot be copied to itself.")
    pair = f"{source} {source.namespace} {target} {target.namespace}"
    folder = work / hashlib.sha256(pair.encode()).hexdigest()[:16]
    with explained(folder), _locked(folder):
        try:
            copied = _copy(source, target, folder, on_progress)
        except SwitchUnknown:
            raise
        except BackupError as error:
            if _read_state(folder) is None:
                raise
            raise BackupError(
                f"{error} What was read of {source} is kept in {folder}: the same command goes on "
                "with it; delete that folder to begin anew."
            ) from error
    return copied


def _copy(source: Location, target: Location, folder: Path, on_progress: OnProgress) -> Copied:
    instead = (
        f"Copy to an empty database, or replace what is in it: write a backup of {source} with "
        f"backup_database, and give it to restore_database --to {target} --replace {target.name}."
    )
    state = _read_state(folder)
    was_resumed = state is not None
    if state is None:
        check_target(target, replace=False, instead=instead)
        state = _begin(source, folder, on_progress)
    if not (was_resumed and _has_arrived(target, state)):
        check_target(target, replace=False, instead=instead)
        put_database(
            folder / SNAPSHOT,
            state.tables,
            target,
            replace=False,
            identifier=state.identifier,
            on_progress=on_progress,
        )
    if target.path is not None and not _has_arrived(target, state):
        raise BackupError(f"{target} has other rows than {source} had.")
    (folder / STATE).unlink()  # what is left is nothing to go on with
    return Copied(tables=state.tables, was_resumed=was_resumed)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep a second copy of the same pair out; a folder that nobody can go on with is removed.

    Raises:
        BackupError: there is one.
    """
    is_new = not folder.parent.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError("This copy is being made by another process already.") from error
        try:
            yield
        finally:
            if _read_state(folder) is None:
                shutil.rmtree(folder, ignore_errors=True)
                if is_new:
                    with suppress(OSError):  # another copy has begun
                        folder.parent.rmdir()


def list_unfinished_copies(work: Path) -> list[Path]:
    """Return the folders of copies that nobody works at, sorted; empty where none can be seen."""
    folders = []
    with suppress(OSError):
        for lock_file in work.glob(f"*/{LOCK}"):
            with suppress(OSError), lock_file.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                folders.append(lock_file.parent)
    return sorted(folders)


def _read_state(folder: Path) -> CopyState | None:
    """Return the state of a copy whose snapshot is complete; None where there is none."""
    try:
        state = msgspec.json.decode((folder / STATE).read_bytes(), type=CopyState)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return state if (folder / SNAPSHOT).is_file() else None


def _begin(source: Location, folder: Path, on_progress: OnProgress) -> CopyState:
    unfinished = folder / UNFINISHED
    for leftover in (unfinished, folder / SNAPSHOT, folder / STATE):
        leftover.unlink(missing_ok=True)
    room = Room(
        folder=folder,
        purpose=f"a snapshot of {source}",
        elsewhere="name a folder on another disk with --work",
    )
    with explained(folder, room=room), DatabaseFile(unfinished) as file:
        snapshot = take_snapshot(source, file, room, on_progress=on_progress)
        os.fsync(file.stream.fileno())
    state = CopyState(identifier=secrets.token_hex(4), tables=snapshot.tables)
    unfinished.rename(folder / SNAPSHOT)
    # Last: with it, the snapshot is complete.
    written = folder / f"{STATE}.new"
    written.write_bytes(msgspec.json.encode(state))
    written.rename(folder / STATE)
    return state


def _has_arrived(target: Location, state: CopyState) -> bool:
    """Whether the target has all of the copy: it may have been killed at its very end."""
    careful: set[str] = set()
    with suppress(BackupError):  # a file that is not there yet
        while True:
            try:
                reading = open_reader(target, careful=frozenset(careful))
                with explained(target), reading as reader:
                    return hash_tables(reader) == state.tables
            except UnreadableText as error:
                careful.add(error.table)
    return False
