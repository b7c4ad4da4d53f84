"""A SQLite file that is written once and read then; without a name, it cannot be left behind.

A snapshot and an unpacked backup are the whole database in plain text. Their files lose their names
as soon as they are open: whatever ends the process, even `kill -9`, the system frees them.

SQLite opens a file when it connects, and asks for its name again only for a journal or a WAL beside
it, of which there is none here. Source: https://www.sqlite.org/fileformat2.html, section 1.3.3.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from core.private_files import keep_private

__all__ = ["DatabaseFile"]

VERSIONS_AT: Final = 18  # of the header: who may write the file, who may read it
ROLLBACK_JOURNAL: Final = b"\x01\x01"
# Should the machine fail, the file is made again.
QUICK: Final = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA foreign_keys=OFF")


class DatabaseFile:
    """A new SQLite file, which only its owner can read.

    Attributes:
        stream: its bytes.
        writer: a connection that fills it, up to `seal`.
        connection: one that reads it, from then on.
    """

    def __init__(self, path: Path, *, keeps_name: bool = True) -> None:
        """Make the file.

        Raises:
            OSError: it cannot be made, or is there already.
        """
        self._path = path
        self._keeps_name = keeps_name
        self._open()

    @classmethod
    def unnamed(cls, folder: Path) -> Self:
        """Return one that is gone with this process.

        Raises:
            OSError: it cannot be made in the folder.
        """
        return cls(folder / f"{uuid4().hex}.sqlite3", keeps_name=False)

    def _open(self) -> None:
        self._path.touch(mode=0o600, exist_ok=False)
        keep_private(self._path)
        self.stream = self._path.open("r+b")
        self.writer = sqlite3.connect(self._path, isolation_level=None)
        self.connection = sqlite3.connect(self._path, isolation_level=None)
        if not self._keeps_name:
            # Some network disks keep the name of what is open: it goes with its folder then.
            with suppress(OSError):
                self._path.unlink()
        for sql in QUICK:
            self.writer.execute(sql)

    def restart(self) -> None:
        """Begin again with an empty file."""
        self.close()
        self._path.unlink(missing_ok=True)
        self._open()

    def seal(self) -> None:
        """End the writing: what `connection` reads is one file, and needs no WAL beside it."""
        self.writer.close()
        if self.size_bytes:
            self.stream.seek(VERSIONS_AT)
            self.stream.write(ROLLBACK_JOURNAL)
            self.stream.flush()

    @property
    def size_bytes(self) -> int:
        """How large the file is."""
        return self.stream.seek(0, 2)

    def close(self) -> None:
        """Close it; without a name, it is gone."""
        self.writer.close()
        self.connection.close()
        self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
