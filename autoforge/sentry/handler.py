"""Sends what the log is told as an error, and what ends a command or a thread.

A request that fails, a task that fails and whatever else is logged with its exception come by the
log, which every room uses for that. An error of a command comes by `sys.excepthook`, one of a
thread by `threading.excepthook`: Python's own still print it.
"""

import atexit
import json
import logging
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings

from autoforge import __version__
from autoforge.logging.filters import is_redis_away
from autoforge.logging.limits import limits
from autoforge.sentry.dsn import read_dsn
from autoforge.sentry.events import build_event
from autoforge.tracing.destinations import Destination
from autoforge.tracing.sender import Limits, Sender, close_all

__all__ = ["SentryHandler", "install", "make_sender"]

CONTENT_TYPE: Final = "application/x-sentry-envelope"
CLIENT: Final = f"autoforge/{__version__}"
# Nothing of these is reported: it would be about the reports themselves.
SILENT: Final = ("autoforge.sentry", "autoforge.tracing")


class _Form:
    """Envelopes: https://develop.sentry.dev/sdk/data-model/envelopes/."""

    def encode(self, items: Sequence[dict[str, Any]]) -> bytes:
        """Return the envelope of an event; it may hold no second one, nor may a batch."""
        [event] = items
        payload = json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "replace")
        header = json.dumps({"event_id": event["event_id"], "sdk": SDK}).encode()
        item = json.dumps({"type": "event", "length": len(payload)}).encode()
        return b"\n".join((header, item, payload, b""))

    def count_rejected(self, content: bytes) -> int:
        """Return 0: a server that does not want an event refuses its envelope."""
        return 0


SDK: Final = {"name": "autoforge", "version": __version__}


def make_sender(dsn: str) -> Sender[dict[str, Any]]:
    """Return what sends events to a project.

    A server that asks for a rest (429) gets none of the events that come meanwhile more than once.
    """
    address = read_dsn(dsn)
    auth = f"Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={address.public_key}"
    destination = Destination(
        name="Sentry",
        url=address.url,
        headers=(("X-Sentry-Auth", auth),),
        content_type=CONTENT_TYPE,
        subject="Errors",
    )
    few = Limits(
        items=100, characters=4 * 1024 * 1024, batch=1, pause_seconds=0.0, waits_seconds=(2.0,)
    )
    return Sender(destination, _Form(), few)


class SentryHandler(logging.Handler):
    """Hands records with an error to the sender, each kind of it once a minute."""

    def __init__(self, sender: Sender[dict[str, Any]]) -> None:
        super().__init__(logging.ERROR)
        self.sender = sender
        self._server = socket.gethostname()

    def emit(self, record: logging.LogRecord) -> None:
        """Have an event sent; a fault of ours is never another one's."""
        try:
            self._report(record)
        except Exception:  # noqa: BLE001 (to log it would come here again)
            self.sender.counts.dropped += 1

    def _report(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # What Django says of a request is told again by the line of the request, once.
        if error is None or record.name.startswith((*SILENT, "django.request")):
            return
        if is_redis_away(error):  # pages work without it, and a metric tells
            return
        if limits.take(("sentry", *_find_key(error))) is None:
            return
        event = build_event(record, environment=settings.APP_ENV, server=self._server)
        self.sender.put(event, len(json.dumps(event, default=str)))


def _find_key(error: BaseException) -> tuple[str, str, int]:
    """Return what tells one failure from another: its kind and where it was raised."""
    trace = error.__traceback__
    if trace is None:  # it was made and never raised
        return type(error).__qualname__, "", 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return type(error).__qualname__, trace.tb_frame.f_code.co_filename, trace.tb_lineno


def install(dsn: str) -> SentryHandler:
    """Report errors of this process from now on, until it ends."""
    handler = SentryHandler(make_sender(dsn))
    logging.getLogger().addHandler(handler)
    for name in ("huey",):  # it does not hand its records on
        logging.getLogger(name).addHandler(handler)
    _hook_into_python(handler)
    atexit.register(close_all, [handler.sender])
    return handler


def _hook_into_python(handler: SentryHandler) -> None:
    """Report what ends a command or a thread before Python prints it."""
    print_error, print_thread_error = sys.excepthook, threading.excepthook

    def report(kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, Exception):  # neither Ctrl-C nor an exit
            handler.handle(_make_record("autoforge.command", (kind, error, trace)))
        print_error(kind, error, trace)

    def report_thread(arguments: Any) -> None:
        error = arguments.exc_value
        if isinstance(error, Exception):
            trace = (arguments.exc_type, error, arguments.exc_traceback)
            handler.handle(_make_record("autoforge.thread", trace))
        print_thread_error(arguments)

    sys.excepthook, threading.excepthook = report, report_thread


def _make_record(name: str, error: tuple[Any, Any, Any]) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, "Unhandled error", (), error)
