"""Many threads on a server far away: is anybody refused, and how near is the limit?

The server has as many places for streams as there are threads: a stream that nobody needs any more
makes it refuse another one. The limit is measured in the same run, in turns with ours: as many
clients that send prepared bytes and wait for nothing but their answers.
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

__all__ = ["ROUNDS", "Crowd", "list_missed", "measure_crowds", "print_crowds"]

THREADS: Final = (16, 48)
# Short ones: what else the machine does then slows down both of a pair.
ROUNDS: Final = 10
LEAST_SHARE: Final = 0.9  # of the limit, for the smaller crowd
SCRIPT: Final = ROOT / "benchmarks" / "database" / "crowd_worker.py"


@dataclass(kw_only=True)
class Crowd:
    """What so many threads did."""

    threads: int
    """How many asked at a time; the server has as many places."""
    delay_seconds: float
    """Each way between them and the server."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each request of ours."""
    rates: list[float] = field(default_factory=list)
    """Requests per second of ours, by round."""
    limits: list[float] = field(default_factory=list)
    """The same of clients that never wait."""
    errors: list[str] = field(default_factory=list)
    """What our threads got instead of an answer."""
    refused: int = 0
    """Answers 429 to ours, also those that were asked again."""

    @property
    def share(self) -> float:
        """Part of the limit that was reached: the median of the rounds."""
        pairs = zip(self.rates, self.limits, strict=True)
        return statistics.median(rate / limit for rate, limit in pairs)

    def quantile(self, part: float) -> float:
        """Return how long so large a part of the requests took at most, in seconds."""
        return sorted(self.latencies)[int(part * (len(self.latencies) - 1))]

    def to_json(self) -> dict[str, Any]:
        """Return the figures for programs."""
        return {
            "threads": self.threads,
            "requests_per_second": statistics.median(self.rates),
            "limit_per_second": statistics.median(self.limits),
            "share": self.share,
            "p50_seconds": self.quantile(0.5),
            "p99_seconds": self.quantile(0.99),
            "errors": self.errors,
            "refused": self.refused,
        }


def measure_crowds(
    seconds: float, delay_seconds: float, crowds: Sequence[int] = THREADS, rounds: int = ROUNDS
) -> list[Crowd]:
    """Let crowds of threads ask for so many seconds in each round."""
    return [_measure(threads, seconds, delay_seconds, rounds) for threads in crowds]


def _measure(threads: int, seconds: float, delay_seconds: float, rounds: int) -> Crowd:
    crowd = Crowd(threads=threads, delay_seconds=delay_seconds)
    with tempfile.TemporaryDirectory(prefix="bench-crowd-") as folder:
        places = ["--max-concurrent-connections", str(threads)]
        with Server(Path(folder) / "sqld", arguments=places, idle_seconds=900) as server:
            proxy = DelayProxy(server.port, delay_seconds)
            run_worker(SCRIPT, "ours", server.url, 1, 0)  # makes the table
            for number in range(rounds):
                print(f"  … {threads} threads, round {number + 1}", file=sys.stderr)
                before = proxy.refused
                ours = run_worker(SCRIPT, "ours", proxy.url, threads, seconds)
                crowd.refused += proxy.refused - before
                plain = run_worker(SCRIPT, "plain", proxy.url, threads, seconds)
                crowd.latencies += ours["latencies"]
                crowd.errors += ours["errors"]
                crowd.rates.append(len(ours["latencies"]) / seconds)
                crowd.limits.append(len(plain["latencies"]) / seconds)
            proxy.close()
    return crowd


def list_missed(crowds: Sequence[Crowd]) -> list[str]:
    """Return a sentence for each target that is missed."""
    missed = []
    for crowd in crowds:
        name = f"{crowd.threads} threads"
        if crowd.errors:
            missed.append(f"{name}: {len(crowd.errors)} errors, the first: {crowd.errors[0]}")
        if crowd.refused:
            missed.append(f"{name}: {crowd.refused} streams more than threads")
    smallest = min(crowds, key=lambda crowd: crowd.threads)
    if smallest.share < LEAST_SHARE:
        missed.append(
            f"{smallest.threads} threads: {smallest.share:.0%} of the limit; the target is "
            f"{LEAST_SHARE:.0%}"
        )
    return missed


def print_crowds(crowds: Sequence[Crowd]) -> None:
    """Print a line for each crowd."""
    for crowd in crowds:
        rate, limit = statistics.median(crowd.rates), statistics.median(crowd.limits)
        print(
            f"\nget by key, {crowd.threads} threads, {crowd.delay_seconds * 1000:g} ms each way, "
            f"{crowd.threads} places on the server\n"
            f"  {rate:.0f} requests a second; {limit:.0f} of clients that never wait: "
            f"{crowd.share:.0%}\n"
            f"  p50 {crowd.quantile(0.5) * 1000:.0f} ms, p99 {crowd.quantile(0.99) * 1000:.0f} ms, "
            f"at most {crowd.quantile(1) * 1000:.0f} ms; {len(crowd.errors)} errors, "
            f"{crowd.refused} refused, of {len(crowd.latencies)}"
        )
