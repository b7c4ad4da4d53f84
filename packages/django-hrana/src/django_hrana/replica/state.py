"""What a replica's files hold, in a small file beside them, which is also the lock of who changes.

Two slots take turns, each with a checksum: whoever is killed while writing one leaves the other.

Left to others: the databases (`files`), when they change (`syncing`).
"""

import contextlib
import fcntl
import os
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

__all__ = [
    "BOOT",
    "NO_FRAME",
    "BusyError",
    "Content",
    "State",
    "StateFile",
    "close_locked_files",
    "locking",
    "read_state",
]

MAGIC: Final = b"hranarp1"
SLOT_BYTES: Final = 256
CONTENT: Final = "qQII"  # last frame, its checksum, stamp, pages
LAYOUT: Final = struct.Struct(f"<8sQ16s16s16s16sqB{CONTENT}{CONTENT}")
CHECKSUM: Final = struct.Struct("<I")
NO_FRAME: Final = -1
PAUSE_SECONDS: Final = 0.002  # between two attempts to get a lock
BOOT_FILE: Final = Path("/proc/sys/kernel/random/boot_id")


def _find_boot() -> bytes:
    """Return the name of this run of the machine: what its clock counts from.

    Where the system has none, each process is a machine of its own: what others have seen is then
    not believed, which costs time and is never wrong.
    """
    with contextlib.suppress(OSError, ValueError):
        return uuid.UUID(BOOT_FILE.read_text().strip()).bytes
    return uuid.uuid4().bytes


BOOT: Final = _find_boot()


class BusyError(Exception):
    """A lock could not be had in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What one of the two database files holds."""

    frame_no: int = NO_FRAME
    """The last frame of the log that is in it; -1: nothing that can be used."""
    checksum: int = 0
    """The log's checksum at that frame."""
    stamp: int = 0
    """The number in its header, another one after each change."""
    pages: int = 0
    """Its length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What a replica holds."""

    database: bytes
    """Names the database: 16 bytes made of its address."""
    log_id: bytes
    """The log that its frames come from."""
    session: bytes = bytes(16)
    """The server's process that was asked last."""
    boot: bytes = BOOT
    """The run of the machine whose clock `confirmed_ns` is of."""
    confirmed_ns: int = 0
    """When the question was asked whose answer was that there is nothing newer; 0: unknown."""
    current: int = 0
    """Which of the files is read."""
    files: tuple[Content, Content] = (Content(), Content())
    """What they hold."""
    sequence: int = 0
    """Counts the changes of the state."""

    @property
    def content(self) -> Content:
        """The content of the file that is read."""
        return self.files[self.current]

    def with_content(self, index: int, content: Content) -> "State":
        """Return the state after one of the files has changed."""
        files = (content, self.files[1]) if index == 0 else (self.files[0], content)
        return replace(self, files=files)


class StateFile:
    """The file that holds the state.

    Threads may read at once; whoever writes has the lock.
    """

    def __init__(self, path: Path) -> None:
        """Open it; it is made where there is none.

        Raises:
            OSError: not possible.
        """
        self.path = path
        self._file = self._open()
        self._removed: list[IO[bytes]] = []
        self._seen: tuple[bytes, State | None] = (b"", None)

    def read(self) -> State | None:
        """Return the state; None where there is none that can be read."""
        file = self._file  # another thread may turn to a new one
        raw = os.pread(file.fileno(), 2 * SLOT_BYTES, 0)
        seen, state = self._seen
        if raw == seen:
            return state
        state = _parse_newest(raw)
        self._seen = (raw, state)
        return state

    def write(self, state: State, *, durable: bool) -> State:
        """Write the state, which gets the next number, and return it.

        Args:
            state: what is written.
            durable: it is on the disk before anything else happens: files may change because of it.
        """
        state = replace(state, sequence=state.sequence + 1)
        slot = state.sequence % 2
        os.pwrite(self._file.fileno(), _pack(state), slot * SLOT_BYTES)
        if durable:
            os.fsync(self._file.fileno())
        return state

    @contextlib.contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Be the only one who changes the replica, among all processes.

        Raises:
            BusyError: somebody else was, all the time.
        """
        deadline = time.monotonic() + seconds
        while True:
            with locking(self._file, deadline) as file:
                if self._is_at_path(file):
                    yield
                    return
            # Somebody removed it; the lock of a file that nobody else can see is worth nothing.
            self._removed.append(self._file)  # another thread may read it now
            self._file = self._open()

    def close(self) -> None:
        """Close it."""
        for file in (self._file, *self._removed):
            file.close()

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(number, "r+b", buffering=0)

    def _is_at_path(self, file: IO[bytes]) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        return False


def read_state(path: Path) -> State | None:
    """Return what a state's file says, without keeping it open; None where there is none.

    Raises:
        OSError: it is there, and cannot be read.
    """
    try:
        return _parse_newest(path.read_bytes())
    except FileNotFoundError:
        return None


# Those that this process has locked, for a child that inherits them.
LOCKED: Final[set[IO[bytes]]] = set()


@contextlib.contextmanager
def locking(file: IO[bytes], deadline: float) -> Iterator[IO[bytes]]:
    """Give the file, locked for this process alone, until the block ends.

    Never by waiting in the system: a process with green threads would stand still.

    Args:
        file: what is locked.
        deadline: when to give up, of the monotonic clock.

    Raises:
        BusyError: others had it.
    """
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BusyError("it is in use") from None
        time.sleep(PAUSE_SECONDS)
    LOCKED.add(file)
    try:
        yield file
    finally:
        LOCKED.discard(file)
        # Closing is not enough where a child has inherited the file.
        fcntl.flock(file, fcntl.LOCK_UN)


def close_locked_files() -> None:
    """Close what the parent has locked, in its child: else the lock would outlive the parent."""
    for file in LOCKED:
        file.close()
    LOCKED.clear()


def _pack(state: State) -> bytes:
    contents: list[int] = []
    for content in state.files:
        contents += (content.frame_no, content.checksum, content.stamp, content.pages)
    packed = LAYOUT.pack(
        MAGIC,
        state.sequence,
        state.boot,
        state.database,
        state.log_id,
        state.session,
        state.confirmed_ns,
        state.current,
        *contents,
    )
    return packed + CHECKSUM.pack(zlib.crc32(packed))


def _parse_newest(raw: bytes) -> State | None:
    states = [_parse(raw[:SLOT_BYTES]), _parse(raw[SLOT_BYTES:])]
    readable = [state for state in states if state is not None]
    return max(readable, key=_sequence, default=None)


def _sequence(state: State) -> int:
    return state.sequence


def _parse(slot: bytes) -> State | None:
    """Return the state in a slot; None where it was never or not completely written."""
    packed = slot[: LAYOUT.size]
    checksum = slot[LAYOUT.size : LAYOUT.size + CHECKSUM.size]
    if len(packed) != LAYOUT.size or checksum != CHECKSUM.pack(zlib.crc32(packed)):
        return None
    values: list[Any] = list(LAYOUT.unpack(packed))
    magic, sequence, boot, database, log_id, session, confirmed_ns, current = values[:8]
    if magic != MAGIC or current > 1:
        return None
    return State(
        sequence=sequence,
        boot=boot,
        database=database,
        log_id=log_id,
        session=session,
        confirmed_ns=confirmed_ns,
        current=current,
        files=(_content(values[8:12]), _content(values[12:])),
    )


def _content(values: list[int]) -> Content:
    frame_no, checksum, stamp, pages = values
    return Content(frame_no=frame_no, checksum=checksum, stamp=stamp, pages=pages)
