"""Files of data that only their owner may read, whatever the umask is: databases and their copies.

Plain Python. SQLite gives the files beside a database (-wal, -shm, -journal) the mode of the
database itself, so it is enough that this one is there with the right mode before SQLite opens it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["OWNER_ONLY", "keep_private", "list_database_files"]

OWNER_ONLY: Final = 0o600
BESIDE: Final = ("", "-wal", "-shm", "-journal")


def keep_private(database: str | Path) -> None:
    """Make an empty SQLite file for its owner alone, or take others' rights to it away.

    An empty file is an empty database. What cannot be made or changed (no such folder, somebody
    else's file) stays as it is: SQLite says what it cannot open, the probe `permissions` the rest.
    """
    path = os.path.realpath(database)  # of a symbolic link, the file itself
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY))
    for file in list_database_files(path):
        with suppress(OSError):
            if stat.S_IMODE(file.stat().st_mode) & ~OWNER_ONLY:
                file.chmod(OWNER_ONLY)


def list_database_files(database: str | Path) -> Iterator[Path]:
    """Yield the file of a SQLite database and those beside it, where they are there."""
    for ending in BESIDE:
        path = Path(f"{database}{ending}")
        if path.is_file():
            yield path
