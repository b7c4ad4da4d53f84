"""One round: ask the server what is new, and bring a replica's files up to it.

Whoever has the state's lock does it, in whatever process; who dies leaves it to the next one. What
is not yet in the state was not done, and doing it again does no harm:

1. Hello: which log, how far. Asked after a write was answered, it speaks of that write as well.
2. The file that nobody reads gets the frames that it lacks, and is brought to the disk.
3. Hello again: another log means that the frames were not of ours.
4. The state turns to that file.
5. The other file gets the same pages, for the next round.

The log's number and the numbers of its frames say little by themselves. A server that was killed
begins a new log whose frames count from 0 again; a database that was made anew under its name has
another log in the same process; one whose folder was put back from a copy has the same log with
other frames. So the log is asked for in each round, and in a new process of the server the last
frame's checksum.
"""

import contextlib
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from django_hrana.driver.endpoint import Endpoint
from django_hrana.replica.client import LogClient
from django_hrana.replica.files import Change, DatabaseFile, database_paths, is_holding
from django_hrana.replica.protocol import Hello, ProtocolError
from django_hrana.replica.state import BOOT, NO_FRAME, BusyError, Content, State, StateFile

__all__ = ["Store", "name_database", "sync"]

TURN_SECONDS: Final = 1.0  # to wait for another process that does the same
READERS_SECONDS: Final = 5.0  # to wait for those who still read the file to change
CATCH_UP_SECONDS: Final = 0.2  # the same where the next round can do it as well


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The files of a replica."""

    path: Path
    """What its files' names begin with."""
    database: bytes
    """Names the database that it is of."""
    state: StateFile
    """Its state."""

    @property
    def files(self) -> tuple[Path, Path]:
        """The two databases."""
        return database_paths(self.path)


def name_database(endpoint: Endpoint) -> bytes:
    """Return 16 bytes that name a database by its address."""
    return hashlib.sha256(str(endpoint).encode()).digest()[:16]


def sync(store: Store, client: LogClient, due_ns: int, *, damaged_stamp: int = 0) -> None:
    """Bring the replica up to the server, unless somebody asked it after `due_ns`.

    Args:
        store: the replica's files.
        client: its server.
        due_ns: a moment of the machine's clock, in nanoseconds.
        damaged_stamp: a file with this stamp cannot be read, and is made anew.

    Raises:
        BusyError: another process did not end its round in time, or somebody reads for very long.
        LogUnavailableError: the server does not give its log.
        OSError: the files cannot be written.
        ProtocolError: an answer is not valid.
        TransportError: there is none.
    """
    with store.state.locked(TURN_SECONDS):
        state = store.state.read()
        if state is not None and state.content.stamp == damaged_stamp != 0:
            state = None
        if state is None or not _is_confirmed(state, store, due_ns):
            Round(store, client).run(state)


def _is_confirmed(state: State, store: Store, due_ns: int) -> bool:
    is_ours = state.boot == BOOT and state.database == store.database
    return is_ours and state.confirmed_ns > due_ns


class Round:
    """One round, under the lock."""

    def __init__(self, store: Store, client: LogClient) -> None:
        self._store = store
        self._client = client

    def run(self, state: State | None) -> None:
        """Do it."""
        started_ns = time.monotonic_ns()
        hello = self._client.hello()
        if hello.last_frame_no is None:  # an empty database; there is no file to read
            self._begin(hello)
            return
        if state is None or not self._is_of(state, hello, hello.last_frame_no):
            state = self._begin(hello)
        if state.content.frame_no == hello.last_frame_no:
            self._confirm(state, hello, started_ns)
            return
        self._advance(state, hello, hello.last_frame_no, started_ns)

    def _is_of(self, state: State, hello: Hello, last_frame_no: int) -> bool:
        """Whether the files hold a part of this log."""
        if state.database != self._store.database or state.log_id != hello.log_id:
            return False
        content = state.content
        is_ahead = content.frame_no > last_frame_no
        if is_ahead or not is_holding(self._store.files[state.current], content):
            return False
        if state.session == hello.session:
            return True
        with contextlib.closing(self._client.frames(content.frame_no)) as frames:
            first = next(frames, None)
        return first is not None and first.checksum == content.checksum

    def _begin(self, hello: Hello) -> State:
        """Forget what there was, for all who read."""
        state = self._store.state.read()
        sequence = 0 if state is None else state.sequence
        empty = State(
            database=self._store.database,
            log_id=hello.log_id,
            session=hello.session,
            sequence=sequence,
        )
        return self._store.state.write(empty, durable=True)

    def _confirm(self, state: State, hello: Hello, started_ns: int) -> None:
        confirmed = replace(state, boot=BOOT, confirmed_ns=started_ns, session=hello.session)
        self._store.state.write(confirmed, durable=False)

    def _advance(self, state: State, hello: Hello, last_frame_no: int, started_ns: int) -> None:
        spare = 1 - state.current
        with DatabaseFile.changing(self._store.files[spare], READERS_SECONDS) as file:
            base = self._prepare(state, spare, file)
            change = self._apply(file, base, last_frame_no)
        second_ns = time.monotonic_ns()
        again = self._client.hello()
        if again.log_id != hello.log_id:
            raise ProtocolError("the log was replaced meanwhile")
        is_newest = again.last_frame_no == change.content.frame_no
        state = replace(
            state.with_content(spare, change.content),
            current=spare,
            boot=BOOT,
            session=again.session,
            confirmed_ns=second_ns if is_newest else started_ns,
        )
        state = self._store.state.write(state, durable=True)
        self._catch_up(state, base, change)

    def _prepare(self, state: State, spare: int, file: DatabaseFile) -> Content:
        """Return what the file holds, which is empty or on the way of this log."""
        base = state.files[spare]
        if file.holds(base):
            return base
        # It was never written, or whoever wrote it was killed.
        if state.content.frame_no != NO_FRAME:
            return file.copy(self._store.files[state.current], state.content)
        file.clear()
        return Content()

    def _apply(self, file: DatabaseFile, base: Content, last_frame_no: int) -> Change:
        """Write all that is new up to a frame."""
        content, pages = base, frozenset[int]()
        while content.frame_no < last_frame_no:
            change = file.apply(self._client.frames(content.frame_no + 1), content)
            content, pages = change.content, pages | change.pages
        return Change(content=content, pages=pages)

    def _catch_up(self, state: State, base: Content, change: Change) -> None:
        """Bring the file that was read until now up to the one that is read from now on."""
        other = 1 - state.current
        before = state.files[other]
        is_on_the_way = base.frame_no != NO_FRAME and before.frame_no >= base.frame_no
        try:
            with DatabaseFile.changing(self._store.files[other], CATCH_UP_SECONDS) as file:
                # The pages that were written are all that differ, if it is what it should be.
                pages = change.pages if is_on_the_way and file.holds(before) else None
                content = file.copy(self._store.files[state.current], change.content, pages)
        except BusyError:  # somebody reads it: the next round asks the server
            return
        self._store.state.write(state.with_content(other, content), durable=False)
