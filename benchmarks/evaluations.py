"""The evaluation engine's speed and memory, beside the real promptfoo and beside limits.

    make bench-eval [ARGS="--only promptfoo,memory,libsql,slots,page --promptfoo FOLDER --rounds 3"]

promptfoo  2,000 cases × 3 assertions (contains, regex, levenshtein), echo, both as whole programs;
           ours stores every result in SQLite. Medians of as many rounds, in turns.
memory     the peak of the same command over 2,000, 20,000 and 100,000 cases of a stored suite.
libsql     round trips through a proxy of 20 ms, echo.
slots      32 calls at a time of a model that takes 100 ms: the time above what that has to take.
page       a run's page with 10,000 results: SQLite, and libSQL through the proxy.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "benchmarks")]

CASES = 2000
SIZES = (2_000, 20_000, 100_000)
DELAY_SECONDS = 0.01  # each way
# Ten seconds of a hundred rounds: what starting and ending costs hardly counts.
CALLS, AT_ONCE, CALL_SECONDS = 3200, 32, 0.1
# Exit statuses of programs that did what they should: 1 (ours) and 100 (promptfoo's) mean that
# assertions failed.
COMPLETED = (0, 1, 100)
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "東京", "大阪"]


def tests(count: int) -> Iterator[dict[str, Any]]:
    """Yield cases of three assertions each, the same at each call."""
    chance = random.Random(1)  # noqa: S311 (data, no secret)
    for number in range(count):
        text = f"{number} " + " ".join(chance.choices(WORDS, k=8))
        yield {
            "vars": {"x": text},
            "assert": [
                {"type": "contains", "value": chance.choice(WORDS)},
                {"type": "regex", "value": r"\d+ \w+"},
                {"type": "levenshtein", "value": f"Say {text}!", "threshold": 5},
            ],
        }


def measure(command: list[str], environment: Mapping[str, str], folder: Path) -> tuple[float, int]:
    """Run a program; return its seconds and the peak of its memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 (our own arguments)
        command,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None  # noqa: S101 (for types: it is a pipe)
    errors = process.stderr.read()
    # Not process.wait(): only the system knows the peak of a process, and only once.
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode not in COMPLETED:
        reason = errors[-600:].decode()
        raise SystemExit(f"{command[:3]} ended with {process.returncode}: {reason}")
    return seconds, usage.ru_maxrss // 1024  # Linux counts it in KiB


def our_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return the environment of our command, with a database in a folder."""
    (folder / "empty.env").write_text("")
    own = {
        "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite3'}",
        "ENV_FILE": str(folder / "empty.env"),
        # As an installed program: compiled once, by the first command.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    return {**os.environ, **own, **variables}


def manage(environment: Mapping[str, str], *arguments: str) -> None:
    """Run a command of manage.py and wait for it."""
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=dict(environment), check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (as above)


def beside_promptfoo(options: argparse.Namespace) -> None:
    """Print times and memory of both programs."""
    from differential import promptfoo

    install = promptfoo.install(options.promptfoo)
    their_runs: list[tuple[float, int]] = []
    our_runs: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {"prompts": ["Say {{x}}"], "providers": ["echo"], "tests": list(tests(CASES))}
        (folder / "config.json").write_text(json.dumps(config))
        theirs = [*promptfoo.command(install), "eval", "-c", "config.json", "-o", "out.json"]
        theirs += ["--no-table", "--no-cache", "--no-progress-bar", "-j", "4"]
        their_environment = promptfoo.environment(folder / "home")
        ours = [sys.executable, str(ROOT / "manage.py"), "evaluate", "config.json", "--no-cache"]
        ours += ["--format", "json", "--output", "own.json"]
        environment = our_environment(folder)
        manage(environment, "migrate", "--verbosity=0")
        for _round in range(options.rounds):
            their_runs.append(measure(theirs, their_environment, folder))
            our_runs.append(measure(ours, environment, folder))
        _compare_verdicts(folder)
    their_seconds, their_memory = _summarize(their_runs)
    our_seconds, our_memory = _summarize(our_runs)
    time_ratio = their_seconds / our_seconds
    memory_ratio = their_memory / our_memory
    print(f"{CASES:,} cases × 3 assertions, echo, 4 at a time; median of {options.rounds}")
    print(f"{'':<12}{'s':>8}{'MB':>8}")
    print(f"{'promptfoo':<12}{their_seconds:>8.2f}{their_memory:>8}")
    print(f"{'ours':<12}{our_seconds:>8.2f}{our_memory:>8}")
    print(f"ratio of times 1/{time_ratio:.1f}, of memory 1/{memory_ratio:.1f}\n")


def _summarize(runs: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Return the median of the times and the highest peak of memory."""
    seconds, peaks = zip(*runs, strict=True)
    return statistics.median(seconds), max(peaks)


def _compare_verdicts(folder: Path) -> None:
    column = json.loads((folder / "own.json").read_text())["columns"][0]
    stats = json.loads((folder / "out.json").read_text())["results"]["stats"]
    if column["passed"] != stats["successes"] or column["failed"] != stats["failures"]:
        raise SystemExit(f"the outcomes differ: {column['passed']} and {stats['successes']} passed")


def memory(_options: argparse.Namespace) -> None:
    """Print the peak of memory over suites of growing size."""
    print(f"{'cases':>8}{'s':>8}{'MB':>8}{'÷ first':>9}")
    first = 0
    for count in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = our_environment(folder)
            manage(environment, "migrate", "--verbosity=0")
            # One by one: a program's peak begins at the memory of the process that starts it.
            with (folder / "suite.jsonl").open("w") as stream:
                for case in tests(count):
                    # Two assertions: a file holds a million values, and a third would be more.
                    row = {"variables": case["vars"], "assertions": case["assert"][:2]}
                    stream.write(json.dumps(row) + "\n")
            manage(environment, "import_suite", str(folder / "suite.jsonl"), "--name", "S")
            command = [sys.executable, str(ROOT / "manage.py"), "evaluate", "--suite", "S"]
            command += ["--prompt", "p", "--provider", "echo"]
            _make_prompt(environment)
            seconds, peak = measure(command, environment, folder)
        if not first:
            first = peak
        print(f"{count:>8,}{seconds:>8.1f}{peak:>8}{peak / first:>9.2f}", flush=True)
    print()


def _make_prompt(environment: Mapping[str, str]) -> None:
    code = (
        "from prompts.services import create_prompt;"
        "create_prompt(title='p', name='p', content='Say {{x}}', syntax='mustache',"
        " variables=[{'name': 'x'}])"
    )
    manage(environment, "shell", "-c", code)


@contextmanager
def libsql() -> Iterator[Any]:
    """Yield a proxy of 20 ms before a libSQL server, for this process."""
    from database.proxy import DelayProxy
    from launch.sqld import Server

    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name)).start()
        proxy = DelayProxy(server.port, DELAY_SECONDS)
        try:
            yield proxy
        finally:
            proxy.close()
            server.kill()


def _django(url: str) -> None:
    import django

    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "autoforge.settings",
        "DATABASE_URL": url,
        "LOG_LEVEL": "WARNING",
    }
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _run(count: int, spec: Any = None, **fields: Any) -> Any:
    from evaluations.engine.providers import ProviderSpec
    from evaluations.engine.types import Assertion, Case
    from evaluations.services.planning import Plan, PlannedColumn, create_run

    def list_cases() -> Iterator[tuple[None, Case]]:
        assertions = (Assertion(type="contains", value="q"),)
        for number in range(count):
            variables = {"x": f"q{number}"}
            yield None, Case(name=str(number), variables=variables, assertions=assertions)

    if spec is None:
        spec = ProviderSpec(kind="echo")
    column = PlannedColumn(spec=spec, text="{{x}}")
    return create_run(Plan(columns=[column], **fields), list_cases())


def round_trips(_options: argparse.Namespace) -> None:
    """Print what a run costs on a remote database."""
    with libsql() as proxy:
        _django(proxy.url)
        from evaluations.services.runs import execute_run

        _run(10)
        run = _run(CASES)
        before, started = proxy.round_trips, time.perf_counter()
        execute_run(run.pk)
        seconds = time.perf_counter() - started
        trips = proxy.round_trips - before
        print(f"libSQL at {2000 * DELAY_SECONDS:.0f} ms a round trip, {CASES:,} results of echo")
        print(f"{trips} round trips, {100 * trips / CASES:.2f} for 100 results, {seconds:.2f} s\n")


def slots(_options: argparse.Namespace) -> None:
    """Print how far a run is from the time that its calls have to take: over HTTP, and without."""
    with tempfile.TemporaryDirectory() as name:
        _django(f"sqlite:///{name}/bench.sqlite3")
        ideal = CALLS / AT_ONCE * CALL_SECONDS
        print(f"{CALLS:,} calls of {1000 * CALL_SECONDS:.0f} ms, {AT_ONCE} at a time, each stored")
        print(f"the calls alone take {ideal:.2f} s (limit: +10 %)")
        with slow_model() as url:
            taken = {
                "ours, with an in-process model": _timed_run(_sleeper()),
                "ours, over real HTTP": _timed_run(_http(url)),
                "a bare aiohttp client that stores nothing": _timed_bare(url),
            }
        for title, seconds in taken.items():
            print(f"{title:<40}{seconds:>8.2f} s {seconds / ideal - 1:>+7.1%}")
    print()


def _timed_bare(url: str) -> float:
    """Return how long a client takes that only asks: what HTTP itself costs here."""
    import asyncio

    import aiohttp

    async def ask() -> None:
        numbers = iter(range(CALLS))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def work() -> None:
                for number in numbers:
                    message = {"role": "user", "content": f"q{number}"}
                    body = {"model": "slow", "messages": [message]}
                    async with session.post(f"{url}/chat/completions", json=body) as response:
                        await response.json()

            workers = [work() for _ in range(AT_ONCE)]
            await asyncio.gather(*workers)

    started = time.perf_counter()
    asyncio.run(ask())
    return time.perf_counter() - started


def _timed_run(spec: Any) -> float:
    from evaluations.services.runs import execute_run

    run = _run(CALLS, spec, use_cache=False)
    started = time.perf_counter()
    ended = execute_run(run.pk)
    taken = time.perf_counter() - started
    summary = ended.evaluations.get().summary
    if summary["passed"] != CALLS:
        raise SystemExit(f"some answers are missing: {summary}")
    return taken


def _sleeper() -> Any:
    """Return the spec of a provider of this process that waits, then answers."""
    import asyncio

    from evaluations.engine.providers import Limits, ProviderSpec
    from evaluations.engine.providers.offline import EchoProvider
    from evaluations.engine.providers.specs import OURS

    class Sleeper(EchoProvider):
        """Answers after a while."""

        async def complete(self, request: Any) -> Any:
            """Wait, then answer."""
            await asyncio.sleep(CALL_SECONDS)
            return await super().complete(request)

    OURS["sleeper"] = lambda spec, _environment: Sleeper(spec)  # type: ignore[index]  # a benchmark's own
    return ProviderSpec(kind="sleeper", limits=Limits(concurrency=AT_ONCE))


def _http(url: str) -> Any:
    from evaluations.engine.providers import Limits, ProviderSpec

    limits = Limits(concurrency=AT_ONCE)
    return ProviderSpec(kind="openai-compatible", model="slow", base_url=url, limits=limits)


@contextmanager
def slow_model() -> Iterator[str]:
    """Yield the address of a model, in a process of its own, that takes its time."""
    command = [sys.executable, str(ROOT / "benchmarks" / "slow_model.py"), str(CALL_SECONDS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own program)
    assert process.stdout is not None  # noqa: S101 (for types: it is a pipe)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def page(_options: argparse.Namespace) -> None:
    """Print how long a run's page with 10,000 results takes."""
    from evaluations_page import show

    with tempfile.TemporaryDirectory() as name:
        show(f"sqlite:///{name}/bench.sqlite3", None)


def page_remote(_options: argparse.Namespace) -> None:
    """Print the same through the proxy."""
    from evaluations_page import show

    with libsql() as proxy:
        show(proxy.url, proxy)


PARTS = {
    "promptfoo": beside_promptfoo,
    "memory": memory,
    "libsql": round_trips,
    "slots": slots,
    "page": page,
    "page-remote": page_remote,
}


def main() -> None:
    """Run the parts, each in a process of its own."""
    parser = argparse.ArgumentParser(description="See the docstring at the top of this file.")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--promptfoo", type=Path, default=ROOT / ".cache" / "promptfoo")
    parser.add_argument("--part")
    options = parser.parse_args()
    if options.part:
        PARTS[options.part](options)
        return
    for name in options.only.split(","):
        if name not in PARTS:
            parser.error(f"unknown part {name}; available: {', '.join(PARTS)}")
        command = [sys.executable, __file__, "--part", name, "--rounds", str(options.rounds)]
        command += ["--promptfoo", str(options.promptfoo)]
        subprocess.run(command, check=True)  # noqa: S603 (our own arguments)


if __name__ == "__main__":
    main()
