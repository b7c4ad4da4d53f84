"""Answers that last: who watches something keeps a thread for minutes, and nobody waits for it.

A server of threads (gunicorn's gthread) gives each request one. `LimitRequests` lets only a few of
them work at a time, as if there were no more, and a watcher gives its turn back when it begins to
wait. So the server may have threads for hundreds of watchers, and still no more than a few requests
ask the database at once. Threads are made when they are needed.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from select import POLLIN, poll
from typing import Any, Final

from core.errors import ApplicationError

__all__ = [
    "MOST_WATCHERS",
    "LimitRequests",
    "TooManyWatchersError",
    "Watchers",
    "give_turn_back",
    "is_gone",
    "watchers",
]

MOST_WATCHERS: Final = 256  # of one process; gunicorn.conf.py has a thread for each
SEND_SECONDS: Final = 30.0  # who reads nothing for so long is gone
TURN: Final = "autoforge.turn"  # in the environment of a request
SOCKET: Final = "gunicorn.socket"

Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]


class TooManyWatchersError(ApplicationError):
    """This process has as many watchers as it may have: try again later."""


class Watchers:
    """Counts the watchers of this process, and knows when all of them have to go."""

    def __init__(self, most: int = MOST_WATCHERS) -> None:
        self.most = most
        self.is_stopping: Callable[[], bool] = lambda: False
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    def enter(self) -> None:
        """Count one more.

        Raises:
            TooManyWatchersError: there are too many.
        """
        with self._lock:
            if self._count >= self.most or self.is_stopping():
                raise TooManyWatchersError("api.too-many-watchers", limit=self.most)
            self._count += 1

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self._count -= 1


watchers: Final = Watchers()


class LimitRequests:
    """A WSGI application that works on a few requests at a time; the others wait for their turn.

    Args:
        application: what answers.
        limit: how many requests work at a time.
    """

    def __init__(self, application: Application, limit: int) -> None:
        self._application = application
        self._turns = threading.Semaphore(limit)

    def __call__(
        self, environment: Environment, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer when it is the request's turn, which ends with the last byte of the answer."""
        turn = _Turn(self._turns)
        environment[TURN] = turn
        try:
            return _Answer(self._application(environment, start_response), turn)
        except BaseException:
            turn.give_back()
            raise


class _Turn:
    """The turn of one request; it is given back once, however often it is said."""

    def __init__(self, turns: threading.Semaphore) -> None:
        self._turns = turns
        self._lock = threading.Lock()
        turns.acquire()
        self._is_ours = True

    def give_back(self) -> None:
        """Let the next request work."""
        with self._lock:
            is_ours, self._is_ours = self._is_ours, False
        if is_ours:
            self._turns.release()


class _Answer:
    """The parts of an answer; the server closes it when all were sent, or the client has gone."""

    def __init__(self, parts: Iterable[bytes], turn: _Turn) -> None:
        self._parts = parts
        self._turn = turn

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Close the answer, and give the turn back."""
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._turn.give_back()


def give_turn_back(environment: Environment) -> None:
    """Let the next request work: the one with this environment only waits from now on."""
    turn = environment.get(TURN)
    if turn is not None:
        turn.give_back()
    connection = environment.get(SOCKET)
    if connection is not None:
        connection.settimeout(SEND_SECONDS)


def is_gone(environment: Environment) -> bool:
    """Whether the client has closed its connection; False where the server does not tell.

    Else a write would tell, and only the second one: of a heartbeat, half a minute later.
    """
    connection = environment.get(SOCKET)
    if connection is None:
        return False
    waiting = poll()
    try:
        waiting.register(connection, POLLIN)
        if not waiting.poll(0):
            return False
        return not connection.recv(1, socket.MSG_PEEK)
    except ValueError:  # TLS: its bytes say nothing of the end
        return False
    except OSError:
        return True
