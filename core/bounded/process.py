"""One worker, seen from outside: started, asked, and killed when it keeps the caller waiting."""

import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from core.bounded.errors import TookTooLongError, TooMuchMemoryError, WorkerDiedError
from core.bounded.worker import DONE, MEMORY, receive, send
from core.language import gettext as _

__all__ = ["MEGABYTES", "SECONDS", "Worker"]

SECONDS: Final = 1.0
"""Processor time of a call; with what a worker takes to start, well below two seconds."""
MEGABYTES: Final = 200
"""Memory of a worker."""
CODE_MEGABYTES: Final = 25
"""Part of that memory for what is no data: programs and libraries."""
WALL_SECONDS: Final = 30.0
"""A machine that is busy gives a call its CPU time slowly; longer is longer than it is worth.
"""
# What a program needs to start, and nothing that could hold a secret.
ENVIRONMENT: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ")
# Of signals that end a worker, those that its limit of CPU time sends.
OUT_OF_TIME: Final = (signal.SIGPROF, signal.SIGXCPU)
PROGRAM: Final = str(Path(__file__).with_name("worker.py"))


class _Plain(pickle.Unpickler):
    """Reads plain data alone: a worker that was taken over must not make us run anything."""

    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


class Worker:
    """A process that does one call at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        path = [str(Path(folder).resolve()) for folder in sys.path]
        command = [sys.executable, "-I", "-B", PROGRAM, str(MEGABYTES - CODE_MEGABYTES), *path]
        with theirs:
            # A group of its own: a terminal's Ctrl+C is for the caller, who decides.
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                process_group=0,
            )
        self._channel = ours
        self._lock = threading.Lock()

    def call(
        self, module: str, name: str, seconds: float, arguments: tuple[object, ...]
    ) -> tuple[Any, float]:
        """Return what a function returns, and the seconds of CPU time that it took.

        Raises:
            BoundedError: it took too long, needed too much memory, or its process ended. The worker
                is of no more use then.
            EOFError: the worker had given up before the call began; another one can do it.
            RuntimeError: the function raised something; that is a bug of it.
        """
        message = pickle.dumps((module, name, seconds, arguments))
        kind, result, used = self._exchange(message, seconds)
        if kind == MEMORY:
            raise self._too_large()
        if kind != DONE:
            raise RuntimeError(f"{module}:{name} failed in a worker: {result}")
        return result, used

    def _exchange(self, message: bytes, seconds: float) -> tuple[str, object, float]:
        deadline = time.monotonic() + WALL_SECONDS
        self._channel.settimeout(WALL_SECONDS)
        try:
            send(self._channel, message)
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            answer = receive(self._channel)
        except TimeoutError:
            raise TookTooLongError(
                _("took longer than %(seconds)g s") % {"seconds": WALL_SECONDS}
            ) from None
        except OSError:
            answer = None
        if answer is None:
            raise self._ended(seconds)
        kind, result, used = _Plain(io.BytesIO(answer)).load()
        return kind, result, used

    def _ended(self, seconds: float) -> Exception:
        """Return the error that says why the process has ended."""
        status = self._wait()
        if status == 0:
            return EOFError("the worker stopped before it was called")
        if -status in OUT_OF_TIME:
            return TookTooLongError(
                _("took longer than %(seconds)g s of CPU time") % {"seconds": seconds}
            )
        if -status in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
            # Libraries in C end like this where they get no memory.
            return self._too_large()
        return WorkerDiedError(
            _("ended the worker process (status %(status)d)") % {"status": status}
        )

    def _too_large(self) -> TooMuchMemoryError:
        return TooMuchMemoryError(
            _("needed more than %(megabytes)d MB of memory") % {"megabytes": MEGABYTES}
        )

    def _wait(self) -> int:
        try:
            return int(self._process.wait(timeout=5))
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """End the process, whatever it is at; safe from any thread."""
        with self._lock:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process and give back what it held."""
        self.kill()
        self._channel.close()

    def forget(self) -> None:
        """Close our end alone: after a fork the process is the parent's."""
        self._channel.close()
        self._process.returncode = 0  # so that nobody here waits for it, or warns
