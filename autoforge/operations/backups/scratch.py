"""Folders for unfinished work that vanish, even if the process that made them was killed.

A folder is locked as long as its process lives. Whoever makes the next one removes those that
nobody holds: a killed backup would else leave a copy of the whole database behind each time.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["PREFIX", "scratch_folder"]

PREFIX: Final = ".autoforge-backup-"
LOCK: Final = "lock"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder that only its owner can enter, and remove it afterwards.

    Args:
        parent: where it is made, on the disk where the result will be.

    Raises:
        OSError: it cannot be made there.
    """
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))  # mode 700, always
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # Another process may remove it at the same time, or be another user's.
        with suppress(OSError), (folder / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
