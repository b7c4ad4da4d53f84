"""The inside of a worker: it reads a call, does it within limits, and writes what came of it.

It is started by `process` as a program. Its one channel is file descriptor 0, a socket; a message
is its length in eight bytes, then a pickle. When the other side is gone, it ends.
"""

import contextlib
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import time
from typing import Final

__all__ = ["DONE", "FAILED", "LENGTH", "MEMORY", "main", "receive", "send"]

LENGTH: Final = struct.Struct(">Q")
IDLE_SECONDS: Final = 60.0
"""After as long without a call a worker gives its memory back."""
DONE, FAILED, MEMORY = "done", "failed", "memory"


def main(megabytes: int) -> None:
    """Work until the caller is gone, nothing came for a minute, or a limit ends the process."""
    _limit(megabytes)
    channel = socket.socket(fileno=0)
    while True:
        channel.settimeout(IDLE_SECONDS)
        try:
            message = receive(channel)
        except OSError:
            return
        if message is None:
            return
        # What is written may be larger than the channel holds: the caller reads at its own pace.
        channel.settimeout(None)
        kind, answer = _answer(message)
        send(channel, answer)
        if kind == MEMORY:
            return  # what it still holds is better given back


def _limit(megabytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody
    data = megabytes * 1_000_000
    limits = ((resource.RLIMIT_DATA, data), (resource.RLIMIT_CORE, 0))
    for kind, limit in limits:
        with contextlib.suppress(ValueError, OSError):  # not every system has each of them
            resource.setrlimit(kind, (limit, limit))


def _answer(message: bytes) -> tuple[str, bytes]:
    """Return how a call ended, and as a pickle that with its result, why it failed, or nothing."""
    try:
        module, name, seconds, arguments = pickle.loads(message)  # noqa: S301  # nosec B301 (the caller wrote it, and it is of our own program)
        del message
        function = getattr(importlib.import_module(module), name)
        _begin(seconds)
        try:
            started = time.process_time()
            result = function(*arguments)
            return DONE, pickle.dumps((DONE, result, time.process_time() - started))
        finally:
            _begin(0)
    except MemoryError:
        return MEMORY, pickle.dumps((MEMORY, "", 0.0))
    except Exception as error:  # noqa: BLE001 (a bug of the function is the caller's to tell)
        why = f"{type(error).__name__}: {error}"[:1000]
        return FAILED, pickle.dumps((FAILED, why, 0.0))


def _begin(seconds: float) -> None:
    """End the process after so much CPU time; 0: not any more.

    The signal's own action ends it, also in the middle of an operation that Python never interrupts
    (a sort, a regular expression).
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def receive(channel: socket.socket) -> bytes | None:
    """Return the next message, None where the other side is gone."""
    head = _receive_exactly(channel, LENGTH.size)
    if head is None:
        return None
    (size,) = LENGTH.unpack(head)
    return _receive_exactly(channel, size)


def _receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    # A socket gives what has come so far: a long message takes several reads.
    buffer = bytearray(size)
    view = memoryview(buffer)
    received = 0
    while received < size:
        count = channel.recv_into(view[received:])
        if not count:
            return None
        received += count
    view.release()
    return bytes(buffer)


def send(channel: socket.socket, message: bytes) -> None:
    """Write a message."""
    channel.sendall(LENGTH.pack(len(message)))
    channel.sendall(message)


def _start(arguments: list[str]) -> None:
    megabytes, *path = arguments
    sys.path[:] = path
    os.chdir("/")
    main(int(megabytes))


if __name__ == "__main__":
    _start(sys.argv[1:])
