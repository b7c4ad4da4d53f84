"""A replica within this process: is it fresh enough to be read, and the thread that keeps it so.

Each process has a thread, and whichever comes first asks the server for all of them: there is no
leader that could die.
"""

import logging
import math
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.network import Network
from django_hrana.driver.tokens import Token
from django_hrana.replica.client import LogClient
from django_hrana.replica.files import database_paths, state_path
from django_hrana.replica.sessions import SESSION
from django_hrana.replica.state import (
    BOOT,
    NO_FRAME,
    BusyError,
    State,
    StateFile,
    close_locked_files,
)
from django_hrana.replica.syncing import Store, name_database, sync

__all__ = ["Replica", "find_replica", "longest_age_seconds"]

SECOND: Final = 1_000_000_000  # in nanoseconds
# Between two rounds of a process that writes all the time, which would do nothing else.
SHORTEST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 30.0  # after failures
IDLE_NS: Final = 60 * SECOND  # without a reader, nobody needs to know what is new
LOGGER: Final = logging.getLogger("django_hrana.replica")
REPAIR_SECONDS: Final = 60.0  # between two repairs


class Replica:
    """The copy of a database on this machine, for all threads of this process."""

    def __init__(
        self,
        path: Path,
        endpoint: Endpoint,
        *,
        token: Token,
        timeout_seconds: float,
        sync_seconds: float,
        max_age_seconds: float,
        network: Network | None = None,
    ) -> None:
        """Use `find_replica` instead."""
        self.endpoint = endpoint
        self.files = database_paths(path)
        self.max_age_seconds = max_age_seconds
        self._path = path
        self._database = name_database(endpoint)
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._network = network
        self._sync_ns = int(sync_seconds * SECOND)
        self._max_age_ns = int(max_age_seconds * SECOND)
        self._state_file: StateFile | None = None
        self._required_ns = 0
        self._damaged_stamp = 0
        self._unreadable_stamp = 0
        self._repaired_at = -math.inf
        self._knows_schema = True
        self._reported = ""
        self.generation = 0
        """Counts the forks: what a reader has opened before is the parent's."""
        self.start_again()

    def start_again(self) -> None:
        """Be as new, also after a fork: the thread, its locks and its connection are the parent's.

        The child's copy of a lock's file would keep the lock when the parent dies.
        """
        state_file, self._state_file = self._state_file, None
        if state_file is not None:
            state_file.close()
        self.generation += 1
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._wanted_ns = 0

    def usable_state(self) -> State | None:
        """Return the state if the replica may be read now, by this thread; else None.

        It may if the server was asked, by whichever process, not too long ago, and after the last
        write of this process and of this session.
        """
        now_ns = time.monotonic_ns()
        self._wanted_ns = now_ns
        if self._thread is None:
            self._start()
        state_file = self._state_file
        if state_file is None:
            return None
        state = state_file.read()
        if state is None or state.boot != BOOT or state.database != self._database:
            return None
        confirmed_ns = state.confirmed_ns
        if confirmed_ns <= self._required_ns or now_ns - confirmed_ns > self._max_age_ns:
            return None
        session = SESSION.get()
        if session is not None and confirmed_ns <= session.required_ns:
            return None
        content = state.content
        if content.frame_no == NO_FRAME or content.stamp == self._unreadable_stamp:
            return None
        return state

    def wrote(self) -> None:
        """Take note that something may have been written: what is older is not read any more."""
        session = SESSION.get()
        with self._lock:
            now_ns = time.monotonic_ns()
            self._required_ns = now_ns
            if session is not None:
                session.required_ns = now_ns
        self._wake.set()

    def report_damage(self, stamp: int) -> None:
        """Take note that the file with this stamp is damaged: it is made anew."""
        self._unreadable_stamp = self._damaged_stamp = stamp
        self._wake.set()

    def report_unknown_schema(self, stamp: int, reason: str) -> None:
        """Take note that SQLite here does not understand what stands in the file."""
        self._unreadable_stamp = stamp
        if not self._knows_schema:
            return
        self._knows_schema = False
        LOGGER.warning(
            "the replica %s cannot be read with SQLite %s, and %s answers all reads: %s",
            self._path,
            sqlite3.sqlite_version,
            self.endpoint,
            reason,
        )

    def stop(self) -> None:
        """End the thread and close the files; the next reader begins again."""
        thread = self._thread
        self._wanted_ns = -IDLE_NS
        self._wake.set()
        if thread is not None:
            thread.join()
        state_file, self._state_file = self._state_file, None
        if state_file is not None:
            state_file.close()

    # The thread

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            name = f"replica of {self.endpoint}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            try:
                if self._state_file is None:
                    self._state_file = StateFile(state_path(self._path))
                self._thread = thread
                thread.start()
            except (OSError, RuntimeError) as error:  # no thread starts while Python ends
                self._thread = None
                self._report(error)

    def _work(self) -> None:
        client = LogClient(self.endpoint, self._token, self._timeout_seconds, self._network)
        failures = 0
        try:
            while not self._is_idle:
                if self._run_round(client):
                    failures = 0
                    self._wake.wait(self._sync_ns / SECOND)
                    self._wake.clear()
                    time.sleep(SHORTEST_PAUSE_SECONDS)
                else:
                    client.close()
                    failures += 1
                    pause_seconds = self._sync_ns / SECOND * 2 ** min(failures, 5)
                    time.sleep(min(pause_seconds, LONGEST_PAUSE_SECONDS))
        finally:
            client.close()
            self._thread = None  # the next reader starts another

    @property
    def _is_idle(self) -> bool:
        """Whether nobody has read for so long that nobody needs to know what is new."""
        return time.monotonic_ns() - self._wanted_ns >= IDLE_NS

    def _run_round(self, client: LogClient) -> bool:
        """Run a round; return whether it was one."""
        state_file = self._state_file
        if state_file is None:
            return False
        store = Store(path=self._path, database=self._database, state=state_file)
        damaged_stamp = self._find_damage()
        due_ns = max(self._required_ns, time.monotonic_ns() - self._sync_ns)
        try:
            sync(store, client, due_ns, damaged_stamp=damaged_stamp)
        except BusyError:  # another process does the same, or somebody reads for very long
            client.close()
            return True
        except Exception as error:  # noqa: BLE001 (also what the function for the token raises)
            self._report(error)
            return False
        if damaged_stamp:
            self._repaired_at = time.monotonic()
            self._damaged_stamp = 0
        self._report(None)
        return True

    def _find_damage(self) -> int:
        """Return the stamp of a file to make anew, 0 for none.

        Not time and again: what the server has damaged is damaged after that as well.
        """
        stamp = self._damaged_stamp
        if stamp == 0 or time.monotonic() - self._repaired_at < REPAIR_SECONDS:
            return 0
        LOGGER.warning("the replica %s is damaged, and made anew", self._path)
        return stamp

    def _report(self, error: Exception | None) -> None:
        """Log what is wrong, once for as long as it stays the same."""
        reason = "" if error is None else str(error) or type(error).__name__
        if reason == self._reported:
            return
        self._reported = reason
        if error is None:
            LOGGER.info("the replica %s follows %s again", self._path, self.endpoint)
            return
        LOGGER.warning(
            "the replica %s does not follow %s, which answers all reads meanwhile: %s",
            self._path,
            self.endpoint,
            reason,
        )


class Registry:
    """The replicas of this process."""

    def __init__(self) -> None:
        self.replicas: dict[tuple[Path, Endpoint], Replica] = {}
        self.lock = threading.Lock()

    def start_again(self) -> None:
        """Be as new in a child."""
        close_locked_files()
        self.lock = threading.Lock()  # another thread of the parent may hold the old one
        for replica in self.replicas.values():
            replica.start_again()


REGISTRY: Final = Registry()


def find_replica(
    path: Path,
    endpoint: Endpoint,
    *,
    token: Token,
    timeout_seconds: float,
    sync_seconds: float,
    max_age_seconds: float,
    network: Network | None = None,
) -> Replica:
    """Return this process's replica of a database; nothing is read or asked yet.

    Args:
        path: what its files' names begin with; they are on a disk of this machine.
        endpoint: the database's address.
        token: as for `connect`.
        timeout_seconds: how long an answer of the server may take.
        sync_seconds: how often the server is asked what is new.
        max_age_seconds: what was last known to be true longer ago is not read.
        network: how to open network connections.
    """
    path = path.absolute()
    with REGISTRY.lock:
        replica = REGISTRY.replicas.get((path, endpoint))
        if replica is None:
            replica = Replica(
                path,
                endpoint,
                token=token,
                timeout_seconds=timeout_seconds,
                sync_seconds=sync_seconds,
                max_age_seconds=max_age_seconds,
                network=network,
            )
            REGISTRY.replicas[path, endpoint] = replica
        return replica


def longest_age_seconds() -> float:
    """Return how old what a replica of this process gives can be; 0: there is none."""
    ages = [replica.max_age_seconds for replica in list(REGISTRY.replicas.values())]
    return max(ages, default=0.0)


os.register_at_fork(after_in_child=REGISTRY.start_again)
