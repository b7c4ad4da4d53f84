"""Folders for unfinished work that vanish, even if the process that made them was killed.

A folder is locked as long as its process lives. Whoever makes the next one removes those that
nobody holds, and so does who reads a backup beside them. Nothing in them is in plain text but
backups that are not encrypted anyway (see `database_file`).
"""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

__all__ = ["PREFIX", "list_abandoned", "remove_abandoned", "scratch_folder"]

PREFIX: Final = ".autoforge-backup-"
LOCK: Final = "lock"
LOCKED_WITHIN_SECONDS: Final = 60.0  # of its making, by whoever lives


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder that only its owner can enter, and remove it afterwards.

    Args:
        parent: where it is made, on the disk where the result will be.

    Raises:
        OSError: it cannot be made there.
    """
    remove_abandoned(parent)
    folder, lock = _make_locked(parent)
    try:
        with lock:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_locked(parent: Path) -> tuple[Path, IO[str]]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))  # mode 700, always
        lock = (folder / LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Between the last two lines, another process may have taken it for an abandoned one.
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()


def remove_abandoned(parent: Path) -> None:
    """Remove the folders whose processes have ended; others' stay, and nothing is raised."""
    for folder in list_abandoned(parent):
        # Another process may remove it at the same time.
        with suppress(OSError), (folder / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        if not (folder / LOCK).exists():
            shutil.rmtree(folder, ignore_errors=True)


def list_abandoned(parent: Path) -> list[Path]:
    """Return the folders here whose processes have ended, sorted; empty where none can be seen."""
    folders = []
    with suppress(OSError):
        for folder in parent.glob(f"{PREFIX}*"):
            if _is_abandoned(folder):
                folders.append(folder)
    return sorted(folders)


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:  # its process ended before it locked it, or is just about to
        with suppress(OSError):
            return time.time() - folder.stat().st_mtime > LOCKED_WITHIN_SECONDS
        return False
    except OSError:  # held, or another user's
        return False
