"""structlog as the project uses it. Who logs by structlog itself imports this module first."""

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings

from autoforge.logging.secrets import hide_known, hide_secrets, hide_text

__all__ = ["build_formatter"]

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.UnicodeDecoder(),
]
# Never with the locals of the frames, which both of structlog's own defaults add: a password stands
# in them under any name, and the `repr` of one may ask the database.
TRACEBACKS_AS_DATA = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


class LastLineFormatter(structlog.stdlib.ProcessorFormatter):
    """Hides secrets in what comes out too: a traceback is rendered late. It asks no database."""

    def __init__(self, *, hide: Callable[[str], str], **options: Any) -> None:
        super().__init__(**options)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without any known secret."""
        with _without_queries():
            try:
                return self._hide(super().format(record))
            except Exception:  # noqa: BLE001 (logging itself would print the arguments)
                return self._hide(super().format(_without_arguments(record)))


def _without_arguments(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record as it can be written in any case: the template and what kinds it takes."""
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    kinds = ", ".join(type(argument).__qualname__ for argument in arguments)
    template = record.msg if isinstance(record.msg, str) else type(record.msg).__qualname__
    plain = copy.copy(record)
    plain.msg = f"{template} (arguments left out: {kinds})"
    plain.args = ()
    return plain


@contextmanager
def _without_queries() -> Iterator[None]:
    # Before the settings are read there is no database to be asked.
    if not settings.configured:
        yield
        return
    from core.database.no_queries import no_queries  # needs the settings

    with no_queries():
        yield


def build_formatter(*, json_lines: bool) -> logging.Formatter:
    """Return what makes a line of each record."""
    hide: Callable[[str], str]
    processors: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json_lines:
        # Hidden before it is written as JSON, so that it stays JSON.
        hide = hide_known
        processors += [
            TRACEBACKS_AS_DATA,
            hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        hide = hide_text
        processors += [
            hide_secrets,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    return LastLineFormatter(hide=hide, foreign_pre_chain=SHARED, processors=processors)


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
