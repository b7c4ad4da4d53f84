"""`make crash-test`: end runs at random moments, and nothing is lost or paid twice.

    --kills 50              how often
    --victim worker|server  what is killed: `manage.py evaluate`, or the libSQL server
    --signal KILL|TERM|INT  how a worker is ended; TERM and INT must repeat no call
    --database sqlite|libsql
    --cases 500 --seed 1

A service that counts answers over real HTTP. A run is taken up again after each kill until it is
complete, then the next one begins. Status 1 where an answer that was stored was asked for again,
more calls were repeated than were in flight, a result is missing, or the database was "locked".
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.sqld import Server

ROOT: Final = Path(__file__).resolve().parent.parent.parent
CONCURRENCY: Final = 16
DELAY_MS: Final = 50  # 500 cases take 1.6 s and more
WORKING_SECONDS: Final = (0.0, 3.0)  # after the run is named; its first calls come a second later
STARTING_SECONDS: Final = (0.0, 1.5)  # after the program has
STARTING: Final = 0.1  # how often a kill is meant for a program that only starts
NAMED: Final = re.compile(r"^Run (\S+)$", re.MULTILINE)
PROMPT: Final = "Question {{x}}"


class Crashes:
    """One test: a database, a counting service, runs that are killed."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.report = folder / "report.json"
        self.random = random.Random(options.seed)  # noqa: S311 (moments)
        self.server: Server | None = None
        url = f"sqlite:///{folder / 'test.sqlite3'}"
        if options.database == "libsql":
            self.server = Server(folder / "libsql").start()
            url = self.server.url
        script = ROOT / "tests" / "support" / "fake_models.py"
        self.fake = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, str(script), "--delay-ms", str(DELAY_MS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.fake.stdout is not None  # noqa: S101 (for types: it is a pipe)
        self.address = self.fake.stdout.readline().strip()
        empty = folder / "empty.env"
        empty.write_text("")
        self.environment = {**os.environ, "DATABASE_URL": url, "ENV_FILE": str(empty)}
        os.environ |= self.environment | {"DJANGO_SETTINGS_MODULE": "autoforge.settings"}
        django.setup()
        self.errors: list[str] = []
        self.kills = self.runs = 0

    def close(self) -> None:
        """End what was started."""
        self.fake.kill()
        self.fake.wait()
        if self.server is not None:
            self.server.kill()

    def manage(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of manage.py."""
        return subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def work(self) -> None:
        """Kill as often as asked; report what went wrong."""
        migrate = self.manage("migrate", "--verbosity=0")
        _, errors = migrate.communicate()
        if migrate.returncode:
            raise SystemExit(errors)
        while self.kills < self.options.kills:
            self.one_run()

    def one_run(self) -> None:
        """Take a run through its kills to its end, and check it."""
        self.runs += 1
        names = [f"{self.runs}-{number}" for number in range(self.options.cases)]
        config = self.write_config(names)
        before, run = self.kills, ""
        stored: dict[str, int] = {}
        command: tuple[str, ...] = ("evaluate", str(config))
        while True:
            # Into a file: a pipe that nobody reads would hold the program up until it is killed.
            process = self.manage(*command, "--format", "json", "--output", str(self.report))
            head, killed = self.maybe_kill(process)
            output = head + process.communicate()[1]
            if "locked" in output:
                self.errors.append(f"run {self.runs}: {output.strip()[-300:]}")
            match = NAMED.search(output)
            if match is not None and not run:
                run = match[1]
            if not killed:
                break
            if run:  # killed before it was named, it begins anew
                command = ("evaluate", "--resume", run)
            stored |= self.stored(run, stored)
        self.check(names, process.returncode, output, self.kills - before)
        counts = self.counts()
        for case, count in stored.items():
            if counts[case] > count:
                self.errors.append(f"run {self.runs}: {case} was stored, and asked again")

    def write_config(self, names: list[str]) -> Path:
        """Write the configuration of a run whose cases have these names; return its file."""
        config = self.folder / f"run{self.runs}.json"
        tests = []
        for name in names:
            assertion = {"type": "contains", "value": name}
            tests.append({"vars": {"x": name}, "assert": [assertion]})
        provider = {
            "id": "openai-compatible:m",
            "concurrency": CONCURRENCY,
            "config": {"apiBaseUrl": f"{self.address}/v1"},
        }
        content = {"prompts": [PROMPT], "providers": [provider], "tests": tests}
        config.write_text(json.dumps(content))
        return config

    def counts(self) -> dict[str, int]:
        """Return how often each case has been asked."""
        with urlopen(f"{self.address}/count") as answer:  # noqa: S310 (loopback)
            counts: Mapping[str, int] = json.load(answer)
        return {asked.removeprefix("Question "): count for asked, count in counts.items()}

    def stored(self, run: str, known: Mapping[str, int]) -> dict[str, int]:
        """Return the newly stored cases of a run, and how often each has been asked so far."""
        from django.db import connection  # needs the settings

        from evaluations.models import TestResult

        connection.close()  # a server that was killed has taken it along
        if not run:
            return {}
        rows = TestResult.objects.filter(evaluation__run_id=uuid.UUID(run))
        cases = rows.values_list("run_case__document__variables__x", flat=True)
        counts = self.counts()
        return {case: counts[case] for case in cases if case not in known}

    def maybe_kill(self, process: subprocess.Popen[str]) -> tuple[str, bool]:
        """Kill at a random moment; return what it wrote so far, and whether to start again."""
        if self.random.random() < STARTING and self.killed(process, STARTING_SECONDS):
            return "", True
        head = ""
        assert process.stderr is not None  # noqa: S101 (for types: it is a pipe)
        for line in process.stderr:
            head += line
            if line.startswith("Run "):
                break
        if self.options.victim == "worker":
            return head, self.killed(process, WORKING_SECONDS)
        while self.killed(process, WORKING_SECONDS):
            pass  # the worker waits for its database, and goes on
        return head, False

    def killed(self, process: subprocess.Popen[str], seconds: tuple[float, float]) -> bool:
        """Kill within so many seconds; False where the program ends before, or all is done."""
        if self.kills >= self.options.kills:
            return False
        try:
            process.wait(self.random.uniform(*seconds))
        except subprocess.TimeoutExpired:
            self.kills += 1
        else:
            return False
        if self.options.victim == "worker" or self.server is None:
            process.send_signal(getattr(signal, f"SIG{self.options.signal}"))
            return True
        self.server.kill()
        time.sleep(self.random.uniform(0.0, 0.5))
        self.server.start()
        return True

    def check(self, names: list[str], status: int, output: str, kills: int) -> None:
        """Hold the end of a run against what the service has counted."""
        where = f"run {self.runs} ({kills} kills)"
        if status != 0:
            self.errors.append(f"{where}: status {status}: {output.strip()[-300:]}")
            return
        results: list[dict[str, object]] = json.loads(self.report.read_text())["results"]
        passed = {result["case"] for result in results if result["passed"]}
        if not len(passed) == len(results) == len(names):
            self.errors.append(f"{where}: {len(results)} results, {len(passed)} passed")
        counts = self.counts()
        calls = [counts.get(name, 0) for name in names]
        repeated = sum(calls) - len(names)
        allowed = kills * CONCURRENCY
        # A server's worker keeps the answers until they are stored, and who is asked to end too.
        if self.options.victim == "server" or self.options.signal != "KILL":
            allowed = 0
        if min(calls) < 1 or repeated > allowed:
            self.errors.append(f"{where}: {repeated} calls repeated, {allowed} were in flight")
        print(f"{where}: complete, {repeated} of at most {allowed} calls repeated", flush=True)


def main() -> int:
    """Run the test; return 0 where nothing was lost or paid twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--victim", choices=("worker", "server"), default="worker")
    parser.add_argument("--signal", choices=("KILL", "TERM", "INT"), default="KILL")
    parser.add_argument("--database", choices=("sqlite", "libsql"), default="sqlite")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.victim == "server":
        options.database = "libsql"
    with tempfile.TemporaryDirectory() as name:
        crashes = Crashes(options, Path(name))
        try:
            crashes.work()
        finally:
            crashes.close()
    for error in crashes.errors:
        print(f"! {error}")
    print(
        f"{options.victim} of {options.database}: {crashes.kills} × SIG{options.signal}, "
        f"{crashes.runs} runs of "
        f"{options.cases} cases, {len(crashes.errors)} faults"
    )
    return 1 if crashes.errors else 0


if __name__ == "__main__":
    sys.exit(main())
