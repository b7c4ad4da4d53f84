"""Whoever waits for the database says so, once and then once a minute, and when it goes on.

One voice for the whole process: threads that wait for the same thing do not say it in chorus.
"""

import logging
import sys
import threading
import time
from typing import Final

__all__ = ["Announcer", "announcer"]

REPEAT_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


class Announcer:
    """Says that something waits, sparingly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = 0.0
        self._last_said: float | None = None

    def waits(self, reason: str) -> None:
        """Say why the caller waits, unless that was said a moment ago.

        Args:
            reason: a sentence with its remedy, such as an outage's.
        """
        with self._lock:
            now = time.monotonic()
            if self._last_said is None:
                self._began = now
            elif now - self._last_said < REPEAT_SECONDS:
                return
            self._last_said = now
        _say(f"Waiting for the database: {reason}")

    def goes_on(self) -> None:
        """Say that the wait is over; nothing where none was announced."""
        with self._lock:
            if self._last_said is None:
                return
            seconds = time.monotonic() - self._began
            self._last_said = None
        _say(f"The database is responding again after {seconds:.0f} s; continuing")

    def gives_up(self) -> None:
        """Forget the wait: the error says the rest."""
        with self._lock:
            self._last_said = None


def _say(sentence: str) -> None:
    logger.warning("%s", sentence)
    if not logger.isEnabledFor(logging.WARNING) and sys.stderr is not None and sys.stderr.isatty():
        # The log is too quiet for it, but a person looks on.
        sys.stderr.write(f"{sentence}\n")


announcer: Final = Announcer()
