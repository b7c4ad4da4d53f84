"""Structured logs: a line for people in local, a JSON object a line elsewhere, never a secret.

`autoforge.settings` and `gunicorn.conf.py` name `make_formatter` by its dotted path.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

__all__ = ["REDACTED", "hide_secrets", "hide_text", "make_formatter", "set_secrets"]

REDACTED = "****"
SHORTEST_SECRET = 8  # a shorter one would blacken ordinary words
TELLING_NAMES = ("authorization", "cookie", "password", "passwd", "secret", "token", "api_key")

NOT_TEXT = frozenset({"exc_info", "stack_info"})  # rendered later, and hidden then

_secrets: list[str] = []


def set_secrets(values: list[str]) -> None:
    """Set the texts that no line may hold; longer ones are hidden first."""
    _secrets[:] = sorted({value for value in values if len(value) >= SHORTEST_SECRET}, key=len)[
        ::-1
    ]


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    """Replace secrets in an event: values under telling names, and known secrets anywhere."""
    return {
        key: value if key in NOT_TEXT or key.startswith("_") else _hide(key, value)
        for key, value in event.items()
    }


def _hide(key: str, value: Any) -> Any:
    if any(name in str(key).lower() for name in TELLING_NAMES) and value is not None:
        return REDACTED
    if isinstance(value, dict):
        return {inner: _hide(str(inner), content) for inner, content in value.items()}
    if isinstance(value, list | tuple):
        return [_hide("", content) for content in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return hide_text(value if isinstance(value, str) else str(value))


def hide_text(text: str) -> str:
    """Return a text without the secrets in it."""
    for secret in _secrets:
        text = text.replace(secret, REDACTED)
    return text


class _OnDemand(logging.Formatter):
    """Makes the real formatter for the first line: structlog is a tenth of a command's start."""

    def __init__(self, *, json_lines: bool) -> None:
        super().__init__()
        self._json_lines = json_lines
        self._real: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        if self._real is None:
            from autoforge.structured_logs import build_formatter  # noqa: PLC0415 (on demand)

            self._real = build_formatter(json_lines=self._json_lines)
        return self._real.format(record)


def make_formatter(json_lines: bool = True) -> logging.Formatter:  # noqa: FBT001, FBT002 (named in LOGGING)
    """Return the formatter of the console handler."""
    return _OnDemand(json_lines=json_lines)
