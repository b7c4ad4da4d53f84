"""The two database files of a replica: one is read, the other is brought up to date.

A file is only changed while nobody reads it (`flock`: readers share, who changes it is alone), and
never twice the same way: the stamp in its header tells a reader whether it is still the content
that it has in its memory.

Page images can be written again: whoever was killed half-way leaves nothing that repeating would
not mend.

Left to others: which file is read (`state`), when they change (`syncing`).
"""

import contextlib
import os
import secrets
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from django_hrana.replica.protocol import PAGE_BYTES, Frame, ProtocolError
from django_hrana.replica.state import NO_FRAME, Content, locking

__all__ = [
    "STAMP_OFFSET",
    "DatabaseFile",
    "database_paths",
    "is_holding",
    "pack_stamp",
    "state_path",
]

# SQLite's file format, 1.3: the versions of who may write and read (1 is a rollback journal, 2 a
# WAL, which nobody has here), the change counter, and the counter at which the size in the header
# was right. The counter is a number that SQLite compares and never interprets: our stamp.
VERSIONS_OFFSET: Final = 18
STAMP_OFFSET: Final = 24
SIZE_VALID_FOR_OFFSET: Final = 92
NO_WAL: Final = b"\x01\x01"
STAMP: Final = struct.Struct(">I")
COPY_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What was written."""

    content: Content
    """What the file holds now."""
    pages: frozenset[int]
    """The pages that were written."""


def database_paths(path: Path) -> tuple[Path, Path]:
    """Return the two database files of the replica at `path`."""
    return path.with_name(f"{path.name}-a"), path.with_name(f"{path.name}-b")


def state_path(path: Path) -> Path:
    """Return the file that says which of them is read."""
    return path.with_name(f"{path.name}-state")


def pack_stamp(stamp: int) -> bytes:
    """Return a stamp as it stands in the file."""
    return STAMP.pack(stamp)


def is_holding(path: Path, content: Content) -> bool:
    """Return whether a file holds this, as far as its stamp and its size say."""
    try:
        with path.open("rb", buffering=0) as file:
            return _holds(file.fileno(), content)
    except OSError:
        return False


class DatabaseFile:
    """A database file, open for whoever changes it."""

    def __init__(self, file: IO[bytes]) -> None:
        """Use `changing` instead."""
        self._file = file
        self._number = file.fileno()

    @classmethod
    @contextlib.contextmanager
    def changing(cls, path: Path, seconds: float) -> Iterator["DatabaseFile"]:
        """Give the file to change, when nobody reads it any more; it is made where there is none.

        From here on what readers remember of it is void, whatever happens.

        Raises:
            BusyError: somebody read it, all the time.
            OSError: not possible.
        """
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + seconds
        with os.fdopen(number, "r+b", buffering=0) as file, locking(file, deadline):
            yield cls(file)

    def holds(self, content: Content) -> bool:
        """Whether it holds this, as far as its stamp and its size say."""
        return _holds(self._number, content)

    def clear(self) -> None:
        """Forget everything."""
        os.ftruncate(self._number, 0)

    def apply(self, frames: Iterable[Frame], base: Content) -> Change:
        """Write what changed since `base`, which the file holds, and return what it holds now.

        Raises:
            ProtocolError: the frames do not end with a commit, or there are none.
        """
        stamp = self._void()
        newest, pages, size = None, set(), 0
        for frame in frames:
            if frame.frame_no <= base.frame_no:
                raise ProtocolError("a frame is older than what was asked for")
            if newest is None or frame.frame_no > newest.frame_no:
                newest = frame
            os.pwrite(self._number, _without_wal(frame), (frame.page_no - 1) * PAGE_BYTES)
            pages.add(frame.page_no)
            size = frame.size_after
        if newest is None or size == 0:
            raise ProtocolError("the log does not end with a commit")
        self._finish(stamp, size)
        content = Content(
            frame_no=newest.frame_no, checksum=newest.checksum, stamp=stamp, pages=size
        )
        return Change(content=content, pages=frozenset(pages))

    def copy(self, source: Path, content: Content, pages: Iterable[int] | None = None) -> Content:
        """Make the file equal to another one, and return what it holds now.

        Args:
            source: the other file, which nobody changes meanwhile.
            content: what it holds.
            pages: where they differ; None: everywhere.
        """
        stamp = self._void()
        with source.open("rb", buffering=0) as other:
            if pages is None:
                _copy_all(other.fileno(), self._number, content.pages * PAGE_BYTES)
            else:
                _copy_pages(other.fileno(), self._number, pages)
        self._finish(stamp, content.pages)
        return Content(
            frame_no=content.frame_no, checksum=content.checksum, stamp=stamp, pages=content.pages
        )

    def _void(self) -> int:
        """Make what readers remember void; return the stamp to come."""
        before = os.pread(self._number, STAMP.size, STAMP_OFFSET)
        void = _new_stamp(before)
        os.pwrite(self._number, void, STAMP_OFFSET)
        return int(STAMP.unpack(_new_stamp(before, void))[0])

    def _finish(self, stamp: int, pages: int) -> None:
        """Cut the file to its size, stamp it, and bring it to the disk."""
        os.ftruncate(self._number, pages * PAGE_BYTES)
        # Twice, for SQLite only believes the size in the header where both are equal.
        os.pwrite(self._number, pack_stamp(stamp), STAMP_OFFSET)
        os.pwrite(self._number, pack_stamp(stamp), SIZE_VALID_FOR_OFFSET)
        os.fsync(self._number)


def _new_stamp(*others: bytes) -> bytes:
    """Return a random stamp: files that were removed and made again have no common numbers."""
    while True:
        stamp = secrets.token_bytes(STAMP.size)
        if stamp not in (*others, bytes(STAMP.size)):
            return stamp


def _without_wal(frame: Frame) -> bytes:
    """Return the page; the first one says how the file is written, which is not the server's way.

    Nor does it bring the server's change counter: the stamp stays void until the end.
    """
    if frame.page_no != 1:
        return frame.page
    page = bytearray(frame.page)
    page[VERSIONS_OFFSET : VERSIONS_OFFSET + len(NO_WAL)] = NO_WAL
    page[STAMP_OFFSET : STAMP_OFFSET + STAMP.size] = bytes(STAMP.size)
    return bytes(page)


def _holds(number: int, content: Content) -> bool:
    if content.frame_no == NO_FRAME:
        return False
    stamp = os.pread(number, STAMP.size, STAMP_OFFSET)
    size = os.fstat(number).st_size
    return stamp == pack_stamp(content.stamp) and size == content.pages * PAGE_BYTES


def _copy_all(source: int, target: int, size: int) -> None:
    position = 0
    while position < size:
        block = os.pread(source, min(COPY_BYTES, size - position), position)
        if not block:
            raise OSError("the other file of the replica is too short")
        os.pwrite(target, block, position)
        position += len(block)


def _copy_pages(source: int, target: int, pages: Iterable[int]) -> None:
    for page_no in pages:
        offset = (page_no - 1) * PAGE_BYTES
        # Beyond the end of the other file: it shrank, and so will this one.
        os.pwrite(target, os.pread(source, PAGE_BYTES, offset), offset)
