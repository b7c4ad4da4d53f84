"""Many tasks of one event loop on a server far away: the asynchronous manager beside Django's way.

In turns, in the same run: tasks that wait in the loop; tasks whose queries Django sends in its one
thread; and the same as an ASGI server has it, with a thread and a connection for each request. The
limit is what as many clients reach that send prepared bytes and wait for nothing but their answers.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from launch.sqld import Server
from launch.tools import ROOT

from database.proxy import DelayProxy
from database.worker import run_worker

__all__ = ["Tasks", "list_missed_by_tasks", "measure_tasks", "print_tasks"]

TASKS: Final = (16, 48)
LEAST_RATIO: Final = 5.0  # times Django's way, far away
LOOP: Final = "in the event loop"
DJANGO: Final = "Django's way"
CONTENDERS: Final = {
    LOOP: "loop",
    DJANGO: "thread",
    "Django's way, a request each": "requests",
}
WORKER: Final = ROOT / "benchmarks" / "database" / "tasks_worker.py"
PLAIN_WORKER: Final = ROOT / "benchmarks" / "database" / "crowd_worker.py"


@dataclass(kw_only=True)
class Figures:
    """What one contender did."""

    rates: list[float] = field(default_factory=list)
    """Requests per second, by round."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each request."""
    errors: list[str] = field(default_factory=list)
    """What tasks got instead of an answer."""
    threads: int = 0
    """How many the process had, at most."""

    @property
    def rate(self) -> float:
        """Requests per second: the median of the rounds."""
        return statistics.median(self.rates)

    def quantile(self, part: float) -> float:
        """Return how long so large a part of the requests took at most, in seconds."""
        return sorted(self.latencies)[int(part * (len(self.latencies) - 1))]


@dataclass(kw_only=True)
class Tasks:
    """What so many tasks did."""

    tasks: int
    """How many asked at a time."""
    delay_seconds: float
    """Each way between them and the server; 0: on loopback."""
    figures: dict[str, Figures]
    """By contender."""
    limits: list[float] = field(default_factory=list)
    """Requests per second of clients that never wait, by round."""

    def ratio(self, contender: str) -> float:
        """Return how many times as much waiting in the loop did."""
        return self.figures[LOOP].rate / self.figures[contender].rate

    def to_json(self) -> dict[str, Any]:
        """Return the figures for programs."""
        contenders = {}
        for name, figures in self.figures.items():
            contenders[name] = {
                "requests_per_second": figures.rate,
                "p50_seconds": figures.quantile(0.5),
                "p99_seconds": figures.quantile(0.99),
                "threads": figures.threads,
                "errors": figures.errors,
            }
        return {
            "tasks": self.tasks,
            "delay_seconds": self.delay_seconds,
            "limit_per_second": statistics.median(self.limits),
            "contenders": contenders,
        }


def measure_tasks(
    seconds: float, delay_seconds: float, tasks: Sequence[int] = TASKS, rounds: int = 3
) -> list[Tasks]:
    """Let tasks ask for so many seconds in each round: far away, then on loopback."""
    delays = (delay_seconds, 0.0)
    return [_measure(count, seconds, delay, rounds) for delay in delays for count in tasks]


def _measure(tasks: int, seconds: float, delay_seconds: float, rounds: int) -> Tasks:
    measured = Tasks(
        tasks=tasks,
        delay_seconds=delay_seconds,
        figures={name: Figures() for name in CONTENDERS},
    )
    with (
        tempfile.TemporaryDirectory(prefix="bench-tasks-") as folder,
        Server(Path(folder) / "sqld", idle_seconds=900) as server,
    ):
        proxy = DelayProxy(server.port, delay_seconds)
        url = proxy.url if delay_seconds else server.url
        run_worker(WORKER, "thread", server.url, 1, 0)  # makes the tables
        run_worker(PLAIN_WORKER, "ours", server.url, 1, 0)
        for number in range(rounds):
            print(f"  … {tasks} tasks, round {number + 1}", file=sys.stderr)
            _run_round(measured, url, seconds)
        proxy.close()
    return measured


def _run_round(measured: Tasks, url: str, seconds: float) -> None:
    for name, kind in CONTENDERS.items():
        answer = run_worker(WORKER, kind, url, measured.tasks, seconds)
        figures = measured.figures[name]
        figures.rates.append(len(answer["latencies"]) / seconds)
        figures.latencies += answer["latencies"]
        figures.errors += answer["errors"]
        figures.threads = max(figures.threads, answer["threads"])
    plain = run_worker(PLAIN_WORKER, "plain", url, measured.tasks, seconds)
    measured.limits.append(len(plain["latencies"]) / seconds)


def list_missed_by_tasks(measured: Sequence[Tasks]) -> list[str]:
    """Return a sentence for each target that is missed."""
    missed = []
    for tasks in measured:
        name = f"{tasks.tasks} tasks, {tasks.delay_seconds * 1000:g} ms each way"
        errors = tasks.figures[LOOP].errors
        if errors:
            missed.append(f"{name}: {len(errors)} errors, the first: {errors[0]}")
        if tasks.delay_seconds and tasks.ratio(DJANGO) < LEAST_RATIO:
            ratio = tasks.ratio(DJANGO)
            missed.append(f"{name}: {ratio:.1f} times Django's way; the target is {LEAST_RATIO:g}")
    return missed


def print_tasks(measured: Sequence[Tasks]) -> None:
    """Print a table for each number of tasks."""
    for tasks in measured:
        where = f"{tasks.delay_seconds * 1000:g} ms each way" if tasks.delay_seconds else "loopback"
        limit = statistics.median(tasks.limits)
        print(f"\naget by key, {tasks.tasks} tasks of one event loop, {where}")
        for name, figures in tasks.figures.items():
            ratio = "" if name == LOOP else f"; the loop does {tasks.ratio(name):.1f} times as much"
            print(
                f"  {name:<29} {figures.rate:5.0f} a second, "
                f"p50 {figures.quantile(0.5) * 1000:.0f} ms, "
                f"p99 {figures.quantile(0.99) * 1000:.0f} ms, {figures.threads} threads, "
                f"{len(figures.errors)} errors{ratio}"
            )
        share = tasks.figures[LOOP].rate / limit
        print(f"  {'clients that never wait':<29} {limit:5.0f} a second: the loop has {share:.0%}")
