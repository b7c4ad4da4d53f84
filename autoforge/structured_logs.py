"""structlog as the project uses it. Who logs by structlog itself imports this module first."""

import logging
from typing import Any

import structlog

from autoforge.logs import hide_secrets, hide_text

__all__ = ["build_formatter"]

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
        return hide_text(super().format(record))


def build_formatter(*, json_lines: bool) -> logging.Formatter:
    """Return what makes a line of each record."""
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
