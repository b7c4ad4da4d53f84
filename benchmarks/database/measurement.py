"""Starts a server and workers for each contender, and times operations over both networks."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from launch.sqld import Server
from launch.tools import BACKEND, ROOT

from database.contenders import DBAPI, DJANGO, OURS, SQLITE, Contender, environment
from database.proxy import DelayProxy

__all__ = ["DELAYED", "DELAY_SECONDS", "FLOOR", "LOOPBACK", "Cell", "Competitor", "measure"]

LOOPBACK: Final = "near"
DELAYED: Final = "far"
FLOOR: Final = "floor"  # on loopback: our bytes sent and received by no client
# What sends the bytes of an operation.
FLOORS: Final = {"get by key": "get by key, floor"}
# On loopback a round is so many short turns of each contender, some of which nothing else on the
# machine disturbs: ratios are those of the fastest turns.
TURNS: Final = 20
# Each way: 40 ms a round trip is what a database in another region of the same continent takes.
DELAY_SECONDS: Final = 0.02
# Some clients need minutes for an operation that takes others milliseconds: no round waits longer.
LIMIT_SECONDS: Final = 15
# Longer than any benchmark takes: the server must not stop while another contender is measured.
SERVER_IDLE_SECONDS: Final = 900
MAX_REASON: Final = 200  # characters of an error that the report repeats


@dataclass
class Cell:
    """Measurements of one operation of one contender, over one network."""

    seconds: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    """The median of each turn in seconds, in order."""
    round_trips: int | None = None
    connections: int = 0
    error: str = ""

    @property
    def median(self) -> float | None:
        """Median in seconds; None where the operation failed or was not run."""
        if self.error or not self.seconds:
            return None
        return statistics.median(self.seconds)


class Worker:
    """A process that runs a contender's operations, in the contender's own environment."""

    def __init__(self, kind: str, contender: Contender, address: str, log: Path) -> None:
        script = ROOT / "benchmarks" / "database" / f"{kind}_worker.py"
        command = [str(environment(contender)), str(script)]
        if kind == "dbapi":
            command += [contender.engine, address]
        else:
            if address.startswith("http"):
                address = address.replace("http", contender.scheme, 1)
            entry: dict[str, Any] = {
                "ENGINE": contender.engine,
                "NAME": address,
                "CONN_MAX_AGE": None,
            }
            if contender.has_replica:
                entry["OPTIONS"] = {"replica": str(log.with_suffix(".db"))}
            command.append(json.dumps(entry))
        command.append(str(BACKEND))
        self._log = log.open("w")
        self.process = subprocess.Popen(  # noqa: S603 (the command is our own)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
        )

    def run(self, operation: str, times: int) -> dict[str, Any]:
        """Return {"times"} in seconds, or {"error"}."""
        request = {"operation": operation, "times": times, "seconds": LIMIT_SECONDS}
        assert self.process.stdin and self.process.stdout  # noqa: S101, PT018 (for the types)
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            log = Path(self._log.name).read_text().strip().splitlines()
            reason = log[-1] if log else "no reason"
            return {"error": f"does not start: {reason[:MAX_REASON]}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@dataclass
class Competitor:
    """A contender with its own server and workers, ready to be measured."""

    contender: Contender
    loopback: Worker
    delayed: Worker | None
    proxy: DelayProxy | None
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, operation: str, network: str) -> Cell:
        """Return the measurements of an operation over a network; empty ones the first time."""
        return self.cells.setdefault((operation, network), Cell())


def measure(
    kind: str,
    contenders: Sequence[Contender],
    operations: Mapping[str, tuple[int, int]],
    rounds: int,
) -> list[Competitor]:
    """Run the operations of all contenders.

    Args:
        kind: "django" or "dbapi".
        contenders: those that take part.
        operations: how often each is run in a round: on loopback, and through the proxy.
        rounds: the number of rounds; the contenders take turns in each, so that whatever else
            the machine does slows all of them down.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        competitors = []
        for contender in contenders:
            _report_progress(f"{kind}: preparing {contender.name}")
            startup = _start(kind, contender, folder / contender.name)
            competitors.append(stack.enter_context(startup))
        for operation, (times, delayed_times) in operations.items():
            _report_progress(f"{kind}: {operation}")
            for competitor in competitors:
                _count_round_trips(competitor, operation)
            for _ in range(rounds):
                _measure_round(competitors, operation, times, delayed_times)
        return competitors


def _measure_round(
    competitors: Sequence[Competitor], operation: str, times: int, delayed_times: int
) -> None:
    for turn_times in _split(times):
        for competitor in competitors:
            _take_turn(competitor, operation, turn_times)
    for competitor in competitors:
        if competitor.delayed is not None:
            cell = competitor.cell(operation, DELAYED)
            _time(competitor.delayed, cell, operation, delayed_times)


@contextmanager
def _start(kind: str, contender: Contender, folder: Path) -> Iterator[Competitor]:
    folder.mkdir()
    with ExitStack() as stack:
        if contender.name == SQLITE:
            worker = Worker(kind, contender, str(folder / "bench.sqlite3"), folder / "loopback.log")
            stack.callback(worker.close)
            worker.run("prepare", 1)
            yield Competitor(contender, worker, None, None)
            return
        server = Server(folder / "sqld", idle_seconds=SERVER_IDLE_SECONDS)
        stack.enter_context(server)
        _prepare(kind, server.url, folder)
        proxy = DelayProxy(server.port, DELAY_SECONDS)
        stack.callback(proxy.close)
        loopback = Worker(kind, contender, server.url, folder / "loopback.log")
        stack.callback(loopback.close)
        delayed = Worker(kind, contender, proxy.url, folder / "delayed.log")
        stack.callback(delayed.close)
        if contender.has_replica:
            loopback.run("follow", 1)
            delayed.run("follow", 1)
        yield Competitor(contender, loopback, delayed, proxy)


def _prepare(kind: str, url: str, folder: Path) -> None:
    """Create tables and rows with our own client, because not every contender can."""
    contenders = DJANGO if kind == "django" else DBAPI
    ours = next(contender for contender in contenders if contender.name == OURS)
    worker = Worker(kind, ours, url, folder / "prepare.log")
    answer = worker.run("prepare", 1)
    worker.close()
    if "error" in answer:
        raise RuntimeError(f"the server could not be prepared: {answer['error']}")


def _split(times: int) -> list[int]:
    """Return how often to run an operation in each turn of a round, at least once in each."""
    turns = min(TURNS, times)
    return [times // turns + (turn < times % turns) for turn in range(turns)]


def _take_turn(competitor: Competitor, operation: str, times: int) -> None:
    _time(competitor.loopback, competitor.cell(operation, LOOPBACK), operation, times)
    if competitor.contender.name == OURS and operation in FLOORS:
        _time(competitor.loopback, competitor.cell(operation, FLOOR), FLOORS[operation], times)


def _time(worker: Worker, cell: Cell, operation: str, times: int) -> None:
    if cell.error:
        return
    answer = worker.run(operation, times)
    seconds = answer.get("times", [])
    cell.error = answer.get("error", "")
    cell.seconds += seconds
    if seconds:
        cell.turns.append(statistics.median(seconds))
    if cell.error or len(seconds) == times:
        return
    # Cut off by the time limit. Fewer repeats of something that takes less than a second are
    # still a median.
    fastest = min(cell.seconds)
    if fastest > 1:
        cell.error = f"too slow: {fastest:.1f} s"


def _count_round_trips(competitor: Competitor, operation: str) -> None:
    """Count an operation's round trips, after a first execution that also connects."""
    proxy, worker = competitor.proxy, competitor.delayed
    if proxy is None or worker is None:
        return
    cell = competitor.cell(operation, DELAYED)
    answer = worker.run(operation, 1)
    slowest = max(answer.get("times", [0.0]))
    if slowest > LIMIT_SECONDS:
        cell.error = f"too slow: {slowest:.0f} s"
        return
    round_trips, connections = proxy.round_trips, proxy.connections
    if "error" not in answer:
        answer = worker.run(operation, 1)
    cell.error = answer.get("error", "")
    cell.round_trips = proxy.round_trips - round_trips
    cell.connections = proxy.connections - connections


def _report_progress(text: str) -> None:
    print(f"  … {text}", file=sys.stderr)
