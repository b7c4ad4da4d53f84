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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "benchmarks")]

CASES = 2000
SIZES = (2_000, 20_000, 100_000)
DELAY_SECONDS = 0.01  # each way
CALLS, AT_ONCE, CALL_SECONDS = 3200, 32, 0.1
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


def measured(command: list[str], environment: Mapping[str, str], folder: Path) -> tuple[float, int]:
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
    said = process.stderr.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode not in (0, 1, 100):  # 1 and 100: assertions failed
        raise SystemExit(f"{command[:3]} ended with {process.returncode}: {said[-600:].decode()}")
    return seconds, usage.ru_maxrss // 1024


def ours(folder: Path, **variables: str) -> dict[str, str]:
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
    from differential.promptfoo import command, install
    from differential.promptfoo import environment as environment_of

    folder = install(options.promptfoo)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        config = {"prompts": ["Say {{x}}"], "providers": ["echo"], "tests": list(tests(CASES))}
        (place / "config.json").write_text(json.dumps(config))
        theirs = [*command(folder), "eval", "-c", "config.json", "-o", "out.json", "--no-table"]
        theirs += ["--no-cache", "--no-progress-bar", "-j", "4"]
        own = [sys.executable, str(ROOT / "manage.py"), "evaluate", "config.json", "--no-cache"]
        own += ["--format", "json", "--output", "own.json"]
        environment = ours(place)
        manage(environment, "migrate", "--verbosity=0")
        rows = [
            (
                measured(theirs, environment_of(place / "home"), place),
                measured(own, environment, place),
            )
            for _round in range(options.rounds)
        ]
        _compare_verdicts(place)
    times = [statistics.median(row[one][0] for row in rows) for one in (0, 1)]
    memory = [max(row[one][1] for row in rows) for one in (0, 1)]
    print(f"{CASES:,} cases × 3 assertions, echo, 4 at a time; median of {options.rounds}")
    print(f"{'':<12}{'s':>8}{'MB':>8}")
    print(f"{'promptfoo':<12}{times[0]:>8.2f}{memory[0]:>8}")
    print(f"{'ours':<12}{times[1]:>8.2f}{memory[1]:>8}")
    print(f"ratio of times 1/{times[0] / times[1]:.1f}, of memory 1/{memory[0] / memory[1]:.1f}\n")


def _compare_verdicts(place: Path) -> None:
    found = json.loads((place / "own.json").read_text())["columns"][0]
    stats = json.loads((place / "out.json").read_text())["results"]["stats"]
    if found["passed"] != stats["successes"] or found["failed"] != stats["failures"]:
        raise SystemExit(f"the outcomes differ: {found['passed']} and {stats['successes']} passed")


def memory(_options: argparse.Namespace) -> None:
    """Print the peak of memory over suites of growing size."""
    print(f"{'cases':>8}{'s':>8}{'MB':>8}{'÷ first':>9}")
    first = 0
    for count in SIZES:
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            environment = ours(place)
            manage(environment, "migrate", "--verbosity=0")
            # One by one: a program's peak begins at the memory of the process that starts it.
            with (place / "suite.jsonl").open("w") as stream:
                for case in tests(count):
                    # Two assertions: a file holds a million values, and a third would be more.
                    row = {"variables": case["vars"], "assertions": case["assert"][:2]}
                    stream.write(json.dumps(row) + "\n")
            manage(environment, "import_suite", str(place / "suite.jsonl"), "--name", "S")
            own = [sys.executable, str(ROOT / "manage.py"), "evaluate", "--suite", "S"]
            own += ["--prompt", "p", "--provider", "echo"]
            _make_prompt(environment)
            seconds, peak = measured(own, environment, place)
        first = first or peak
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

    checks = (Assertion(type="contains", value="q"),)
    cases = (
        (None, Case(name=str(n), variables={"x": f"q{n}"}, assertions=checks)) for n in range(count)
    )
    column = PlannedColumn(spec=spec or ProviderSpec(kind="echo"), text="{{x}}")
    return create_run(Plan(columns=[column], **fields), cases)


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

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))

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
