"""`make bench-db`: time and round trips of the libSQL backend, beside SQLite and other clients.

Everything is measured in this one run: on loopback, and through a proxy with 20 ms each way. A
fresh server for each contender, rounds that alternate between them, medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))  # launch
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.sqld import Server
from launch.tools import BACKEND

from database.contenders import (
    DBAPI,
    DJANGO,
    OURS,
    SQLITE,
    Contender,
    environment,
)
from database.proxy import DelayProxy

ROOT: Final = Path(__file__).resolve().parent.parent.parent
DELAY_SECONDS: Final = 0.02
ROUNDS: Final = 3
LEVEL: Final = 1.05  # where all ask once and wait for the network, a few per cent are noise
LIMIT_SECONDS: Final = 15
# Operation: how often in a round on loopback, and through the proxy.
DJANGO_OPERATIONS: Final = {
    "get by key": (100, 5),
    "empty atomic()": (100, 5),
    "write outside of atomic()": (50, 5),
    "create in atomic()": (50, 5),
    "atomic get, save, nested create": (30, 3),
    "bulk_create 1000": (3, 2),
    "fetch 10,000 rows": (4, 2),
    "iterator() 10,000 rows": (4, 2),
    "get_or_create, new": (30, 3),
    "admin changelist, 100 users": (6, 6),
}
DBAPI_OPERATIONS: Final = {
    "SELECT by key": (200, 5),
    "BEGIN, INSERT, COMMIT": (50, 5),
    "the same, 1000 rows in one": (5, 3),
    "the same, executemany 1000": (3, 1),
    "fetch 10,000 rows": (4, 2),
}
TRANSACTIONAL: Final = {
    "create in atomic()",
    "atomic get, save, nested create",
    "bulk_create 1000",
    "get_or_create, new",
}
REACH_ROUND_TRIPS: Final = {
    "get by key": 1,
    "empty atomic()": 0,
    "write outside of atomic()": 1,
    "create in atomic()": 2,
    "bulk_create 1000": 2,
}
REACH_RATIO: Final = {"get by key": 5.0, "fetch 10,000 rows": 1.6}


@dataclass
class Cell:
    """What was measured of one operation of one contender."""

    seconds: list[float] = field(default_factory=list)
    round_trips: int | None = None
    connections: int = 0
    error: str = ""

    @property
    def median(self) -> float | None:
        """Median in seconds."""
        return statistics.median(self.seconds) if self.seconds and not self.error else None


class Worker:
    """A contender's process."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
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
            reason = (Path(self._log.name).read_text().strip().splitlines() or ["no reason"])[-1]
            return {"error": f"does not start: {reason[:200]}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@dataclass
class Place:
    """A contender with its own server, ready to be measured."""

    contender: Contender
    near: Worker
    far: Worker | None
    proxy: DelayProxy | None
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, operation: str, where: str) -> Cell:
        """Return the cell of an operation, near or far."""
        return self.cells.setdefault((operation, where), Cell())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a target is missed, else 0."""
    parser = argparse.ArgumentParser(prog="make bench-db", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a single round, with only our backend and SQLite"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else ROUNDS
    tables = {}
    for title, kind, contenders, operations in (
        ("Django's ORM", "django", DJANGO, DJANGO_OPERATIONS),
        ("DB-API", "dbapi", DBAPI, DBAPI_OPERATIONS),
    ):
        chosen = [one for one in contenders if not options.quick or not one.packages]
        tables[title] = _measure(kind, chosen, operations, rounds)
    missed = _missed(tables["Django's ORM"])
    if options.format == "json":
        print(json.dumps({title: _plain(places) for title, places in tables.items()}, indent=2))
    else:
        for title, places in tables.items():
            _print(title, places)
        _print_targets(missed)
    return int(bool(missed))


def _measure(
    kind: str, contenders: Sequence[Contender], operations: dict[str, tuple[int, int]], rounds: int
) -> list[Place]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        places = []
        for contender in contenders:
            _progress(f"{kind}: preparing {contender.name}")
            places.append(stack.enter_context(_place(kind, contender, folder / contender.name)))
        for operation, (near, far) in operations.items():
            _progress(f"{kind}: {operation}")
            for place in places:
                _count(place, operation)
            for _ in range(rounds):
                for place in places:
                    _time(place.near, place.cell(operation, "near"), operation, near)
                for place in places:
                    if place.far is not None:
                        _time(place.far, place.cell(operation, "far"), operation, far)
        return places


@contextmanager
def _place(kind: str, contender: Contender, folder: Path) -> Iterator[Place]:
    folder.mkdir()
    with ExitStack() as stack:
        if contender.name == SQLITE:
            near = _worker(kind, contender, str(folder / "bench.sqlite3"), folder / "near.log")
            stack.callback(near.close)
            near.run("prepare", 1)
            yield Place(contender, near, None, None)
            return
        server = stack.enter_context(Server(folder / "sqld", idle_seconds=900))
        _prepare(kind, server.url, folder)
        proxy = DelayProxy(server.port, DELAY_SECONDS)
        stack.callback(proxy.close)
        near = _worker(kind, contender, server.url, folder / "near.log")
        stack.callback(near.close)
        far = _worker(kind, contender, proxy.url, folder / "far.log")
        stack.callback(far.close)
        yield Place(contender, near, far, proxy)


def _prepare(kind: str, url: str, folder: Path) -> None:
    """Make tables and content with our own client: not every contender can."""
    ours = next(one for one in (DJANGO if kind == "django" else DBAPI) if one.name == OURS)
    worker = _worker(kind, ours, url, folder / "prepare.log")
    answer = worker.run("prepare", 1)
    worker.close()
    if "error" in answer:
        raise RuntimeError(f"the server could not be prepared: {answer['error']}")


def _worker(kind: str, contender: Contender, place: str, log: Path) -> Worker:
    python = environment(contender)
    address = place.replace("http", contender.scheme, 1) if place.startswith("http") else place
    script = ROOT / "benchmarks" / "database" / f"{kind}_worker.py"
    if kind == "dbapi":
        return Worker([str(python), str(script), contender.engine, place, str(BACKEND)], log)
    entry = {"ENGINE": contender.engine, "NAME": address, "CONN_MAX_AGE": None}
    return Worker([str(python), str(script), json.dumps(entry), str(BACKEND)], log)


def _time(worker: Worker, cell: Cell, operation: str, times: int) -> None:
    if cell.error:
        return
    answer = worker.run(operation, times)
    cell.error = answer.get("error", "")
    cell.seconds += answer.get("times", [])
    if len(answer.get("times", [])) < times and not cell.error:
        cell.error = f"too slow: {min(cell.seconds):.1f} s" if min(cell.seconds) > 1 else ""


def _count(place: Place, operation: str) -> None:
    """Count the round trips of an operation that was run once before."""
    if place.far is None or place.proxy is None:
        return
    cell = place.cell(operation, "far")
    warm = place.far.run(operation, 1)
    slowest = max(warm.get("times", [0.0]))
    if slowest > LIMIT_SECONDS:
        cell.error = f"too slow: {slowest:.0f} s"
        return
    trips, connections = place.proxy.round_trips, place.proxy.connections
    answer = warm if "error" in warm else place.far.run(operation, 1)
    cell.error = answer.get("error", "")
    cell.round_trips = place.proxy.round_trips - trips
    cell.connections = place.proxy.connections - connections


def _missed(places: Sequence[Place]) -> list[str]:
    """Return the targets that were not reached."""
    ours, limit = (_named(places, name) for name in (OURS, SQLITE))
    missed = []
    for operation, most in REACH_ROUND_TRIPS.items():
        trips = ours.cell(operation, "far").round_trips
        if trips is None or trips > most:
            missed.append(f"{operation}: {trips} round trips; the limit is {most}")
    for operation, most_times in REACH_RATIO.items():
        ratio = _ratio(ours.cell(operation, "near"), limit.cell(operation, "near"))
        if ratio is None or ratio > most_times:
            missed.append(
                f"{operation}: {ratio} times as slow as SQLite; the limit is {most_times}"
            )
    for (operation, where), cell in ours.cells.items():
        best = _best_peer(places, operation, where)
        ratio = _ratio(cell, best) if best else None
        if ratio is not None and ratio > LEVEL:
            missed.append(f"{operation} ({where}): {ratio:.2f} times as slow as the best peer")
    return missed


def _named(places: Sequence[Place], name: str) -> Place:
    return next(place for place in places if place.contender.name == name)


def _best_peer(places: Sequence[Place], operation: str, where: str) -> Cell | None:
    """Return the fastest of those who do the same work."""
    cells = [
        place.cell(operation, where)
        for place in places
        if place.contender.packages
        and (place.contender.has_transactions or operation not in TRANSACTIONAL)
        and operation != "empty atomic()"
    ]
    measured = [cell for cell in cells if cell.median is not None]
    return min(measured, key=lambda cell: cell.median or 0, default=None)


def _ratio(one: Cell, other: Cell) -> float | None:
    if not one.median or not other.median:
        return None
    return one.median / other.median


def _print(title: str, places: Sequence[Place]) -> None:
    for where, label in (("near", "loopback"), ("far", "20 ms each way")):
        print(f"\n{title}, {label}: median in ms" + ("" if where == "near" else ", round trips"))
        _print_rows(_rows(places, where))
    for place in places:
        if place.contender.note:
            print(f"  {place.contender.name}: {place.contender.note}")
        for (operation, where), cell in place.cells.items():
            if cell.error and (where == "near" or "slow" in cell.error):
                print(f"  {place.contender.name}, {operation}: {cell.error}")


def _rows(places: Sequence[Place], where: str) -> list[list[str]]:
    """Return the table's rows, its head first."""
    shown = [place for place in places if where == "near" or place.far is not None]
    heads = [place.contender.name for place in shown]
    rows = [["", *heads, *(["ours/SQLite"] if where == "near" else []), "ours/best peer"]]
    for operation in dict.fromkeys(operation for operation, _ in places[-1].cells):
        ours = _named(places, OURS).cell(operation, where)
        row = [operation, *(_shown(place, operation, where) for place in shown)]
        if where == "near":
            row.append(_times(_ratio(ours, _named(places, SQLITE).cell(operation, where))))
        best = _best_peer(places, operation, where)
        rows.append([*row, _times(_ratio(ours, best) if best else None)])
    return rows


def _shown(place: Place, operation: str, where: str) -> str:
    cell = place.cell(operation, where)
    if cell.median is None:
        return "too slow" if cell.error.startswith("too slow") else "fails"
    mark = "*" if operation in TRANSACTIONAL and not place.contender.has_transactions else ""
    text = f"{cell.median * 1000:.2f}{mark}"
    if where == "near":
        return text
    opened = f"+{cell.connections}" if cell.connections else ""
    return f"{text} ({cell.round_trips}{opened})"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells))


def _print_targets(missed: Sequence[str]) -> None:
    print("\n(n+m) round trips and new connections; * not the same work: no transaction.")
    reached = len(REACH_ROUND_TRIPS) + len(REACH_RATIO)
    print(
        f"targets: {reached} of round trips and of ratios to SQLite, and no peer faster by over 5 %"
    )
    for line in missed:
        print(f"  missed: {line}")
    if not missed:
        print("  all reached")


def _plain(places: Sequence[Place]) -> dict[str, Any]:
    return {
        place.contender.name: {
            f"{operation} ({where})": {
                "median_seconds": cell.median,
                "round_trips": cell.round_trips,
                "error": cell.error,
            }
            for (operation, where), cell in place.cells.items()
        }
        for place in places
    }


def _progress(text: str) -> None:
    print(f"  … {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
