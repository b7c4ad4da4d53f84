"""The formatter of the console: a line for people in local, a JSON object a line elsewhere.

`autoforge.settings` and `gunicorn.conf.py` name `make_formatter` by its dotted path, and every
command reads this file at its start: structlog is imported with the first line that is written.
"""

import logging
from typing import Any

__all__ = ["Record", "make_formatter"]


class Record(logging.LogRecord):
    """A record that does not look at lazy arguments: Python's own asks whether one is a mapping."""

    def __init__(self, name: str, level: int, pathname: str, lineno: int, msg: object,
                 args: Any, *more: Any, **named: Any) -> None:  # fmt: skip
        if isinstance(args, tuple):
            args = tuple(_unless_lazy(argument) for argument in args)
        super().__init__(name, level, pathname, lineno, msg, args, *more, **named)


def _unless_lazy(argument: object) -> object:
    """Return the argument; of a lazy object that nobody has loaded yet, its kind."""
    kind = type(argument)
    is_lazy = any(parent.__name__ == "LazyObject" for parent in kind.__mro__)
    if is_lazy and type(argument.__dict__.get("_wrapped")) is object:  # Django's mark: `empty`
        return f"<{kind.__qualname__}>"
    return argument


class _OnDemand(logging.Formatter):
    """Makes the real formatter for the first line: structlog is a tenth of a command's start."""

    def __init__(self, *, json_lines: bool) -> None:
        super().__init__()
        self._json_lines = json_lines
        self._real: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        if self._real is None:
            from autoforge.logging.structured import build_formatter  # on demand

            self._real = build_formatter(json_lines=self._json_lines)
        return self._real.format(record)


def make_formatter(json_lines: bool = True) -> logging.Formatter:  # noqa: FBT001, FBT002 (named in LOGGING)
    """Return the formatter of the console handler."""
    return _OnDemand(json_lines=json_lines)
