"""Runs being watched: one thread of the process asks how far they are, once a second for all.

Whoever watches waits in a thread of their own for what that thread has found, and sends the same
bytes as everybody else: the database is asked as often for one watcher as for hundreds.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connections
from django.http import HttpRequest

from core.api.streams import Watchers, give_turn_back, is_gone, watchers
from evaluations.api import run_reading as reading
from evaluations.models import Run
from evaluations.selectors.progress import build_progress

__all__ = ["HUB", "Frame", "Hub", "Watch", "WatchLater", "load_frame"]

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0  # shorter than the patience of most proxies
LIFETIME_SECONDS: Final = 600.0  # then the client connects again, perhaps with another key
RETRY: Final = b"retry: 2000\n\n"  # milliseconds until a client connects again
ENDED_ID: Final = "ended"


class Frame(NamedTuple):
    """What watchers of a run are sent."""

    data: bytes
    is_last: bool


@dataclass(kw_only=True, slots=True, eq=False)
class _Channel:
    """What is known of one run."""

    run_id: UUID
    watchers: int = 0
    number: int = 0
    """Higher with each frame that differs from the one before; 0: nothing is known yet."""
    frame: Frame = field(default_factory=lambda: Frame(b"", False))  # noqa: FBT003 (a tuple)


class Hub:
    """The thread that asks, and what it has found.

    Args:
        load: returns what watchers of a run are sent.
        interval_seconds: between two questions.
    """

    def __init__(
        self, load: Callable[[UUID], Frame], interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._load = load
        self._interval_seconds = interval_seconds
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._channels: dict[UUID, _Channel] = {}
        self._thread: threading.Thread | None = None

    def join(self, run_id: UUID) -> _Channel:
        """Return the channel of a run, which has one more watcher."""
        with self._changed:
            channel = self._channels.get(run_id)
            if channel is None or channel.frame.is_last:  # that run may have been resumed since
                channel = _Channel(run_id=run_id)
                self._channels[run_id] = channel
                self._wake.set()
            channel.watchers += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._ask, name="run-hub", daemon=True)
                self._thread.start()
        return channel

    def leave(self, channel: _Channel) -> None:
        """Take a watcher away; a run that nobody watches is asked for no more."""
        with self._changed:
            channel.watchers -= 1
            if not channel.watchers and self._channels.get(channel.run_id) is channel:
                del self._channels[channel.run_id]

    def wait(self, channel: _Channel, seen: int, seconds: float) -> tuple[int, Frame] | None:
        """Return the newest frame and its number, once it is not the one that was seen.

        Args:
            channel: of the run.
            seen: number of the frame that the watcher has; 0: none.
            seconds: how long to wait; None comes back then.
        """
        with self._changed:
            if channel.number == seen:
                self._changed.wait(seconds)
            if channel.number == seen:
                return None
            return channel.number, channel.frame

    def _ask(self) -> None:
        try:
            while True:
                self._wake.clear()
                with self._changed:
                    channels = list(self._channels.values())
                    if not channels:
                        self._thread = None
                        return
                for channel in channels:
                    self._refresh(channel)
                self._wake.wait(self._interval_seconds)
        finally:
            connections.close_all()

    def _refresh(self, channel: _Channel) -> None:
        if channel.frame.is_last:
            return
        try:
            frame = self._load(channel.run_id)
        except Exception:
            # Watchers stay: a database that is away comes back, and heartbeats go on meanwhile.
            logger.warning("Cannot tell how far run %s is", channel.run_id, exc_info=True)
            connections.close_all()
            return
        if frame == channel.frame:
            return
        with self._changed:
            channel.frame = frame
            channel.number += 1
            self._changed.notify_all()


def load_frame(run_id: UUID) -> Frame:
    """Return how far a run is, as watchers are sent it; two queries."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        return Frame(_event("end", b'{"status":"deleted","active":false}'), is_last=True)
    progress = msgspec.json.encode(reading.as_progress(build_progress(run)))
    data = _event("progress", progress)
    if run.is_open:
        return Frame(data, is_last=False)
    return Frame(data + _event("end", progress, event_id=ENDED_ID), is_last=True)


def _event(name: str, data: bytes, *, event_id: str = "") -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: ".encode() + data + b"\n\n"


HUB: Final = Hub(load_frame)


class Watch:
    """The answer to one watcher: what the hub finds, until the run ends or the watcher goes.

    Args:
        request: of the watcher.
        run_id: the run.
        hub: where it is watched.
        counter: where watchers are counted.
        lifetime_seconds: how long it lasts at most.

    Raises:
        TooManyWatchersError: this process has too many of them.
    """

    def __init__(
        self,
        request: HttpRequest,
        run_id: UUID,
        *,
        hub: Hub = HUB,
        counter: Watchers = watchers,
        lifetime_seconds: float = LIFETIME_SECONDS,
    ) -> None:
        counter.enter()
        # Not the request: hundreds of them, with all that hangs on them, would be kept for minutes.
        self._environment = request.META
        self._hub = hub
        self._counter = counter
        self._channel = hub.join(run_id)
        self._until = time.monotonic() + lifetime_seconds
        self._sent_at = 0.0
        self._seen = 0
        self._is_over = False
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return what is sent next, at the latest after a heartbeat's time."""
        if not self._sent_at:
            self._begin()
            return self._note(RETRY)
        while not self._has_ended():
            data = self._find_next(INTERVAL_SECONDS)
            if data:
                return data
        raise StopIteration

    def look(self) -> bytes | None:
        """Return what there is to send now; empty: nothing yet, None: nothing more."""
        if not self._sent_at:
            return self._note(RETRY)
        return None if self._has_ended() else self._find_next(0)

    def close(self) -> None:
        """Let the watcher go."""
        if not self._is_closed:
            self._is_closed = True
            self._hub.leave(self._channel)
            self._counter.leave()

    def _begin(self) -> None:
        give_turn_back(self._environment)
        # Whoever waits holds no connection: the hub asks for all. What belongs to one goes too.
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()
                del connections[connection.alias]

    def _find_next(self, seconds: float) -> bytes:
        """Return what there is to send, after so many seconds at most; empty: nothing."""
        found = self._hub.wait(self._channel, self._seen, seconds)
        if found is not None:
            self._seen, frame = found
            self._is_over = frame.is_last
            return self._note(frame.data)
        if time.monotonic() - self._sent_at >= HEARTBEAT_SECONDS:
            return self._note(b": heartbeat\n\n")
        return b""

    def _note(self, data: bytes) -> bytes:
        self._sent_at = time.monotonic()
        return data

    def _has_ended(self) -> bool:
        if self._is_over or self._counter.is_stopping() or time.monotonic() >= self._until:
            return True
        return is_gone(self._environment)


class WatchLater:
    """The same answer for a server that has no thread for each watcher."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.close = watch.close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return what is sent next."""
        while True:
            data = self._watch.look()
            if data is None:
                raise StopAsyncIteration
            if data:
                return data
            await asyncio.sleep(INTERVAL_SECONDS / 4)
