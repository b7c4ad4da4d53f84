"""Structured logs: a line for people in local, a JSON object a line elsewhere, never a secret.

`autoforge.settings` and `gunicorn.conf.py` name `make_formatter` by its dotted path.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

__all__ = ["REDACTED", "hide_secrets", "make_formatter", "set_secrets"]

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
    return _hide_text(value if isinstance(value, str) else str(value))


def _hide_text(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, REDACTED)
    return text


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.UnicodeDecoder(),
]


class LastLineFormatter(structlog.stdlib.ProcessorFormatter):
    """Hides secrets in what comes out too: a traceback is rendered late."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without any known secret."""
        return _hide_text(super().format(record))


def make_formatter(json_lines: bool = True) -> logging.Formatter:  # noqa: FBT001, FBT002 (named in LOGGING)
    """Return the formatter of the console handler, and configure structlog to feed it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    render: list[Any] = (
        [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
        if json_lines
        else [structlog.dev.ConsoleRenderer(colors=False)]
    )
    return LastLineFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            hide_secrets,
            *render,
        ],
    )
