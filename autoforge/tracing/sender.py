"""A bounded queue in front of a collector, and the thread that empties it.

Whoever puts something never waits: what does not fit is dropped and counted. A batch that could
not be delivered is tried again while that may help, then dropped too. The thread begins with the
first item, in the process that has it: a server that forks has none to lose.
"""

import gzip
import http.client
import logging
import os
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from autoforge.tracing.destinations import Destination

__all__ = ["Counts", "Format", "Limits", "Sender", "close_all"]

ItemT = TypeVar("ItemT")
FormatItemT_contra = TypeVar("FormatItemT_contra", contravariant=True)

logger = logging.getLogger(__name__)

ENDED: Final = "the process has ended"
ANSWER_BYTES: Final = 64 * 1024
# What may be tried again, by OTLP's specification; a time-out of the connection as well.
PASSING: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much is kept and how long is tried."""

    items: int = 2048
    """That wait at most."""
    characters: int = 32 * 1024 * 1024
    """Of the texts of those that wait."""
    batch: int = 256
    """Items of a request at most."""
    batch_characters: int = 2 * 1024 * 1024
    """Of a request's texts, unless one item alone has more: Langfuse takes 4.5 MB."""
    pause_seconds: float = 1.0
    """That the first item of a batch waits for others."""
    timeout_seconds: float = 10.0
    """For each step of a request."""
    waits_seconds: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """Before a batch is sent again; after the last one it is dropped."""
    close_seconds: float = 5.0
    """That the end of the process waits for what is left, all senders together."""
    tell_seconds: float = 60.0
    """Between two sentences in the log."""


@dataclass(kw_only=True, slots=True)
class Counts:
    """What became of the items of this process."""

    sent: int = 0
    """Accepted by the collector."""
    dropped: int = 0
    """Not delivered: the queue was full, or the collector was away or refused them."""


class Format(Protocol[FormatItemT_contra]):
    """How items are written; both methods are called in the sender's thread."""

    def encode(self, items: Sequence[FormatItemT_contra]) -> bytes:
        """Return the body of a request."""

    def count_rejected(self, content: bytes) -> int:
        """Return how many items were not taken, by the answer to an accepted request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reply:
    error: str = ""
    """Why the batch was not accepted; empty: it was."""
    may_pass: bool = False
    """Whether it may be sent again."""
    wait_seconds: float = 0.0
    """That the collector asks for."""
    content: bytes = b""
    """What came with it, where it is in our format."""


@dataclass(slots=True)
class _Queue(Generic[ItemT]):
    """What waits, with what belongs to one process alone."""

    pid: int
    ready: threading.Condition = field(default_factory=threading.Condition)
    items: deque[tuple[ItemT, int]] = field(default_factory=deque)
    characters: int = 0
    thread: threading.Thread | None = None
    is_closing: bool = False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: credentials are for the address that they were set for."""

    def redirect_request(self, *_args: Any) -> None:
        return None


class Sender(Generic[ItemT]):
    """Sends items to one collector in the background.

    Args:
        destination: where to.
        form: how items are written.
        limits: how much is kept, and how long is tried.
    """

    def __init__(
        self,
        destination: Destination,
        form: Format[ItemT],
        limits: Limits | None = None,
    ) -> None:
        self.destination = destination
        self.limits = limits or Limits()
        self.counts = Counts()
        self._form = form
        self._queue: _Queue[ItemT] = _Queue(os.getpid())
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._told_at = -self.limits.tell_seconds
        self._is_away = False
        self._deadline = float("inf")

    def put(self, item: ItemT, characters: int = 0) -> None:
        """Have an item sent soon, or drop it; return at once.

        Args:
            item: to send.
            characters: about how long its texts are.
        """
        queue = self._find_queue()
        with queue.ready:
            is_full = len(queue.items) >= self.limits.items
            if (
                is_full
                or queue.characters + characters > self.limits.characters
                or queue.is_closing
            ):
                self.counts.dropped += 1
                return
            queue.items.append((item, characters))
            queue.characters += characters
            if queue.thread is None:
                queue.thread = self._start(queue)
            if len(queue.items) in (1, self.limits.batch):
                queue.ready.notify()

    def begin_closing(self, deadline: float) -> None:
        """Take nothing any more, and send what is left without pauses.

        Args:
            deadline: when to give up, by `time.monotonic`.
        """
        queue = self._find_queue()
        with queue.ready:
            self._deadline = deadline
            queue.is_closing = True
            queue.ready.notify()

    def finish_closing(self) -> None:
        """Wait until all is sent or the deadline has come; drop what is left."""
        queue = self._find_queue()
        if queue.thread is not None:
            queue.thread.join(max(0.0, self._deadline - time.monotonic()))
        with queue.ready:
            left = len(queue.items)
            queue.items.clear()
            queue.characters = 0
        if left:
            self._drop(left, ENDED)

    def _find_queue(self) -> _Queue[ItemT]:
        """Return this process's queue: after a fork, threads are gone and locks may be held."""
        if self._queue.pid != os.getpid():
            self._queue = _Queue(os.getpid())
            self.counts = Counts()
        return self._queue

    def _start(self, queue: _Queue[ItemT]) -> threading.Thread:
        # A daemon: the end of the process waits for it at `close`, and no longer.
        thread = threading.Thread(
            target=self._work,
            args=(queue,),
            name=f"{self.destination.subject.lower()} to {self.destination.name}",
            daemon=True,
        )
        thread.start()
        return thread

    # --- In the thread ----------------------------------------------------------------------------

    def _work(self, queue: _Queue[ItemT]) -> None:
        while batch := self._take(queue):
            try:
                self._deliver(queue, batch)
            except Exception:
                # A fault of ours costs this batch, never the thread.
                logger.exception("%s could not be written", self.destination.subject)
                self._count(dropped=len(batch))

    def _take(self, queue: _Queue[ItemT]) -> list[ItemT]:
        """Wait for items and return some; none where there will be no more."""
        limits = self.limits
        with queue.ready:
            queue.ready.wait_for(lambda: queue.items or queue.is_closing)
            queue.ready.wait_for(
                lambda: len(queue.items) >= limits.batch or queue.is_closing, limits.pause_seconds
            )
            batch: list[ItemT] = []
            size = 0
            while queue.items and len(batch) < limits.batch:
                item, characters = queue.items[0]
                size += characters
                if batch and size > limits.batch_characters:
                    break
                queue.items.popleft()
                queue.characters -= characters
                batch.append(item)
            return batch

    def _deliver(self, queue: _Queue[ItemT], batch: Sequence[ItemT]) -> None:
        body = gzip.compress(self._form.encode(batch), compresslevel=6, mtime=0)
        for wait in (*self.limits.waits_seconds, None):
            is_last = queue.is_closing or wait is None
            reply = self._post(body)
            if not reply.error:
                self._accept(len(batch), self._form.count_rejected(reply.content))
                return
            if is_last or not reply.may_pass:
                break
            self._tell(reply.error)
            self._pause(queue, max(wait or 0.0, reply.wait_seconds))
        self._drop(len(batch), reply.error)

    def _pause(self, queue: _Queue[ItemT], seconds: float) -> None:
        """Wait before a batch is sent again; the end of the process ends it."""
        longest = max(self.limits.waits_seconds)
        with queue.ready:
            queue.ready.wait_for(lambda: queue.is_closing, min(longest, seconds))

    def _accept(self, count: int, rejected: int) -> None:
        self._count(sent=count - rejected)
        if rejected:
            self._drop(rejected, "it did not take all of a batch")
        elif self._is_away:
            self._is_away = False
            logger.info("%s are sent to %s again", self.destination.subject, self.destination.name)

    def _count(self, *, sent: int = 0, dropped: int = 0) -> None:
        with self._queue.ready:  # as `put`, which counts as well
            self.counts.sent += sent
            self.counts.dropped += dropped

    def _drop(self, count: int, why: str) -> None:
        self._count(dropped=count)
        self._tell(why)

    def _tell(self, why: str) -> None:
        """Write one sentence, and none for a while after it."""
        now = time.monotonic()
        self._is_away = True
        if now - self._told_at < self.limits.tell_seconds:
            return
        self._told_at = now
        logger.warning(
            "%s cannot be sent to %s (%s): %s; %d waiting, %d dropped so far",
            self.destination.subject,
            self.destination.name,
            self.destination.url,
            why,
            len(self._queue.items),
            self.counts.dropped,
        )

    def _post(self, body: bytes) -> _Reply:
        left = self._deadline - time.monotonic()
        if left <= 0:
            return _Reply(error=ENDED)
        request = urllib.request.Request(  # noqa: S310 (the environment lets http and https pass)
            self.destination.url,
            data=body,
            headers={
                **dict(self.destination.headers),
                "Content-Type": self.destination.content_type,
                "Content-Encoding": "gzip",
                "User-Agent": f"AutoForge-{self.destination.subject}",
            },
        )
        timeout = min(self.limits.timeout_seconds, left)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                content = answer.read(ANSWER_BYTES)
                kind = answer.headers.get("Content-Type", "")
        except urllib.error.HTTPError as error:
            with error:
                return _read_status(error)
        except (OSError, http.client.HTTPException) as error:
            return _Reply(error=_explain(error), may_pass=True)
        return _Reply(content=content if kind == self.destination.content_type else b"")


def close_all(senders: Sequence[Sender[Any]]) -> None:
    """Send what is left everywhere, in the time that one has."""
    seconds = max((sender.limits.close_seconds for sender in senders), default=0.0)
    deadline = time.monotonic() + seconds
    for sender in senders:
        sender.begin_closing(deadline)
    for sender in senders:
        sender.finish_closing()


def _read_status(error: urllib.error.HTTPError) -> _Reply:
    text = error.headers.get("Retry-After", "")
    return _Reply(
        error=f"it answered with HTTP {error.code}",
        may_pass=error.code in PASSING,
        wait_seconds=float(text) if text.isascii() and text.isdigit() else 0.0,
    )


def _explain(error: Exception) -> str:
    """Return why there is no answer, in the system's words."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return str(reason) or type(reason).__name__
