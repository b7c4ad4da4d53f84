"""Where a token comes from, and where another one when the server refuses it.

A server answers 401 before it does anything, and leaves the stream as it is: the same request with
another token is no repetition. So a process that runs for months takes a new token where the old
one stood, without being told.

No network here: `stream` sends.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

__all__ = ["FileToken", "Token", "TokenSource", "open_source"]

# A file is looked at so often, however many statements are sent.
LOOK_SECONDS: Final = 1.0
# Somebody who revokes a token writes the next one within a second or two. Half of what the server
# leaves an idle transaction: one that waits for its token is still there.
WAIT_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.1  # between two looks while waiting

Stamp = tuple[tuple[int, int, int] | None, ...]


@runtime_checkable
class TokenSource(Protocol):
    """Gives the token in use, and another one for one that was refused."""

    def current(self) -> str:
        """Return the token to send; empty where there is none."""

    def replace(self, refused: str, *, wait: bool) -> str | None:
        """Return another token than the refused one, or None where there is none.

        Args:
            refused: what the server did not accept.
            wait: whether another one may be on its way; else the answer comes at once.
        """


Token = str | Callable[[], str] | TokenSource | None


class FixedToken:
    """A token that stays."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        """Return it."""
        return self._token

    def replace(self, refused: str, *, wait: bool) -> str | None:
        """Return None: there is no other one."""
        return None


class CalledToken:
    """What a function returns; it is called again when that was refused."""

    def __init__(self, function: Callable[[], str]) -> None:
        self._function = function
        self._token: str | None = None

    def current(self) -> str:
        """Return what the function has returned."""
        if self._token is None:
            self._token = self._function() or ""
        return self._token

    def replace(self, refused: str, *, wait: bool) -> str | None:
        """Call the function again; return None where it returns the same."""
        self._token = None
        token = self.current()
        return token if token != refused else None


class FileToken:
    """A token in a file, which is read again when the file changes. For all threads of a process.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> file = Path(tempfile.mkdtemp()) / "token"
        >>> _ = file.write_text("first")
        >>> token = FileToken(file.read_text, [file], look_seconds=0)
        >>> token.current()
        'first'
        >>> _ = file.write_text("second")
        >>> token.current()
        'second'
        >>> token
        <FileToken in token>
    """

    def __init__(
        self,
        read: Callable[[], str | None],
        files: Sequence[Path],
        *,
        first: str = "",
        wait_seconds: float = WAIT_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Read nothing if `first` is there.

        Args:
            read: returns the token that the files hold now, or None where it cannot be read: the
                one in use then stays.
            files: those whose change means that it must be read again.
            first: the token that was read from them a moment ago.
            wait_seconds: how long, from the first refusal of a token on, another one is waited for.
            look_seconds: how often, at most, the files are looked at.
        """
        self._read = read
        self._files = tuple(files)
        self._wait_seconds = wait_seconds
        self._look_seconds = look_seconds
        self._lock = threading.Lock()
        self._observers: list[Callable[[str], None]] = []
        self._token = first
        self._stamp: Stamp | None = self._look() if first else None
        self._next_look = time.monotonic() + look_seconds if first else 0.0
        self._refused = ("", 0.0)
        """The token that was refused last, and until when another one is waited for."""

    def __repr__(self) -> str:
        """Return the names of the files; never the token."""
        return f"<FileToken in {', '.join(file.name for file in self._files)}>"

    def __deepcopy__(self, _memo: object) -> "FileToken":
        """Return itself: Django copies settings, and what one copy learns is true of all."""
        return self

    def __call__(self) -> str:
        """Return the token in use."""
        return self.current()

    def observe(self, observer: Callable[[str], None]) -> None:
        """Call `observer` with each token that takes the place of another, before it is used."""
        self._observers.append(observer)

    def current(self) -> str:
        """Return the token in use; at most once in `look_seconds` the files are looked at."""
        if time.monotonic() >= self._next_look:
            self._refresh()
        return self._token

    def replace(self, refused: str, *, wait: bool) -> str | None:
        """Return the token of the files where it is another one now, or is within the time."""
        self._refresh()
        deadline = self._find_deadline(refused) if wait else 0.0
        while self._token == refused:
            if time.monotonic() >= deadline:
                return None
            time.sleep(PAUSE_SECONDS)
            self._refresh()
        return self._token

    def _find_deadline(self, refused: str) -> float:
        """Return until when to wait for another token than the refused one.

        All requests share one time: a token that is bad for good makes only the first ones wait.
        """
        with self._lock:
            token, deadline = self._refused
            if token != refused:
                deadline = time.monotonic() + self._wait_seconds
                self._refused = (refused, deadline)
        return deadline

    def _refresh(self) -> None:
        with self._lock:
            self._next_look = time.monotonic() + self._look_seconds
            # Before reading: what is written in between changes it again.
            stamp = self._look()
            if stamp == self._stamp:
                return
            token = self._read()
            if not token:
                return  # half written, or gone: looked at again next time
            self._stamp = stamp
            if token != self._token:
                for observer in self._observers:
                    observer(token)
                self._token = token

    def _look(self) -> Stamp:
        return tuple(_find_stamp(file) for file in self._files)


def open_source(token: Token) -> TokenSource:
    """Return the source of what `connect` takes as its token."""
    if isinstance(token, TokenSource):
        return token
    if callable(token):
        return CalledToken(token)
    return FixedToken(token or "")


def _find_stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what tells a file from the one that takes its place; None where there is none."""
    with contextlib.suppress(OSError):
        status = file.stat()
        return status.st_mtime_ns, status.st_ino, status.st_size
    return None
