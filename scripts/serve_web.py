"""Serve with gunicorn, so that it can be replaced while it serves: `python scripts/serve_web.py`.

This process holds the port and answers nothing itself; gunicorn serves below it.

    SIGHUP, or `python scripts/serve_web.py --reload`
        A second gunicorn is started, with the code and the variables as they are now. When each of
        its workers has answered /health/ready to itself, the first one is asked to stop and answers
        what it has begun. Where the second does not become ready, it ends and the first goes on.
    SIGTERM, SIGINT
        Stop: requests in progress are answered. A second signal ends at once.

Since this process stays, it can be the first one of a container, or the main one of a systemd unit
(ExecReload=/bin/kill -HUP $MAINPID). It needs nothing but Python and what gunicorn needs. Of a
folder that is a link (/srv/autoforge/current), the new gunicorn is started where it leads by then.

Exit status: 0 stopped, or reloaded; 1 not started, or the new server was not ready and the old one
goes on; 2 nothing to reload. Else what gunicorn ended with.
"""

import argparse
import contextlib
import json
import logging
import logging.config
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final

APPLICATION: Final = "autoforge.wsgi"
BACKLOG: Final = 2048  # connections that wait while nobody accepts them, as gunicorn has it
LOOK_SECONDS: Final = 0.1
READY_SECONDS: Final = 90.0  # loading, and what `autoforge.web.readiness` waits
KILL_SECONDS: Final = 5.0  # after gunicorn's own patience with requests in progress
LISTEN_FD: Final = "AUTOFORGE_LISTEN_FD"  # read by gunicorn.conf.py
READY_FD: Final = "AUTOFORGE_READY_FD"

logger = logging.getLogger("gunicorn.error")


def _find_root() -> Path:
    """Return the project's folder by the name that was typed, where that leads through a link.

    The link is then followed anew by each gunicorn that is started. Python itself knows only where
    it led at first; of a name that begins in the working folder, a shell knows it (PWD).
    """
    typed = Path(sys.argv[0])
    if not typed.exists() or not typed.samefile(__file__):  # imported, or run by another program
        typed = Path(__file__)
    if not typed.is_absolute():
        shown = os.environ.get("PWD", "")
        is_here = bool(shown) and Path(shown).is_dir() and Path(shown).samefile(Path.cwd())
        typed = Path(shown if is_here else Path.cwd()) / typed
    return Path(os.path.abspath(typed)).parent.parent  # noqa: PTH100 (resolve() follows links)


ROOT: Final = _find_root()


class Server:
    """One gunicorn with its workers."""

    def __init__(self, listener: socket.socket, *, must_be_ready: bool) -> None:
        environment = os.environ | {LISTEN_FD: str(listener.fileno())}
        environment.pop(READY_FD, None)
        self._reader = -1
        self._text = b""
        files = [listener.fileno()]
        writer = -1
        if must_be_ready:
            self._reader, writer = os.pipe()
            os.set_blocking(self._reader, False)
            environment[READY_FD] = str(writer)
            files.append(writer)
        try:
            self.process = subprocess.Popen(  # noqa: S603 (our own server)
                [sys.executable, "-m", "gunicorn", APPLICATION],
                cwd=ROOT,
                env=environment,
                pass_fds=files,
            )
        finally:
            if writer >= 0:
                os.close(writer)
        self.stop_by = 0.0
        self.has_served = not must_be_ready

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    @property
    def status(self) -> int:
        """What it ended with, as a shell says it."""
        code = self.process.returncode or 0
        return code if code >= 0 else 128 - code

    def read_verdict(self) -> str | None:
        """Return "" when all workers are ready, why not where one is not, None as long as neither.

        Each worker writes a line: how many there are, and its problem, if it has one.
        """
        with contextlib.suppress(BlockingIOError):
            self._text += os.read(self._reader, 65536)
        lines = [line for line in self._text.decode().splitlines(keepends=True) if line[-1] == "\n"]
        for line in lines:
            problem = line.partition(" ")[2].strip()
            if problem:
                return problem
        return "" if lines and len(lines) >= int(lines[0].partition(" ")[0]) else None

    def stop(self, patience_seconds: float) -> None:
        """Ask it to stop; `press` kills it when its time is over."""
        self.stop_by = time.monotonic() + patience_seconds
        self.send(signal.SIGTERM)

    def press(self) -> None:
        """Kill it, if it was asked to stop and its time is over."""
        if self.stop_by and time.monotonic() > self.stop_by:
            self.send(signal.SIGKILL)

    def send(self, number: int) -> None:
        """Send a signal to the server; not to its workers."""
        if not self.has_ended:
            self.process.send_signal(number)

    def close(self) -> None:
        """Close what tells of its being ready."""
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1


class Supervisor:
    """Holds the port, and replaces the server that serves on it.

    Args:
        listener: where clients connect.
        state: the file that tells `--reload` who is asked, and what became of it.
        patience_seconds: how long a server has to stop.
    """

    def __init__(self, listener: socket.socket, state: Path, patience_seconds: float) -> None:
        self._listener = listener
        self._state = state
        self._patience_seconds = patience_seconds
        self._signals: list[int] = []
        self._serving = Server(listener, must_be_ready=False)
        self._next: Server | None = None
        self._ready_by = 0.0
        self._old: list[Server] = []
        self._is_stopping = False
        self._reloads = 0
        self._verdict: dict[str, object] = {}

    def run(self) -> int:
        """Serve until a signal comes, or the server ends by itself; return its status."""
        for asked in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(asked, self._note)
        self._write()
        while not self._has_ended():
            for number in self._take_signals():
                self._handle(number)
            self._look_at_next()
            self._look_at_old()
            _reap_strangers({server.pid for server in self._list_servers()})
            time.sleep(LOOK_SECONDS)
        self._state.unlink(missing_ok=True)
        return self._serving.status

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _take_signals(self) -> list[int]:
        signals, self._signals = self._signals, []
        return signals

    def _list_servers(self) -> list[Server]:
        return [*self._old, *([self._next] if self._next else []), self._serving]

    def _has_ended(self) -> bool:
        if self._is_stopping:
            return all(server.has_ended for server in self._list_servers())
        if not self._serving.has_ended:
            return False
        if self._next is not None:  # it may be ready in a moment
            return False
        logger.error("The server ended by itself with status %d", self._serving.status)
        for server in self._old:
            server.send(signal.SIGKILL)
        return True

    def _handle(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._begin_reload()
        elif self._is_stopping:
            for server in self._list_servers():
                server.send(signal.SIGQUIT)  # gunicorn's own: at once
        else:
            self._is_stopping = True
            for server in self._list_servers():
                server.stop(self._patience_seconds)

    def _begin_reload(self) -> None:
        if self._is_stopping or self._next is not None or self._old:
            logger.warning("Not reloaded: a reload or a stop is in progress")
            return
        self._next = Server(self._listener, must_be_ready=True)
        self._ready_by = time.monotonic() + READY_SECONDS
        logger.info("Reloading: process %d is starting", self._next.pid)

    def _look_at_next(self) -> None:
        """Let the new server take over when it is ready, or give it up."""
        if self._next is None or self._is_stopping:
            return
        verdict = self._next.read_verdict()
        if verdict is None and self._next.has_ended:
            verdict = f"it ended with status {self._next.status}; its log says why"
        if verdict is None and time.monotonic() > self._ready_by:
            verdict = f"it was not ready after {READY_SECONDS:.0f} s"
        if verdict is None:
            return
        new, self._next = self._next, None
        new.close()
        if verdict:
            new.stop(KILL_SECONDS)
            self._old.append(new)
            self._conclude(
                f"Not reloaded: the new server is not ready: {verdict}. The old one (process "
                f"{self._serving.pid}) goes on serving.",
                is_done=False,
            )
            return
        new.has_served = True
        old, self._serving = self._serving, new
        old.stop(self._patience_seconds)
        self._old.append(old)
        logger.info("Process %d serves; process %d is stopping", new.pid, old.pid)

    def _look_at_old(self) -> None:
        """Kill what does not stop in time; say when the last one has."""
        for server in self._list_servers():
            server.press()
        ended = [server for server in self._old if server.has_ended]
        self._old = [server for server in self._old if not server.has_ended]
        if any(server.has_served for server in ended):
            self._conclude(f"Reloaded: process {self._serving.pid} serves.", is_done=True)

    def _conclude(self, message: str, *, is_done: bool) -> None:
        self._reloads += 1
        self._verdict = {"is_done": is_done, "message": message}
        logger.log(logging.INFO if is_done else logging.ERROR, "%s", message)
        self._write()

    def _write(self) -> None:
        """Write who this is and how the last reload ended, all or nothing."""
        content = {"pid": os.getpid(), "reloads": self._reloads, **self._verdict}
        beside = self._state.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)
        beside.replace(self._state)


def _reap_strangers(own: set[int]) -> None:
    """Take note of the ends of processes that have nobody else: the first of a container has to."""
    if os.getpid() != 1:
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in own:
            return
        os.waitpid(ended.si_pid, 0)


def _listen(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=BACKLOG)


def _reload(state: Path, timeout_seconds: float) -> int:
    """Ask the server of a file to reload, and return when it has: 0 done, 1 not, 2 none there."""
    before = _read_state(state)
    if before is None:
        print(f"There is no server to reload ({state}).", file=sys.stderr)
        return 2
    os.kill(before["pid"], signal.SIGHUP)
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        current = _read_state(state)
        if current is None:
            print("The server has ended.", file=sys.stderr)
            return 1
        if current["reloads"] > before["reloads"]:
            print(current["message"], file=sys.stdout if current["is_done"] else sys.stderr)
            return 0 if current["is_done"] else 1
    print(f"Not reloaded within {timeout_seconds:g} s; its log says more.", file=sys.stderr)
    return 1


def _read_state(path: Path) -> dict[str, Any] | None:
    """Return what a server that lives has written; None where there is none."""
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        os.kill(state["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return state


def _default_state(bind: str) -> Path:
    name = f"autoforge-web-{os.getuid()}-{bind.rpartition(':')[2]}.json"
    return Path(tempfile.gettempdir()) / name


def main() -> int:
    """Serve or reload; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Serves with gunicorn, and replaces it without refusing a request."
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="replace the server that runs, by the code and variables as they are now, and wait",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=180,
        metavar="S",
        help="with --reload: wait so many seconds (default: 180)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="where a server says who it is (default: by user and port, among temporary files)",
    )
    options = parser.parse_args()
    if options.reload:
        return _reload(options.state or _find_state(), options.timeout)
    configuration = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    logging.config.dictConfig(configuration["logconfig_dict"])
    bind = configuration["bind"]
    try:
        listener = _listen(bind)
    except OSError as error:
        logger.error("Cannot listen on %s: %s", bind, error.strerror)  # noqa: TRY400 (a sentence)
        return 1
    patience = configuration["graceful_timeout"] + KILL_SECONDS
    try:
        return Supervisor(listener, options.state or _default_state(bind), patience).run()
    finally:
        configuration["folder"].discard(configuration["_metrics"])


def _find_state() -> Path:
    """Return the file of the server that these variables mean; nothing of a server is made."""
    sys.path.insert(0, str(ROOT))
    from autoforge.environment import ConfigurationError, load

    try:
        return _default_state(f":{load(os.environ, ROOT).port}")
    except ConfigurationError as error:
        print(f"Not reloaded: configuration error: {error}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    sys.exit(main())
