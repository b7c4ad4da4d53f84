"""`make crash-replica`: is an embedded replica ever behind its own process, or half written?

    --processes 8            how many share the replica
    --sequences 1000         how many times, in all, something is written and read at once
    --kills 50               how often a process is killed (-9) and another takes its place
    --server-kills 3         how often the server is
    --seed 1

Processes write rows of their own at random, and read them back: from the replica where it is fresh,
else from the server. After each kill the replica is read as any reader would: SQLite must find it
whole. In the end it must be equal to the server's content. Status 1 where one of this is not so.
"""

import argparse
import contextlib
import fcntl
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch

from launch.sqld import Server

from django_hrana import driver
from django_hrana.driver.endpoint import Endpoint
from django_hrana.replica.files import database_paths, is_holding, state_path
from django_hrana.replica.process import find_replica
from django_hrana.replica.reader import Reader
from django_hrana.replica.state import NO_FRAME, StateFile

WORKER: Final = Path(__file__).with_name("replica_worker.py")
TABLE: Final = (
    "CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, "
    "place INTEGER NOT NULL, value INTEGER NOT NULL, text TEXT NOT NULL)"
)
INDEX: Final = "CREATE INDEX entry_owner ON entry (owner, place)"
CONTENT: Final = "SELECT id, owner, place, value, length(text) FROM entry ORDER BY id"
LOCKS: Final = Path("/proc/locks")
SYNC_SECONDS: Final = 0.2
FOLLOW_SECONDS: Final = 60.0  # a busy machine; it takes a part of a second
IN_A_ROUND: Final = 0.7  # how many of the kills are meant for who changes the files just now

Worker = subprocess.Popen[str]


class Site:
    """A server, a replica, and the processes that share it."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._chance = random.Random(options.seed)  # noqa: S311 (no secret)
        self._server = Server(folder / "sqld")
        self._path = folder / "replica.db"
        self._sequences = max(2, options.sequences // options.processes)
        self._processes = options.processes
        self._started = 0
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        self._server.start()
        with driver.connect(self._server.url, autocommit=True) as connection:
            cursor: driver.Cursor = connection.cursor()
            cursor.execute(TABLE)
            cursor.execute(INDEX)
        self._state = StateFile(state_path(self._path))
        for _number in range(self._processes):
            self._start_worker()
        return self

    def __exit__(self, *_error: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self._server.kill()

    def kill_worker(self) -> None:
        """Kill one of the processes, preferably in the middle of a round, and start another."""
        time.sleep(self._chance.uniform(0.02, 0.3))
        victim = self._chance.choice(self._workers)
        if self._chance.random() < IN_A_ROUND:
            victim = self._find_at_work() or victim
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        self._workers.remove(victim)
        self.counts["kills"] += 1
        self._start_worker()

    def kill_server(self) -> None:
        """Kill the server and start it again: its log begins anew."""
        self._server.kill()
        self._server.start()
        self.counts["server kills"] += 1

    def check_whole(self) -> None:
        """Look at the file that is read as SQLite does, at a moment when nobody changes it."""
        state = self._state.read()
        if state is None or state.content.frame_no == NO_FRAME:
            self.counts["not there"] += 1
            return
        path = database_paths(self._path)[state.current]
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            if not is_holding(path, state.content):
                # Readers do not take it either: it was just replaced.
                self.counts["replaced"] += 1
                return
            with contextlib.closing(
                sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)
            ) as db:
                verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
        self.counts["whole"] += 1
        if verdict != "ok":
            self.faults.append(f"the replica is damaged: {verdict}")

    def finish(self) -> None:
        """Let the processes end, and compare the replica with the server."""
        for worker in self._workers:
            output, _ = worker.communicate()
            lines = output.splitlines()
            if worker.returncode not in (0, 1) or not lines:
                self.faults.append(f"a process ended with status {worker.returncode}")
                continue
            report: dict[str, Any] = json.loads(lines[-1])
            self.faults += report.pop("faults")
            self.counts.update(report)
        self._workers.clear()
        with driver.connect(self._server.url, autocommit=True) as connection:
            cursor: driver.Cursor = connection.cursor()
            expected = cursor.execute(CONTENT).fetchall()
        if self._read_replica() != expected:
            self.faults.append("the replica is not equal to the server")

    def _start_worker(self) -> None:
        """Start a process with rows of its own: who was killed may have left a request behind."""
        options = {"replica": str(self._path), "replica_sync_seconds": SYNC_SECONDS}
        entry = {"ENGINE": "django_hrana", "NAME": self._server.url, "OPTIONS": options}
        self._started += 1
        numbers = (self._started, self._sequences, self._chance.randrange(1 << 30))
        command = [sys.executable, str(WORKER), json.dumps(entry), *map(str, numbers)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 (ours)
        assert worker.stdout is not None  # noqa: S101 (for the types)
        worker.stdout.readline()
        self._workers.append(worker)

    def _find_at_work(self) -> Worker | None:
        """Wait a moment for a process to hold the state's lock, and return it."""
        inode = str(state_path(self._path).stat().st_ino)
        by_pid = {worker.pid: worker for worker in self._workers}
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            for line in LOCKS.read_text().splitlines():
                fields = line.split()
                if "FLOCK" in fields and fields[-3].endswith(f":{inode}"):
                    worker = by_pid.get(int(fields[-4]))
                    if worker is not None:
                        self.counts["kills in a round"] += 1
                        return worker
        return None

    def _read_replica(self) -> list[tuple[Any, ...]] | None:
        """Return what a reader sees, once the replica has followed."""
        replica = find_replica(
            self._path,
            Endpoint.parse(self._server.url),
            token=None,
            timeout_seconds=20,
            sync_seconds=SYNC_SECONDS,
            max_age_seconds=10,
        )
        reader = Reader(replica)
        reader.wrote()
        deadline = time.monotonic() + FOLLOW_SECONDS
        while time.monotonic() < deadline:
            result = reader.read(CONTENT, [], is_streamed=False)
            if result is not None:
                reader.close()
                return result.rows
            time.sleep(0.05)
        return None


def main(arguments: list[str] | None = None) -> int:
    """Run it; return 1 if the past was read, or anything was damaged, else 0."""
    parser = argparse.ArgumentParser(prog="make crash-replica", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--server-kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="replica-") as folder,
        Site(Path(folder), options) as site,
    ):
        pause = max(1, options.kills // (options.server_kills + 1))
        server_kills = range(pause, pause * options.server_kills + 1, pause)
        for kill in range(1, options.kills + 1):
            site.kill_worker()
            site.check_whole()
            if kill in server_kills:
                site.kill_server()
        site.finish()
    counts = ", ".join(f"{count} {name}" for name, count in sorted(site.counts.items()))
    print(f"{time.monotonic() - started:.0f} s, {options.processes} processes: {counts}")
    for fault in site.faults[:20]:
        print(f"  {fault}")
    print(f"  {len(site.faults)} faults")
    return 1 if site.faults else 0


if __name__ == "__main__":
    sys.exit(main())
