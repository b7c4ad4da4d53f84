"""The HTTP API's speed: against a bare view of the same server, steady load, watchers, round trips.

    make bench-api [ARGS="--only ratios,steady,watchers,remote,key --seconds 60"]

A gunicorn with one worker serves a fresh SQLite database. The bare view is `/health/live`, which
passes the same middleware and asks nobody. The remote part runs on a real libSQL server behind a
proxy that delays each direction by 10 ms; what counts there is the number of round trips.
"""

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

PARTS: Final = ("ratios", "steady", "watchers", "remote", "key")
CLIENTS: Final = 4
ROUNDS: Final = 8
REQUESTS: Final = 100  # of each client in a round
RATE: Final = 200  # requests per second, steady
PROMPTS: Final = 60
DELAY_SECONDS: Final = 0.01  # each way
WATCHERS: Final = 200
MOST_MEGABYTES: Final = 60  # that they may take together
LIMITS: Final = {"cached": 0.70, "not modified": 0.80}


def make_content() -> str:
    """Fill this process's database; return a key."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "autoforge.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from core.access import services as keys
    from prompts import services

    call_command("migrate", verbosity=0)
    for number in range(PROMPTS):
        prompt = services.create_prompt(
            title=f"Prompt {number}",
            name=f"bench/prompt-{number}",
            content="Dear {{ name }}, thank you for your message. " * 20,
            syntax="mustache",
            variables=[{"name": "name", "type": "text"}],
        )
        services.move_label(prompt_id=prompt.pk, label="production", number=1)
    return keys.create_key(name="bench", role="Viewer", requests_per_minute=0).text


class Gunicorn:
    """A server with one worker on a database that is filled already."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        more = {"PORT": str(self.port), "WEB_CONCURRENCY": "1", "PYTHONPATH": str(ROOT)}
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own)
                [*command, "autoforge.wsgi:application"],
                cwd=ROOT,
                env=os.environ | environment | more,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("The server did not start; see its log.")

    def memory_mib(self) -> float:
        """Return what the worker holds."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        pages = Path(f"/proc/{children[0]}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE") / 2**20

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=30)


class Caller:
    """One connection that is kept open."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, status: int, **headers: str) -> http.client.HTTPResponse:
        """Ask, and read all of the answer."""
        self._connection.request("GET", path, headers=self._headers | headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != status:
            raise SystemExit(f"{path} answers {answer.status} instead of {status}")
        return answer


def measure_ratios(server: Gunicorn, key: str) -> bool:
    """Print requests per second beside the bare view's; return whether the limits are reached."""
    callers = [Caller(server.port, key) for _ in range(CLIENTS)]
    path = "/api/v1/prompts/bench/prompt-1"
    etag = callers[0].get(path, 200).headers["ETag"]
    kinds: dict[str, Callable[[Caller], object]] = {
        "bare view": lambda caller: caller.get("/health/live", 200),
        "cached": lambda caller: caller.get(path, 200),
        "not modified": lambda caller: caller.get(path, 304, **{"If-None-Match": etag}),
        "list of 50": lambda caller: caller.get("/api/v1/prompts?limit=50", 200),
    }
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, call in kinds.items():  # in turn, so that a busy moment hits all of them
            rates[name].append(_requests_per_second(callers, call))
    print(f"Requests per second, one worker, {CLIENTS} clients; medians of {ROUNDS} rounds")
    print(f"{'what':<16}{'per second':>12}{'÷ bare view':>14}{'limit':>8}")
    is_reached = True
    for name, values in rates.items():
        pairs = zip(values, rates["bare view"], strict=True)
        ratio = statistics.median(value / bare for value, bare in pairs)
        limit = LIMITS.get(name)
        shown = "" if limit is None else f"{limit:.2f}"
        print(f"{name:<16}{statistics.median(values):>12.0f}{ratio:>14.2f}{shown:>8}", flush=True)
        is_reached = is_reached and (limit is None or ratio >= limit)
    return is_reached


def _requests_per_second(callers: list[Caller], call: Callable[[Caller], object]) -> float:
    def work(caller: Caller) -> None:
        for _ in range(REQUESTS):
            call(caller)

    threads = [threading.Thread(target=work, args=(caller,)) for caller in callers]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return REQUESTS * len(callers) / (time.perf_counter() - started)


def measure_steady(server: Gunicorn, key: str, seconds: float) -> bool:
    """Print latencies and memory under a steady load; return whether the limits are reached."""
    taken: list[float] = []
    errors: list[str] = []
    path = "/api/v1/prompts/bench/prompt-1"
    senders = 16
    _requests_per_second(  # warm: threads and their connections are made when they are needed
        [Caller(server.port, key) for _ in range(senders)], lambda caller: caller.get(path, 200)
    )
    before = server.memory_mib()
    begin = time.perf_counter() + 0.5

    def send(number: int) -> None:
        caller = Caller(server.port, key)
        due = begin + number / RATE
        while due < begin + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            try:
                caller.get(path, 200)
            except (OSError, http.client.HTTPException, SystemExit) as error:
                errors.append(str(error))
                caller = Caller(server.port, key)
            taken.append(time.perf_counter() - started)
            due += senders / RATE

    threads = [threading.Thread(target=send, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = server.memory_mib()
    cuts = statistics.quantiles(taken, n=100)
    p50, p99 = cuts[49] * 1000, cuts[98] * 1000
    print(f"\nSteady load of {RATE} requests per second for {seconds:.0f} s")
    print(f"{len(taken)} answers, {len(errors)} errors; p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    print(f"p99 ÷ p50: {p99 / p50:.1f} (limit 5); memory {before:.0f} → {after:.0f} MiB")
    return not errors and p99 <= 5 * p50 and after - before < 10


def start_run() -> str:
    """Have a run that waits for a worker; return its ID."""
    from evaluations.services.choosing import RunChoice, choose_run
    from evaluations.services.choosing import start_run as start
    from evaluations.services.suites import create_case, create_suite

    suite = create_suite(name="Bench")
    create_case(suite_id=suite.pk, name="case", assertions=[{"type": "contains", "value": "x"}])
    choice = RunChoice(suite_id=suite.pk, prompts=["bench/prompt-1"], models=["echo"])
    return str(start(choose_run(choice)).pk)


class Watcher:
    """A client that watches a run."""

    def __init__(self, port: int, key: str, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
        self._socket.sendall(head.encode())
        read = b""
        while b"event: progress" not in read:
            part = self._socket.recv(65536)
            if not part:
                raise SystemExit(f"{path} answers {read[:200]!r}")
            read += part

    def close(self) -> None:
        """Go away."""
        self._socket.close()


def measure_watchers(server: Gunicorn, key: str, run_id: str) -> bool:
    """Print what watchers of a run take; return whether the limit is reached."""
    path = f"/api/v1/runs/{run_id}/events"
    caller = Caller(server.port, key)
    for _ in range(20):  # warm
        caller.get(f"/api/v1/runs/{run_id}", 200)
    Watcher(server.port, key, path).close()
    before = server.memory_mib()
    watchers = [Watcher(server.port, key, path) for _ in range(WATCHERS)]
    more = (server.memory_mib() - before) * 2**20 / 1e6
    caller = Caller(server.port, key)  # the server closes connections that are idle
    started = time.perf_counter()
    for _ in range(20):
        caller.get(f"/api/v1/runs/{run_id}", 200)
    taken = (time.perf_counter() - started) / 20 * 1000
    for watcher in watchers:
        watcher.close()
    print(f"\n{WATCHERS} watchers of a run take {more:.1f} MB more (limit {MOST_MEGABYTES})")
    print(f"Meanwhile others are answered in {taken:.1f} ms")
    return more <= MOST_MEGABYTES


def measure_key() -> bool:
    """Print what the check of a known key takes; return whether the limit is reached."""
    key = make_content()
    from django.db import connection
    from django.test import RequestFactory
    from django.test.utils import CaptureQueriesContext

    from core.access.authentication import authenticate

    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {key}"})
    authenticate(request)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        authenticate(request)
    times = []
    for _ in range(2000):
        started = time.perf_counter()
        authenticate(request)
        times.append(time.perf_counter() - started)
    taken = statistics.median(times) * 1000
    print(f"\nA known key is checked in {taken:.3f} ms (limit 0.2) with {len(queries)} queries")
    return taken <= 0.2 and not len(queries)


def measure_remote() -> bool:
    """Print round trips on a remote database; return whether the limits are reached."""
    key = make_content()
    from django.db import connection
    from django.test import Client

    client = Client(headers={"Authorization": f"Bearer {key}", "Host": "localhost"})
    calls = {
        "a version, not in memory": ("/api/v1/prompts/bench/prompt-1", 1),
        "list of 50": ("/api/v1/prompts?limit=50", 2),
    }
    print(f"\nlibSQL at {2 * DELAY_SECONDS * 1000:.0f} ms a round trip")
    print(f"{'what':<28}{'round trips':>12}{'limit':>8}{'ms':>8}")
    is_reached = True
    for name, (path, limit) in calls.items():
        client.get(path)
        client.get(path)
        before = connection.connection.round_trips
        started = time.perf_counter()
        answer = client.get(path)
        taken = (time.perf_counter() - started) * 1000
        trips = connection.connection.round_trips - before
        if answer.status_code != 200:
            raise SystemExit(f"{path} answers {answer.status_code}")
        print(f"{name:<28}{trips:>12}{limit:>8}{taken:>8.1f}", flush=True)
        is_reached = is_reached and trips <= limit
    return is_reached


def run_part(part: str, **environment: str) -> bool:
    """Run a part in a process of its own; return whether its limits were reached."""
    base = {"APP_ENV": "local", "DEBUG": "false", "ENV_FILE": os.devnull, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, str(Path(__file__)), "--part", part]
    done = subprocess.run(command, env=os.environ | base | environment, check=False)  # noqa: S603 (our own)
    return done.returncode == 0


def serve(parts: list[str], seconds: float) -> bool:
    """Start a server and run the parts that need one."""
    is_reached = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            "APP_ENV": "local",
            "DEBUG": "false",
            "ENV_FILE": os.devnull,
            "LOG_LEVEL": "ERROR",
            "DATABASE_URL": f"sqlite:///{folder / 'api.db'}",
        }
        os.environ.update(environment)
        key = make_content()
        run_id = start_run()
        server = Gunicorn(folder, environment)
        try:
            if "ratios" in parts:
                is_reached &= measure_ratios(server, key)
            if "steady" in parts:
                is_reached &= measure_steady(server, key, seconds)
            if "watchers" in parts:
                is_reached &= measure_watchers(server, key, run_id)
        finally:
            server.stop()
    return is_reached


def main() -> int:
    """Run what was asked for; return 0 where every limit is reached, else 1."""
    parser = argparse.ArgumentParser(description="Benchmarks of the HTTP API")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=60, help="of the steady load")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        measure = {"key": measure_key, "remote": measure_remote}[options.part]
        return 0 if measure() else 1
    parts = options.only.split(",")
    is_reached = True
    if "key" in parts:
        with tempfile.TemporaryDirectory() as name:
            is_reached &= run_part("key", DATABASE_URL=f"sqlite:///{Path(name) / 'key.db'}")
    if "remote" in parts:
        is_reached &= remote()
    if {"ratios", "steady", "watchers"} & set(parts):
        is_reached &= serve(parts, options.seconds)
    print("\nEvery limit is reached." if is_reached else "\nA limit is not reached.")
    return 0 if is_reached else 1


def remote() -> bool:
    """Start a libSQL server behind the proxy and run the remote part."""
    from launch.sqld import Server

    from benchmarks.database.proxy import DelayProxy

    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name) / "libsql").start()
        proxy = DelayProxy(server.port, DELAY_SECONDS)
        try:
            return run_part("remote", DATABASE_URL=proxy.url)
        finally:
            proxy.close()
            server.kill()


if __name__ == "__main__":
    sys.exit(main())
