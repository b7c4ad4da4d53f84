"""Clients that ask without a pause, and remember each answer that was not good."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

__all__ = ["Traffic"]

PAUSE_SECONDS: Final = 0.01  # two processors are shared with the servers
GOOD: Final = range(200, 400)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked."""

    path: str
    """With its slash."""
    headers: Mapping[str, str] = field(repr=False)
    """More headers, such as a key."""


class Traffic:
    """So many clients, each with connections of its own, until it is stopped."""

    def __init__(self, port: int, questions: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """Nothing is asked yet.

        Args:
            port: where the server is, on loopback.
            questions: path and headers; each is asked by a client of its own.
        """
        self._port = port
        self._questions = [Question(path=path, headers=headers) for path, headers in questions]
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.answers = 0
        self.faults: Counter[str] = Counter()

    def __enter__(self) -> Self:
        for question in self._questions:
            thread = threading.Thread(target=self._ask, args=(question,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, question: Question) -> None:
        """Ask again and again, on a new connection each time: one that is kept tells nothing."""
        while not self._stop.is_set():
            fault = self._ask_once(question)
            with self._lock:
                self.answers += 1
                if fault:
                    self.faults[fault] += 1
            time.sleep(PAUSE_SECONDS)

    def _ask_once(self, question: Question) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("GET", question.path, headers=dict(question.headers))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{question.path}: {type(error).__name__}"
        finally:
            connection.close()
        if answer.status in GOOD:
            return ""
        return f"{question.path}: {answer.status}"
