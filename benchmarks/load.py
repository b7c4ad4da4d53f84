"""Many users at once, on a server of its own: `make load` without HOST.

    make load [ARGS="--users 64 --seconds 60"]

gunicorn with its usual workers serves the demo content from a real libSQL server, behind a proxy
that delays each direction by 10 ms. Locust's users (deploy/load/locustfile.py) look around in the
admin, fetch prompts by the API and ask for health. Prints Locust's table with p95, and the memory
of all of the server's processes while they ask. Status 1 where a request failed, p95 is above the
limit of the locustfile, or the memory grew.
"""

import argparse
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the database benchmark's proxy
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))  # launch
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the project's packages

from database.proxy import DelayProxy
from launch.sqld import Server, free_port
from launch.tools import tool_environment

ROOT: Final = Path(__file__).resolve().parent.parent
DELAY_SECONDS: Final = 0.01  # each way
LOOK_SECONDS: Final = 2.0
START_SECONDS: Final = 60
# Of the last third of the time beside the middle one: what grows for ever grows there, too. At
# first each worker loads what it needs, and logins take much for a moment (Argon2).
MOST_GROWTH: Final = 1.10


class Site:
    """A server that serves, and what it takes to ask it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.port = free_port()
        self._log = folder / "server.log"
        empty = folder / "empty.env"
        empty.write_text("")
        self._environment = tool_environment() | {
            "DATABASE_URL": address,
            "DEBUG": "false",
            "ENV_FILE": str(empty),
            "PORT": str(self.port),
            "QUEUE": "sqlite",  # without a worker: nothing runs beside the requests
        }
        self.password = secrets.token_urlsafe()
        self.key = ""
        self._process: subprocess.Popen[bytes] | None = None

    def fill(self, address: str) -> None:
        """Make the content; over the server's own address, which takes less time."""
        near = {"DATABASE_URL": address}
        self._manage("migrate", "--verbosity", "0", **near)
        self._manage("load_demo", **near)
        name = ("--username", "load", "--email", "load@example.com")
        person = {"DJANGO_SUPERUSER_PASSWORD": self.password}
        self._manage("createsuperuser", "--noinput", *name, **near, **person)
        limit = ("--role", "Viewer", "--requests-per-minute", "0")
        self.key = self._manage("api_key", "create", "load", *limit, **near).splitlines()[-1]

    def _manage(self, *arguments: str, **more: str) -> str:
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"manage.py {arguments[0]}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "autoforge.wsgi"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
            yield
        finally:
            self._process.terminate()
            self._process.wait(60)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise SystemExit(f"The server did not start: {self._log.read_text()[-2000:]}")

    def measure_mib(self) -> float:
        """Return what all of the server's processes hold, what they share counted once."""
        if self._process is None:
            raise RuntimeError("nothing is served")
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        kib = 0
        for number in [str(pid), *children]:
            with contextlib.suppress(OSError):  # a worker that was replaced just now
                for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kib += int(line.split()[1])
        return kib / 1024


def main() -> int:
    """Load the server; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoforge-load-")))
        server = stack.enter_context(Server(folder / "libsql"))
        proxy = stack.enter_context(contextlib.closing(DelayProxy(server.port, DELAY_SECONDS)))
        site = Site(folder, proxy.url)
        site.fill(server.url)
        stack.enter_context(site.serving())
        sizes: list[float] = []
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(site, sizes, stop))
        watcher.start()
        status = _ask(site, options.users, options.seconds)
        stop.set()
        watcher.join()
    return status or _judge_memory(sizes)


def _watch(site: Site, sizes: list[float], stop: threading.Event) -> None:
    while not stop.wait(LOOK_SECONDS):
        sizes.append(site.measure_mib())


def _ask(site: Site, users: int, seconds: int) -> int:
    """Let Locust's users ask; return its exit status."""
    command = [str(ROOT / ".venv-load" / "bin" / "locust"), "--headless", "--only-summary"]
    command += ["--locustfile", str(ROOT / "deploy" / "load" / "locustfile.py")]
    command += ["--host", f"http://127.0.0.1:{site.port}"]
    command += ["--users", str(users), "--spawn-rate", "16", "--run-time", f"{seconds}s"]
    person = {"LOAD_USER": "load", "LOAD_PASSWORD": site.password, "LOAD_API_KEY": site.key}
    return subprocess.run(command, cwd=ROOT, env=os.environ | person, check=False).returncode  # noqa: S603 (our own command)


def _judge_memory(sizes: list[float]) -> int:
    """Print the memory; return 1 where it grew."""
    third = len(sizes) // 3
    if third == 0:
        print("Memory: too few looks to judge; let it run for 10 s and more.")
        return 1
    middle, last = max(sizes[third : 2 * third]), max(sizes[2 * third :])
    growth = last / middle
    print(
        f"Memory: {min(sizes):.0f} to {max(sizes):.0f} MiB; last third ÷ middle third {growth:.2f}"
    )
    return int(growth > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
