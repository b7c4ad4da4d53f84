"""Lines for people: short, coloured on a terminal, plain elsewhere."""

import os
import sys
import time

__all__ = ["Progress", "note", "say", "set_up", "step", "strong", "warn"]

QUIET_SECONDS = 10.0  # how long a plain output may be silent during a long step


def set_up() -> None:
    """Let a terminal that cannot show a sign show `?` instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace", line_buffering=True)


def _is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _paint(code: str, text: str) -> str:
    if not _is_terminal() or "NO_COLOR" in os.environ:
        return text
    return f"\033[{code}m{text}\033[0m"


def strong(text: str) -> str:
    """Return `text` in bold."""
    return _paint("1", text)


def say(text: str = "") -> None:
    """Print a line."""
    print(text, flush=True)


def step(text: str) -> None:
    """Print what has been done."""
    say(f"  {_paint('32', '✓')} {text}")


def note(text: str) -> None:
    """Print something worth knowing."""
    say(f"  {_paint('36', 'i')} {text}")


def warn(text: str) -> None:
    """Print something that should be mended."""
    say(f"  {_paint('33', '!')} {text}")


class Progress:
    """One line that changes on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.started = time.monotonic()
        self.last_line_seconds = 0.0
        if not _is_terminal():
            say(f"  … {text}")

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def update(self, detail: str = "") -> None:
        """Show how far it is."""
        more = f"{detail}, " if detail else ""
        line = f"  … {self.text}: {more}{self.seconds:.0f} s"
        if _is_terminal():
            print(f"\r{line[:100]}\033[K", end="", flush=True)
        elif self.seconds - self.last_line_seconds >= QUIET_SECONDS:
            self.last_line_seconds = self.seconds
            say(line)

    def clear(self) -> None:
        """Remove the line from a terminal."""
        if _is_terminal():
            print("\r\033[K", end="", flush=True)
